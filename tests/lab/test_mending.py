"""What a move that broke off has left on real hosts is seen from outside of any move, and mended."""

from __future__ import annotations

import asyncio
import re
import time

from backends.lab.guest_xml import GuestSpec
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.migration.leftovers.mend import mend
from backends.migration.leftovers.unfinished import unfinished
from backends.model.fleet import FleetState
from backends.model.host import HostName
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from tests.supervised import Supervised, supervised

H1, H2 = HostName("h1"), HostName("h2")
_MIGRATE = ("virsh", "migrate", "--live", "--p2p", "--persistent", "--postcopy")
_PAGES_ASKED_FOR = r"Postcopy requests: +([2-9]\d|\d{3})"
"""The destination runs. A loss before that, amid the switch, can hang QEMU 10.0 or end the destination's."""
_SLOWLY = ("--bandwidth", "8", "--postcopy-bandwidth", "4")


def job_says(host: Host, pattern: str, name: str) -> None:
    """Returns when virsh on that host says so of the guest's job."""
    deadline_s = time.monotonic() + 20
    while not re.search(pattern, host.exec("virsh", "domjobinfo", name, check=False).stdout):
        assert time.monotonic() < deadline_s, f"{host.name} never says {pattern}"


def break_postcopy(lab: Lab, name: str) -> None:
    """Of a guest that moves from h1 to h2, by the loss of QEMU's connection."""
    h1 = lab.host("h1")
    job_says(h1, "Memory bandwidth", name)  # memory flows: QEMU has taken the capability
    h1.exec("virsh", "migrate-postcopy", name)
    job_says(h1, _PAGES_ASKED_FOR, name)
    h1.faults.reset_transfers()


async def told(hosts: Supervised, kind: UnfinishedKind, how: Mend) -> Unfinished:
    """The one thing that is left to do, once it is this, and this mends it."""

    def only(state: FleetState) -> bool:
        return [(one.kind, one.mend) for one in unfinished(state, ())] == [(kind, how)]

    state = await hosts.until(only, 30)
    return unfinished(state, ())[0]


async def test_a_broken_post_copy_is_resumed_and_the_source_undefined(lab: Lab) -> None:
    guest = await asyncio.to_thread(lab.guest, GuestSpec(name="split", dirty_mib_s=8))
    h1 = lab.host("h1")
    async with supervised([spec for spec in lab_specs(lab.layout) if spec.name in (H1, H2)]) as hosts:
        command = (*_MIGRATE, *_SLOWLY, "split", "qemu+ssh://root@h2/system")
        moving = asyncio.ensure_future(asyncio.to_thread(h1.exec, *command, check=False, timeout_s=60))
        await asyncio.to_thread(break_postcopy, lab, "split")
        assert (await moving).returncode != 0
        split = await told(hosts, UnfinishedKind.POSTCOPY_BROKEN, Mend.RESUME_POSTCOPY)
        assert split.guest.host == H1
        assert "split between h1 and h2; destroy neither" in split.text
        with guest.watch() as ticks:
            words = await mend(split, hosts.supervisors)
            assert words == "split has all of its memory on h2 now, and is running there"
            await asyncio.to_thread(ticks.wait_for_more)
        twice = await told(hosts, UnfinishedKind.DEFINED_TWICE, Mend.UNDEFINE)
        assert twice.guest.host == H1
        await mend(twice, hosts.supervisors)
        await hosts.until(lambda state: unfinished(state, ()) == ())
    assert await asyncio.to_thread(h1.guests) == {}
    assert await asyncio.to_thread(lab.host("h2").guests) == {"split": "running"}
