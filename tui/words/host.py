"""A host in words: two lines at the side of the guests, and its cells in the list of hosts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from backends.model.fleet import HostView
from backends.model.host import Link, LinkStatus
from tui.format import UNKNOWN, count, duration, share, size
from tui.glyphs import Glyphs
from tui.widgets.bar import sparkline
from tui.widgets.grid_columns import Align, Cell, Column, Tone
from tui.widgets.lines import Line, dim, length, line, spread, wrap

_TONES = {
    Link.CONNECTING: Tone.DIM,
    Link.UP: Tone.GOOD,
    Link.DEGRADED: Tone.DOUBT,
    Link.STALE: Tone.DOUBT,
    Link.DOWN: Tone.ALARM,
}


def link_tone(link: Link) -> Tone:
    """How loud a link's state is."""
    return _TONES[link]


def link_sign(link: Link, glyphs: Glyphs) -> str:
    """The sign before a host's name."""
    match link:
        case Link.UP:
            return glyphs.running
        case Link.DEGRADED:
            return glyphs.warning
        case Link.CONNECTING:
            return glyphs.connecting
        case Link.STALE:
            return glyphs.stale
        case Link.DOWN:
            return glyphs.down


def link_cell(status: LinkStatus, glyphs: Glyphs) -> Cell:
    """A sign and a word."""
    return Cell(f"{link_sign(status.link, glyphs)} {status.link.value}", link_tone(status.link))


def host_lines(view: HostView, glyphs: Glyphs, now: datetime, width: int) -> list[Line]:
    """A host at the side: load while it answers, else what is wrong and since when."""
    status = view.link
    sign = Cell(f" {link_sign(status.link, glyphs)} ", link_tone(status.link))
    name = Cell(view.spec.name, Tone.TITLE)
    if status.link is not Link.UP:
        word = Cell(f"{status.link.value} {_age(status.since, now)} ", link_tone(status.link))
        reason = wrap(status.reason or "waiting for an answer", width - 1, Tone.DIM, indent="   ")
        return [spread((sign, name), (word,), width), *reason[:2]]
    return [
        spread((sign, name), _cpu(view, glyphs), width),
        spread((), _memory(view), width),
    ]


def _cpu(view: HostView, glyphs: Glyphs) -> Line:
    load = view.load
    if load is None or load.cpu is None:
        return line(dim("cpu   - "))
    return line(
        Cell(sparkline(load.cpu_history[-8:], glyphs), Tone.DIM),
        Cell(f" {share(load.cpu):>4}"),
        dim(" cpu "),
    )


def _memory(view: HostView) -> Line:
    if view.facts is None:
        return line(dim("mem   - "))
    used = view.load.memory_used_bytes if view.load else None
    shown = size(used) if used is not None else "-"
    return line(Cell(shown), dim(f" of {size(view.memory_bytes)} mem "))


def hosts_summary(views: list[HostView], glyphs: Glyphs, now: datetime, width: int) -> Line:
    """All hosts in one line, for narrow screens; with what is wrong and since when, where there is room."""
    full = _summary(views, glyphs, lambda status: f" {_age(status.since, now)} {status.reason}".rstrip())
    return full if length(full) <= width else _summary(views, glyphs, lambda _: "")


def _summary(views: list[HostView], glyphs: Glyphs, trouble: Callable[[LinkStatus], str]) -> Line:
    parts: list[Cell] = [dim(" ")]
    for view in views:
        status = view.link
        parts += [
            Cell(f"{link_sign(status.link, glyphs)} ", link_tone(status.link)),
            Cell(view.spec.name),
            dim(
                f" {share(view.load.cpu)}"
                if status.answers and view.load and view.load.cpu is not None
                else ""
            ),
            Cell("" if status.link is Link.UP else f" {status.link.value}", link_tone(status.link)),
            dim("" if status.link is Link.UP else trouble(status)),
            dim("   "),
        ]
    return tuple(parts)


def host_columns(glyphs: Glyphs, clock: Callable[[], datetime]) -> list[Column[HostView]]:
    """Host, link, since when, load, guests, drivers, reason."""
    return [
        Column(
            id="host", title="HOST", cell=_name, width=12, flex=1, max_width=24, sort=_by_name, priority=9
        ),
        Column(
            id="link",
            title="LINK",
            cell=lambda view: link_cell(view.link, glyphs),
            width=12,
            sort=_by_link,
            priority=9,
        ),
        _figure("since", "SINCE", 6, lambda view: _age(view.link.since, clock()), priority=6),
        _figure(
            "cpus", "CPUS", 4, lambda view: count(view.facts.cpus) if view.facts else UNKNOWN, priority=3
        ),
        _figure("cpu", "CPU", 4, lambda view: share(_load(view)), priority=6),
        _figure("used", "USED", 5, lambda view: size(_used(view)), priority=6),
        _figure(
            "memory",
            "MEM",
            5,
            lambda view: size(view.memory_bytes),
            priority=6,
        ),
        _figure("guests", "GUESTS", 6, lambda view: count(len(view.guests)), priority=5),
        Column(id="drivers", title="DRIVERS", cell=_drivers, width=9, flex=1, max_width=16, priority=4),
        Column(id="reason", title="REASON", cell=_reason, width=20, flex=4, priority=7),
    ]


def host_detail(view: HostView, glyphs: Glyphs, now: datetime, width: int) -> list[Line]:
    """All that is known of one host."""
    status, facts = view.link, view.facts
    lines = [
        line(
            Cell(f" {view.spec.name}  ", Tone.TITLE),
            link_cell(status, glyphs),
            dim(f"  for {_age(status.since, now)}"),
        )
    ]
    lines += _field("reached", f"{view.spec.reach.value} {view.spec.target}".rstrip(), width)
    if status.reason:
        lines += _field("reason", status.reason, width)
    if status.hint:
        lines += _field("hint", status.hint, width)
    if status.next_attempt:
        wait_s = (status.next_attempt - now).total_seconds()
        lines += _field("next try", f"in {duration(wait_s)}" if wait_s >= 1 else "now", width)
    if facts:
        lines += _field(
            "machine", f"{facts.hostname}  {facts.arch}  {facts.cpu_model}  {facts.cpus} processors", width
        )
        for driver in facts.drivers:
            hypervisor = f"{driver.hypervisor} {driver.hypervisor_version}".rstrip()
            lines += _field(driver.name, f"{hypervisor}, libvirt {driver.libvirt_version}", width)
    return lines


def _field(label: str, text: str, width: int) -> list[Line]:
    return wrap(text, width - 2, indent=" " * 10, first=line(dim(f" {label:<9}")))


def _figure(
    column_id: str, title: str, width: int, text: Callable[[HostView], str], *, priority: int
) -> Column[HostView]:
    return Column(
        id=column_id,
        title=title,
        cell=lambda view: Cell(text(view), Tone.NORMAL if view.link.answers else Tone.DIM),
        width=width,
        align=Align.RIGHT,
        priority=priority,
    )


def _name(view: HostView) -> Cell:
    return Cell(view.spec.name, Tone.NORMAL if view.link.answers else Tone.DIM)


def _by_name(view: HostView) -> str:
    return view.spec.name


def _by_link(view: HostView) -> str:
    return view.link.link.value


def _load(view: HostView) -> float | None:
    """The newest figures of a silent host are no figures of now."""
    return view.load.cpu if view.load and view.link.answers else None


def _used(view: HostView) -> int | None:
    return view.load.memory_used_bytes if view.load and view.link.answers else None


def _drivers(view: HostView) -> Cell:
    return Cell(", ".join(driver.name for driver in view.facts.drivers) if view.facts else "", Tone.DIM)


def _reason(view: HostView) -> Cell:
    return Cell(view.link.reason, link_tone(view.link.link))


def _age(since: datetime, now: datetime) -> str:
    return duration((now - since).total_seconds())
