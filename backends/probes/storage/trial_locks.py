"""Does a lock that one host takes hold for the others? Tried on a file of our own, never on a guest's.

First a lock of QEMU's own kind (open file description locks on single bytes, fcntl(2); QEMU's file-posix.c), as it is
what guards guests' images: qemu-io takes it, with QEMU's blkdebug driver between, which can refuse to share. Where a
host has no qemu-io, flock(2) by util-linux, which network file systems may handle in another way (nfs(5): local_lock).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from backends.errors import FerryError
from backends.remote.shell import Answer, Shell
from backends.untrusted import clean

HOLD_DEADLINE_S = 8.0
_HELD = b"bytes"
"""qemu-io answers `length` so, once it has the file and its locks; our own word for flock."""
_LOCKED_OUT = 'Failed to get "write" lock'
"""QEMU's words when another one holds it (block/file-posix.c)."""
_MISSING = 127
_BUSY = 1
"""flock(1) with -n, where another one holds it; its own troubles have other numbers (sysexits.h)."""

_BY_QEMU = """
command -v qemu-io >/dev/null || exit 127
exec qemu-io --image-opts "driver=raw,file.driver=blkdebug,file.image.driver=file,\
file.image.filename=$1,file.take-child-perms.0=write,file.unshare-child-perms.0=write"
"""
_BY_FLOCK = """
command -v flock >/dev/null || exit 127
exec 9<>"$1" && flock -xn 9 && echo 'bytes' && cat >/dev/null
"""


class Means(Enum):
    """How a lock is taken."""

    QEMU = "a lock of QEMU's kind"
    FLOCK = "flock"


@dataclass(frozen=True, slots=True)
class Trial:
    """What one host has found."""

    holds: bool | None
    words: str
    """What was tried, and what came of it. Safe to show."""


async def hold_and_try(
    holder: Shell, path: str, others: Sequence[tuple[Shell, str]], deadline_s: float
) -> tuple[Trial, ...]:
    """Lock the file through the holder, and see whether the others can. Those that cannot tell try the other means."""
    found = [Trial(None, "locks not tried: neither qemu-io nor flock on both hosts")] * len(others)
    for means in Means:
        open_ = [number for number, trial in enumerate(found) if trial.holds is None]
        if not open_ or (means is Means.QEMU and "," in path):
            continue  # a comma would end the file's name for QEMU
        trials = await _held(holder, path, [others[number] for number in open_], means, deadline_s)
        for number, trial in zip(open_, trials, strict=True):
            if trial.holds is not None or trial.words:
                found[number] = trial
    return tuple(found)


async def _held(
    holder: Shell, path: str, others: Sequence[tuple[Shell, str]], means: Means, deadline_s: float
) -> tuple[Trial, ...]:
    """Empty words where a tool is missing."""
    script = _BY_QEMU if means is Means.QEMU else _BY_FLOCK
    command = ("env", "LC_ALL=C", "sh", "-c", script, "sh", path)
    try:
        async with holder.open_process(command, stall_s=HOLD_DEADLINE_S) as process:
            await process.write(b"length\n")  # a question for qemu-io; flock's script ignores it
            said = b""
            while _HELD not in said:
                piece = await process.read(4096)
                if not piece:
                    return (_not_held(await process.wait(), means),) * len(others)
                said = (said + piece)[-8192:]
            trials = await asyncio.gather(*(_try(*other, means, deadline_s) for other in others))
            process.write_eof()
            return tuple(trials)
    except FerryError as error:
        return (Trial(None, f"no lock could be held: {error}"),) * len(others)


def _not_held(answer: Answer, means: Means) -> Trial:
    if answer.status == _MISSING:
        return Trial(None, "")
    said = clean(" ".join(answer.err.split()), limit=200) or f"status {answer.status}"
    return Trial(None, f"{means.value} could not be taken: {said}")


async def _try(shell: Shell, path: str, means: Means, deadline_s: float) -> Trial:
    by_qemu = ("qemu-io", "-f", "raw", "-c", "quit", path)
    command = by_qemu if means is Means.QEMU else ("flock", "-x", "-n", path, "true")
    try:
        return judge(await shell.run(("env", "LC_ALL=C", *command), deadline_s=deadline_s), means)
    except FerryError as error:
        return Trial(None, f"no lock was tried: {error.cause}")


def judge(answer: Answer, means: Means) -> Trial:
    """What the attempt to lock tells. Pure."""
    if answer.status == 0:
        return Trial(False, f"{means.value} does not hold across them: both could write at once")
    is_held = _LOCKED_OUT in answer.err if means is Means.QEMU else answer.status == _BUSY and not answer.err
    if is_held:
        return Trial(True, f"{means.value} holds across them")
    if answer.status == _MISSING:
        return Trial(None, "")
    said = clean(" ".join(answer.err.split()), limit=200) or f"status {answer.status}"
    return Trial(None, f"{means.value} could not be tried: {said}")
