"""How a disk grows that QEMU itself reaches over the network. Pure."""

from __future__ import annotations

from backends.model.storage import GrowKind, GrowStep
from backends.storage.growth.drafts import MIB, Draft, Planned, for_the_guest, refusal, rounded_up, size
from backends.storage.growth.layers import Stack

_GROWN_BY_QEMU = ("rbd", "gluster")
"""Drivers of QEMU's that make what is on the storage longer (block/rbd.c, block/gluster.c: bdrv_co_truncate)."""
_FOLLOWED_BY_QEMU = ("iscsi",)
"""Those that only look again how large it is (block/iscsi.c)."""


def grow_network(stack: Stack, after_bytes: int) -> Draft:
    """By protocol."""
    protocol = stack.disk.source.partition(":")[0]
    if not stack.is_raw:
        return refusal(after_bytes, f"a {stack.disk.format} image over {protocol} is not grown here")
    if protocol not in (*_GROWN_BY_QEMU, *_FOLLOWED_BY_QEMU):
        return refusal(after_bytes, f"QEMU cannot grow a disk over {protocol or 'the network'}")
    if protocol in _GROWN_BY_QEMU:
        if not stack.state.active:
            hint = "start the guest and grow it then, or use the storage's own tools"
            return refusal(after_bytes, f"{protocol} disks grow here only while the guest runs", hint)
        step = for_the_guest(
            stack, after_bytes, f"QEMU grows the {protocol} image, and the guest sees it at once"
        )
        return Draft(after_bytes, (step,), ("not known how much room its storage has",))
    after = rounded_up(after_bytes, MIB)
    on_storage = _on_its_storage(stack, after)
    if not stack.state.active:
        return Draft(after, (on_storage,), ("the guest is off: it sees the new size at its next start",))
    step = for_the_guest(stack, after, "QEMU looks at the LUN again, and the guest sees it at once")
    return Draft(after, (on_storage, step))


def _on_its_storage(stack: Stack, after: int) -> Planned:
    before = stack.seen_bytes
    more = f"{size(after - before)} more" if before is not None else size(after)
    words = f"on its storage, the LUN {stack.disk.source} has to have {more}"
    step = GrowStep(
        GrowKind.GROW_LUN, stack.spec.name, words, before, after, "on the storage itself", ours=False
    )
    return Planned(step)
