"""Do both hosts guard their disks by the same lock manager?"""

from __future__ import annotations

from backends.migration.checks.context import Context
from backends.model.move import Check, Verdict
from backends.probes.qemu_conf import QemuConf


async def same(context: Context) -> list[Check]:
    """Nothing where one of the two cannot be read."""
    here, there = await context.qemu_conf(context.source), await context.qemu_conf(context.destination)
    check = locks_verdict(here, there, context.source.host, context.destination.host)
    return [check] if check else []


def locks_verdict(here: QemuConf, there: QemuConf, source: str, destination: str) -> Check | None:
    """Pure."""
    if not (here.readable and there.readable):
        return None
    names = (here.lock_manager or "none", there.lock_manager or "none")
    id_, title = "host.locks", "lock manager"
    if names[0] == names[1]:
        return Check(id_, title, Verdict.OK, f"{names[0]} on both hosts")
    evidence = f"{names[0]} on {source}, {names[1]} on {destination}: neither sees the other's locks"
    return Check(id_, title, Verdict.WARNING, evidence, "set lock_manager alike in both qemu.conf")
