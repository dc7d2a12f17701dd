"""What one place tells of one crash, before what several places tell is joined."""

from __future__ import annotations

from dataclasses import dataclass

from backends.model.crash import CrashKind, Evidence


@dataclass(frozen=True, slots=True)
class Sighting:
    """One place's. Texts of `evidence` are safe to show; `guest` and `process` are as the host writes them, for
    comparison, NOT safe to show."""

    kind: CrashKind
    evidence: Evidence
    at_s: float | None = None
    """Seconds since 1970 on the host's clock; None: nothing tells."""
    exact: bool = True
    """False: it happened then or before (a file's time)."""
    guest: str = ""
    """The guest's name; empty: not told."""
    uuid: str = ""
    pid: int | None = None
    """Of the guest's process, where it is told: what else tells of that process belongs to the same guest."""
    path: str = ""
    """A disk or image that the text is about: where no name is told, it says whose guest it is."""
    driver: str = ""
    """Of the guest, where libvirt tells; of what a file tells, its path does."""
    process: str = ""
    """The name of the process that crashed."""
