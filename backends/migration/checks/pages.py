"""Are the destination's huge pages, NUMA nodes and processors such as the definition wants?"""

from __future__ import annotations

from collections.abc import Iterator

from backends.hypervisor.guest_needs import GuestNeeds
from backends.hypervisor.host_offers import HostOffers, read_free_pages
from backends.migration.checks.context import Context
from backends.model.move import Check, Verdict


async def placement(context: Context) -> list[Check]:
    """Nothing where the definition wants nothing."""
    needs = await context.needs()
    if not (needs.page_kib or needs.numa_nodes or needs.pinned_cpus):
        return []
    offers, host = await context.offers(), context.destination.host
    checks = [*node_verdicts(needs, offers, host), *pin_verdicts(needs, offers, host)]
    for size in needs.page_kib:
        free = await read_free_pages(context.destination_connection, size) if size else None
        checks.append(pages_verdict(size, needs.memory_kib, free, offers, host))
    return checks


def pages_verdict(page_kib: int, memory_kib: int, free: int | None, offers: HostOffers, host: str) -> Check:
    """Pure. A host may make more pages when they are asked for (nr_overcommit_hugepages), so too few is a doubt."""
    id_, title = "host.hugepages", "huge pages"
    if page_kib == 0:
        evidence = f"it lives in huge pages of the host's own size; how many are free on {host} is not known"
        return Check(id_, title, Verdict.UNKNOWN, evidence, f"see: virsh freepages --all (on {host})")
    size = f"{page_kib} KiB"
    if offers.page_kib and page_kib not in offers.page_kib:
        evidence = f"{host} has no huge pages of {size}"
        return Check(id_, title, Verdict.REFUSE, evidence, "choose a host that has, or another page size")
    wanted = -(-memory_kib // page_kib)
    if free is None:
        evidence = f"it needs {wanted} pages of {size}; how many are free on {host} is not known"
        return Check(id_, title, Verdict.UNKNOWN, evidence)
    evidence = f"it needs {wanted} pages of {size}, {free} are free on {host}"
    if free < wanted:
        mend = f"on {host}: virsh allocpages {page_kib} {wanted - free} --add"
        return Check(id_, title, Verdict.WARNING, evidence, mend)
    return Check(id_, title, Verdict.OK, evidence)


def node_verdicts(needs: GuestNeeds, offers: HostOffers, host: str) -> Iterator[Check]:
    """Pure."""
    missing = needs.numa_nodes - offers.numa_nodes
    if needs.numa_nodes and offers.numa_nodes and missing:
        evidence = f"its memory is bound to NUMA node {_list(missing)}, which {host} does not have"
        mend = "change <numatune> first: virsh numatune"
        yield Check("host.numa", "NUMA", Verdict.REFUSE, evidence, mend)


def pin_verdicts(needs: GuestNeeds, offers: HostOffers, host: str) -> Iterator[Check]:
    """Pure. A processor that may run on some of the host's is fine; on none is not (sched_setaffinity(2), EINVAL)."""
    lost = [pin for pin in needs.pinned_cpus if pin and offers.cpus and not pin & offers.cpus]
    if lost:
        evidence = (
            f"it is pinned to processor {_list(frozenset[int]().union(*lost))}, which {host} does not have"
        )
        yield Check(
            "host.pinning", "pinning", Verdict.REFUSE, evidence, "change <cputune> first: virsh vcpupin"
        )


def _list(numbers: frozenset[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers)[:8])
