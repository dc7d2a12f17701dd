"""One host's block devices against those of others: all are asked at once, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from backends.errors import FerryError
from backends.probes.markers import End
from backends.probes.storage import header
from backends.probes.storage.header import HostDevices
from backends.probes.storage.same_device import Sameness, compare, compare_groups

LOOKS = 3
LOOK_PAUSE_S = 0.5
"""A guest that writes may change the first bytes between the looks of two hosts."""


async def compare_all(
    first: End, paths: Sequence[str], others: Sequence[tuple[End, Sequence[str]]]
) -> tuple[tuple[Sameness, ...], ...]:
    """For each of the others, one answer for each path; theirs may have other names, in the same order."""
    found = await _compared(first, paths, others)
    for _ in range(LOOKS - 1):
        changing = [number for number, each in enumerate(found) if any(one.may_have_changed for one in each)]
        if not changing:
            break
        await asyncio.sleep(LOOK_PAUSE_S)
        again = await _compared(first, paths, [others[number] for number in changing])
        for number, each in zip(changing, again, strict=True):
            found[number] = each
    return tuple(found)


async def _compared(
    first: End, paths: Sequence[str], others: Sequence[tuple[End, Sequence[str]]]
) -> list[tuple[Sameness, ...]]:
    here, *theirs = await asyncio.gather(_asked(first, paths), *(_asked(end, names) for end, names in others))
    return [
        tuple(compare(here, path, there, name) for path, name in zip(paths, names, strict=True))
        for there, (_, names) in zip(theirs, others, strict=True)
    ]


async def compare_all_groups(
    first: End, group: str, others: Sequence[tuple[End, str]]
) -> tuple[Sameness, ...]:
    """One volume group against those of the others."""
    here, *theirs = await asyncio.gather(_asked(first, ()), *(_asked(end, ()) for end, _ in others))
    pairs = zip(theirs, others, strict=True)
    return tuple(compare_groups(here, there, group, name) for there, (_, name) in pairs)


async def _asked(end: End, paths: Sequence[str]) -> HostDevices:
    """One that does not answer tells why."""
    if end.shell is None:
        return HostDevices(end.host, trouble="reached by libvirt alone, without files")
    try:
        return await header.ask(end.shell, end.host, paths)
    except FerryError as error:
        return HostDevices(end.host, trouble=error.cause)
