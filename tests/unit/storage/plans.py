"""Plans to grow the disks of tests.unit.storage.stacks, and what the tests ask of them."""

from __future__ import annotations

from dataclasses import replace

from backends.model.guest import Disk, DiskKind, GuestState
from backends.model.storage import GrowKind, GrowPlan
from backends.probes.storage.images import Images
from backends.storage.growth.layers import Stack
from backends.storage.growth.plan import draw
from tests.unit.storage.stacks import EXTENT, GIB, MIB, on_file

TOLD, INSIDE = GrowKind.RESIZE_GUEST_DISK, GrowKind.INSIDE_GUEST
USABLE = (10 * GIB - MIB) // EXTENT * EXTENT
OFF = GuestState.OFF


def kinds(plan: GrowPlan) -> list[GrowKind]:
    return [step.kind for step in plan.steps]


def sizes(plan: GrowPlan) -> list[tuple[int | None, int | None]]:
    return [(step.before_bytes, step.after_bytes) for step in plan.steps]


def plan(stack: Stack, size_bytes: int) -> GrowPlan:
    return draw(stack, size_bytes).plan


def changed(stack: Stack, **changes: object) -> Stack:
    return replace(stack, **changes)  # type: ignore[arg-type]  # fields by name


def network(source: str, **changes: object) -> Stack:
    disk = Disk("vda", DiskKind.NETWORK, source)
    return changed(on_file(disk=disk, path="", images=Images()), **changes)
