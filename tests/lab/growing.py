"""What tests of growing disks do again and again."""

from __future__ import annotations

import asyncio
import re

from backends.api import Fleet
from backends.lab.guest import Guest as LabGuest
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.process import wait_until
from backends.model.guest import Guest
from backends.model.storage import GrowPlan, GrowProgress
from tests.watching import guest_named, until

MIB = 1024 * 1024
SECTOR = 512


async def running(lab: Lab, fleet: Fleet, spec: GuestSpec) -> tuple[LabGuest, Guest]:
    """A guest on h1 that runs, and what the fleet knows of it."""
    made = await asyncio.to_thread(lab.guest, spec)
    state = await until(fleet, lambda state: any(g.name == spec.name and g.disks for g in state.guests()))
    return made, guest_named(state, spec.name)


async def all_of(fleet: Fleet, plan: GrowPlan) -> list[GrowProgress]:
    """Carry it out, and keep all that is told."""
    return [progress async for progress in fleet.grow(plan)]


def size_inside(lab: Lab, guest: LabGuest) -> int:
    """How large the guest's own kernel says that its disk is."""
    seen = guest.console.read_text(errors="replace").count("vda has ")

    def sizes() -> list[str]:
        return re.findall(r"vda has (\d+)", guest.console.read_text(errors="replace"))

    guest.type(lab.host("h1"), "sh echo vda has $(cat /sys/block/vda/size)")
    wait_until(lambda: len(sizes()) > seen, timeout_s=10, what="the guest to tell")
    return int(sizes()[-1]) * SECTOR
