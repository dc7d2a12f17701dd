"""One look at one host: what its files, logs and kernel tell of crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from backends.fleet.session import Session
from backends.model.crash import CrashGap, Kdump
from backends.model.guest import Guest
from backends.probes.crashes import kernel_log
from backends.probes.crashes.kdump import read_kdump
from backends.probes.crashes.parsers import PARSERS
from backends.probes.crashes.script import look
from backends.probes.crashes.sighting import Sighting

_ALONE = CrashGap(
    "logs and dumps",
    "this host is reached by libvirt alone",
    "name it as user@host, to be reached over SSH",
)


@dataclass(frozen=True, slots=True)
class Look:
    """What it has brought."""

    sightings: tuple[Sighting, ...] = ()
    gaps: tuple[CrashGap, ...] = ()
    kdump: Kdump | None = None
    ahead_s: float | None = None
    """The host's clock against ours."""
    took_s: float = 0.0
    commands: int = 0


async def look_at(session: Session, guests: Iterable[Guest], *, since_s: float, only_logs: bool) -> Look:
    """One command. Raises FerryError.

    `since_s`: on the host's clock; logs that were written before are left out. `only_logs`: nothing else can be new.
    """
    if session.shell is None:
        return Look(gaps=(_ALONE,))
    consoles = tuple(dict.fromkeys(path for guest in guests for path in guest.console_logs))
    looked = await look(session.shell, since_s=since_s, consoles=consoles, only_logs=only_logs)
    sightings: list[Sighting] = []
    for parser in PARSERS:
        sightings += parser.sightings(looked)
        await asyncio.sleep(0)  # megabytes of logs must not hold up the screen
    return Look(
        sightings=tuple(sightings),
        gaps=(*looked.gaps, *kernel_log.gaps(looked)),
        kdump=None if only_logs else read_kdump(looked),
        ahead_s=looked.readings.clock_ahead_s,
        took_s=looked.readings.took_s,
        commands=1,
    )
