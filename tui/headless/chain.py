"""`virt-ferry chain`: what lies under a guest's disks, from the guest down to the bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from backends.api import FerryError, Fleet
from backends.model.guest import Disk, Guest
from backends.model.storage import Chain, ChainLink
from tui.format import long_size
from tui.headless.each_host import tell_trouble
from tui.headless.exits import Exit, UsageError
from tui.headless.growth_lines import chain_line
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import label_width, tell_entries
from tui.headless.session import HostOptions, find_guest, settled_fleet

_INDENT = 2


async def chain(options: HostOptions, guest: str, disk: str | None, *, json: bool) -> Exit:
    """One disk, or all that have something in them. FAILED when one of them cannot be read."""
    out = Output()
    async with settled_fleet(options, described=True) as (fleet, state):
        found = find_guest(state, guest)
        disks = [find_disk(found, disk)] if disk else [each for each in found.disks if each.source]
        if not disks:
            raise UsageError(f"{found.name} has no disks")
        chains = await asyncio.gather(*(_read(fleet, found, each) for each in disks))
    known = [each for each in chains if each is not None]
    for number, each in enumerate(known):
        if json:
            out.json(chain_line(each))
            continue
        if number:
            out.line()
        tell_chain(out, each)
    return Exit.SUCCEEDED if len(known) == len(chains) else Exit.FAILED


def find_disk(guest: Guest, target: str) -> Disk:
    """The disk with this name inside the definition. Raises UsageError."""
    for disk in guest.disks:
        if disk.target == target:
            return disk
    known = ", ".join(disk.target for disk in guest.disks) or "none"
    raise UsageError(f"{guest.name} has no disk {target!r}", f"its disks: {known}")


async def _read(fleet: Fleet, guest: Guest, disk: Disk) -> Chain | None:
    try:
        return await fleet.chain(guest.key, disk.target)
    except FerryError as error:
        tell_trouble(error)
        return None


def tell_chain(out: Output, chain: Chain) -> None:
    """A drawing: each layer stands on the one below it."""
    out.line(out.ink(f"{chain.target} of {chain.name} on {chain.guest.host}", Ink.BOLD))
    width = label_width([link.kind.value for link in chain.links])
    for number, link in enumerate(chain.links):
        if number:
            out.line(f"{'':<{_INDENT}}{out.ink('|', Ink.DIM)}")
        tell_entries(out, _entries(link), indent=_INDENT, width=width)


def _entries(link: ChainLink) -> Sequence[tuple[str, str, Ink]]:
    measured = "" if link.size_bytes is None else long_size(link.size_bytes)
    words = ", ".join(part for part in (link.label, measured, link.detail) if part)
    entries = [(link.kind.value, words, Ink.PLAIN)]
    if link.trouble:
        entries.append(("", f"not known from here on: {link.trouble}", Ink.DOUBT))
    return entries
