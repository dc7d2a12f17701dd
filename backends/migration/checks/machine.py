"""Does the destination's hypervisor know the guest's kind of machine?"""

from __future__ import annotations

import re

from backends.hypervisor.guest_needs import GuestNeeds
from backends.hypervisor.host_offers import EmulatorOffer, HostOffers, ask_emulator
from backends.migration.checks.context import Context
from backends.model.move import Check, Verdict
from backends.untrusted import clean

_ID, _TITLE = "host.machine", "machine type"
_NUMBER = re.compile(r"\d+")


async def known(context: Context) -> list[Check]:
    """Architecture, kind of virtualization, machine type and emulator; asked of libvirt there."""
    needs, offers = await context.needs(), await context.offers()
    host = context.destination.host
    if obstacle := architecture_verdict(needs, offers, host):
        return [obstacle]
    if not needs.machine:
        return [Check(_ID, _TITLE, Verdict.OK, f"{needs.kind} on {needs.arch or 'any processor'}")]
    answer = await emulator(context, needs)
    return [machine_verdict(needs, offers, answer, host)]


async def emulator(context: Context, needs: GuestNeeds) -> EmulatorOffer:
    """What the guest's emulator offers there; asked once. Raises FerryError."""
    return await context.once.get(
        "emulator",
        lambda: ask_emulator(
            context.destination_connection,
            emulator=needs.emulator,
            arch=needs.arch,
            machine=needs.machine,
            kind=needs.kind,
        ),
    )


def architecture_verdict(needs: GuestNeeds, offers: HostOffers, host: str) -> Check | None:
    """Pure. Only what the host's own list lacks is a certain no."""
    if not offers.archs or not needs.arch:
        return None
    offer = offers.archs.get(needs.arch)
    if offer is None:
        evidence = f"the guest needs {needs.arch}, {host} offers {', '.join(sorted(offers.archs))}"
        return Check(
            "host.arch", "architecture", Verdict.REFUSE, evidence, "choose a host of its architecture"
        )
    if needs.kind and offer.kinds and needs.kind not in offer.kinds:
        evidence = f"the guest needs {needs.kind}, {host} offers {', '.join(sorted(offer.kinds))}"
        mend = f"load the kernel module and enable virtualization in the firmware of {host}"
        return Check("host.arch", "architecture", Verdict.REFUSE, evidence, mend)
    return None


def machine_verdict(needs: GuestNeeds, offers: HostOffers, answer: EmulatorOffer, host: str) -> Check:
    """Pure."""
    if not answer.trouble:
        return Check(_ID, _TITLE, Verdict.OK, f"{needs.machine} is known on {host}")
    machines = offers.archs[needs.arch].machines if needs.arch in offers.archs else frozenset[str]()
    if needs.machine in answer.trouble and machines and needs.machine not in machines:
        near = nearest(needs.machine, machines)
        evidence = f"{host} does not know {needs.machine}" + (
            f"; the nearest that it knows is {near}" if near else ""
        )
        mend = f"update QEMU on {host}, or give the guest {near or 'another machine type'} and restart it"
        return Check(_ID, _TITLE, Verdict.REFUSE, evidence, mend)
    if "No such file or directory" in answer.trouble:
        path = clean(needs.emulator, limit=200)
        evidence, mend = (
            f"{host} has no {path}: {answer.trouble}",
            f"install it there, or link {path} to its own",
        )
        return Check(_ID, _TITLE, Verdict.REFUSE, evidence, mend)
    return Check(_ID, _TITLE, Verdict.UNKNOWN, f"{host}: {answer.trouble}")


def nearest(machine: str, machines: frozenset[str]) -> str:
    """The newest of the same family that is not newer, else the oldest of it: `pc-q35-9.0` -> `pc-q35-7.2`. Pure."""
    family, version = _split(machine)
    same = sorted(
        (_split(name)[1], name) for name in machines if _split(name)[0] == family and _split(name)[1]
    )
    older = [name for number, name in same if number <= version]
    if older:
        return older[-1]
    return same[0][1] if same else ""


def _split(machine: str) -> tuple[str, tuple[int, ...]]:
    """`pc-i440fx-7.2` -> (`pc-i440fx`, (7, 2)); RHEL's `pc-q35-rhel9.2.0` -> (`pc-q35-rhel`, (9, 2, 0))."""
    head = re.sub(r"-?\d+(\.\d+)*$", "", machine)
    return head, tuple(int(number) for number in _NUMBER.findall(machine[len(head) :]))
