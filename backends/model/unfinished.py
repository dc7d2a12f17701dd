"""Unfinished business: what moves have left behind on hosts, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from backends.model.guest import GuestKey
from backends.model.move import MoveId


class UnfinishedKind(Enum):
    """What is left to do, most urgent first."""

    RUNS_TWICE = "runs twice"
    """Two hosts execute the same guest: its disks are in danger. Only a person may decide."""
    POSTCOPY_BROKEN = "post-copy broke off"
    """Its memory is split between two hosts: destroy neither, resume the transfer."""
    PAUSED = "left paused"
    """A move has left it paused, and no transfer runs any more."""
    STATE_FILE = "saved state left"
    DISK_FILE = "copied disk left"
    DEFINED_TWICE = "defined twice"
    """It runs on one host and is defined on another: a second start there would ruin its disks."""


class Mend(Enum):
    """What this program can do about it."""

    UNDEFINE = "remove the definition"
    RESUME = "resume the guest"
    RESUME_POSTCOPY = "resume the post-copy transfer"
    RESTORE = "restore the guest from its saved state"
    REMOVE_FILE = "remove the file"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One thing that is left to do, on one host."""

    id: str
    """Stable as long as it is there: `defined-twice/h1/qemu/UUID`."""
    kind: UnfinishedKind
    guest: GuestKey
    """With the host on which it is to be mended."""
    name: str
    text: str
    """What is wrong, in one sentence."""
    mend: Mend | None = None
    """None: only a person can decide."""
    command: str = ""
    """The virsh (or shell) command that does the same."""
    move: MoveId | None = None
    """The move that left it, where the journal knows."""
    path: str = ""
    """Of a file, as it is: to be used, never to be shown."""
    was_paused: bool = False
    """The guest stood still before the move: restored from its state, it is to do so again."""
