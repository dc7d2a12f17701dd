"""What a plan is made of before it is told: steps with the deed of each, doubts, and why it cannot be."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import humanize

from backends.model.guest import virsh_name
from backends.model.storage import GrowKind, GrowStep
from backends.storage.growth.layers import Stack
from backends.untrusted import clean

LVM_DEADLINE_S = 60.0
"""It waits for locks of others, and writes to every device of the group."""
RESCAN_DEADLINE_S = 30.0
IMAGE_DEADLINE_S = 60.0
AS_ROOT = "log in as root: this account may not change it"
MIB = 1024 * 1024
_WORD_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Run:
    """A command on the host."""

    argv: tuple[str, ...]
    deadline_s: float
    stdin: bytes = b""


@dataclass(frozen=True, slots=True)
class ResizeGuestDisk:
    """QEMU grows the disk of an active guest, with what it can grow of the image."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class ResizeVolume:
    """libvirt grows a volume that no active guest has."""

    pool: str
    volume: str
    size_bytes: int


Deed = Run | ResizeGuestDisk | ResizeVolume


@dataclass(frozen=True, slots=True)
class Planned:
    """A step with its deed; None where it is not ours."""

    step: GrowStep
    deed: Deed | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """Of some layers, lowest first."""

    after_bytes: int
    """How large the disk is for the guest in the end."""
    steps: tuple[Planned, ...] = ()
    doubts: tuple[str, ...] = ()
    refused: str = ""
    hint: str = ""


def refusal(after_bytes: int, why: str, hint: str = "") -> Draft:
    """It cannot be done."""
    return Draft(after_bytes, refused=why, hint=hint)


def on_host(
    stack: Stack,
    kind: GrowKind,
    words: str,
    sizes: tuple[int | None, int | None],
    run: Run,
    shown: str = "",
    *,
    online: bool = True,
) -> Planned:
    """A step that a command does; `shown`: how a person would type it, where that differs."""
    command = shown or shlex.join(clean(word, limit=_WORD_LIMIT) for word in run.argv)
    login = stack.spec.ssh_command
    command = f"{login} {shlex.quote(command)}" if login else command
    return Planned(GrowStep(kind, stack.spec.name, words, *sizes, command, online=online), run)


def for_the_guest(stack: Stack, after_bytes: int, words: str) -> Planned:
    """The step by which an active guest sees more."""
    uri = stack.spec.virsh_uri(stack.guest.driver)
    name = virsh_name(stack.name, stack.guest)
    command = ["virsh", "-c", uri, "blockresize", name, stack.disk.target, f"{after_bytes}B"]
    sizes = (stack.seen_bytes, after_bytes)
    step = GrowStep(GrowKind.RESIZE_GUEST_DISK, stack.spec.name, words, *sizes, shlex.join(command))
    return Planned(step, ResizeGuestDisk(after_bytes))


def for_the_image(stack: Stack, after_bytes: int) -> Planned:
    """The step by which the image of a guest that is off grows."""
    run = Run(
        ("qemu-img", "resize", "-q", "-f", stack.disk.format, "--", stack.path, str(after_bytes)),
        IMAGE_DEADLINE_S,
    )
    words = f"qemu-img grows the {stack.disk.format} image"
    return on_host(stack, GrowKind.RESIZE_IMAGE, words, (stack.seen_bytes, after_bytes), run, online=False)


def inside(stack: Stack, after_bytes: int) -> Planned:
    """What is left to the guest's own administrator."""
    device, part = (shlex.quote(f"/dev/{stack.disk.target}{number}") for number in ("", "1"))
    words = "in the guest, let the partition and the file system take the room (XFS: xfs_growfs)"
    if stack.disk.target.startswith(("hd", "sd")):
        words += "; an IDE, SATA or USB disk shows it after the guest was off"
    command = f"growpart {device} 1 && resize2fs {part}"
    step = GrowStep(
        GrowKind.INSIDE_GUEST, stack.spec.name, words, stack.seen_bytes, after_bytes, command, ours=False
    )
    return Planned(step)


def rounded_up(size_bytes: int, unit_bytes: int) -> int:
    """To a multiple of the unit."""
    return -(-size_bytes // unit_bytes) * unit_bytes


def size(size_bytes: int) -> str:
    """For people."""
    return humanize.naturalsize(size_bytes, binary=True)


def named(names: Sequence[str]) -> str:
    """A few of them."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
