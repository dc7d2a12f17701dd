"""`virt-ferry hosts`."""

from __future__ import annotations

from backends.model.fleet import HostView
from backends.model.host import Link
from tui.format import share, size
from tui.headless.exits import Exit
from tui.headless.lines import host_line
from tui.headless.output import Ink, Output
from tui.headless.session import HostOptions, settled_fleet

LINK_INK = {Link.UP: Ink.GOOD, Link.DEGRADED: Ink.DOUBT, Link.STALE: Ink.DOUBT, Link.DOWN: Ink.ALARM}

_TITLES = ("HOST", "LINK", ">CPUS", ">CPU", ">MEMORY", ">USED", ">GUESTS", "DRIVERS", "REASON")


async def hosts(options: HostOptions, *, json: bool) -> Exit:
    """Tell of each host whether it answers and what it has. FAILED when none answers."""
    out = Output()
    async with settled_fleet(options) as (_, state):
        views = list(state.hosts.values())
        if json:
            for view in views:
                out.json(host_line(view))
        else:
            out.table(_TITLES, [_row(view) for view in views])
    return Exit.SUCCEEDED if any(view.link.answers for view in views) else Exit.FAILED


def _row(view: HostView) -> list[str | tuple[str, Ink]]:
    facts, load = view.facts, view.load if view.link.answers else None
    used = load.memory_used_bytes if load else None
    return [
        view.spec.name,
        (view.link.link.value, LINK_INK.get(view.link.link, Ink.PLAIN)),
        str(facts.cpus) if facts else "",
        share(load.cpu) if load and load.cpu is not None else "",
        size(view.memory_bytes) if view.memory_bytes is not None else "",
        size(used) if used is not None else "",
        str(len(view.guests)),
        ", ".join(driver.name for driver in facts.drivers) if facts else "",
        view.link.reason,
    ]
