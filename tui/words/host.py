"""A host in words: two lines at the side of the guests, and all that is known without asking it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from backends.api import FerryError
from backends.model.fleet import HostView
from backends.model.host import Link, LinkStatus
from tui.format import clock_time, duration, share, size
from tui.glyphs import Glyphs
from tui.widgets.bar import sparkline
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, length, line, spread, wrap
from tui.words.capabilities import survey_cost

_TONES = {
    Link.CONNECTING: Tone.DIM,
    Link.UP: Tone.GOOD,
    Link.DEGRADED: Tone.DOUBT,
    Link.STALE: Tone.DOUBT,
    Link.DOWN: Tone.ALARM,
}


def can_be_asked(view: HostView) -> bool:
    """Does it answer questions now? Its own files tell much also while its libvirt does not answer."""
    return view.link.link in (Link.UP, Link.DEGRADED)


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


def host_title(view: HostView, glyphs: Glyphs, now: datetime) -> Line:
    """Its name, and whether it answers."""
    return line(
        Cell(f" {view.spec.name}  ", Tone.TITLE),
        link_cell(view.link, glyphs),
        dim(f"  {host_since(view.link, now)}"),
    )


def host_since(status: LinkStatus, now: datetime) -> str:
    """`since 14:02` of a host that is up, which is read once; `for 12 s` of trouble, which is watched."""
    if status.link is Link.UP:
        return f"since {clock_time(status.since, now)}"
    return f"for {_age(status.since, now)}"


def host_detail(view: HostView, now: datetime, width: int) -> list[Line]:
    """How it is reached, what is wrong with that, and what its drivers say."""
    status, facts = view.link, view.facts
    lines: list[Line] = []
    if status.reason:
        lines += _field("reason", status.reason, width)
    if status.hint:
        lines += _field("hint", status.hint, width)
    if status.next_attempt:
        wait_s = (status.next_attempt - now).total_seconds()
        lines += _field("next try", f"in {duration(wait_s)}" if wait_s >= 1 else "now", width)
    lines += _field("reached", f"{view.spec.reach.value} {view.spec.target}".rstrip(), width)
    if facts:
        lines += _field(
            "machine", f"{facts.hostname}  {facts.arch}  {facts.cpu_model}  {facts.cpus} processors", width
        )
        for driver in facts.drivers:
            hypervisor = f"{driver.hypervisor} {driver.hypervisor_version}".rstrip()
            lines += _field(driver.name, f"{hypervisor}, libvirt {driver.libvirt_version}", width)
    return lines


def survey_lines(
    view: HostView, now: datetime, width: int, *, asking: bool, error: FerryError | None
) -> list[Line]:
    """How it stands with the question what the host can do: how old the answer is, or why there is none."""
    known = view.capabilities
    lines: list[Line] = []
    if asking:
        lines.append(line(dim(" asked    "), Cell("asking it what it can do ...", Tone.BUSY)))
    elif error:
        lines += wrap(error.cause, width - 2, Tone.DOUBT, indent=" " * 10, first=line(dim(" not asked ")))
        lines += _field("hint", error.hint, width) if error.hint else []
    if known:
        stale = "" if can_be_asked(view) else "; it does not answer now, so this is the last that was known"
        lines += _field("asked", f"{clock_time(known.at, now)}, {survey_cost(known)}{stale}", width)
    elif not asking and not error:
        lines += _field("asked", "not yet: what it can do is asked as soon as it answers", width)
    return lines


def _field(label: str, text: str, width: int) -> list[Line]:
    return wrap(text, width - 2, indent=" " * 10, first=line(dim(f" {label:<9}")))


def _age(since: datetime, now: datetime) -> str:
    return duration((now - since).total_seconds())
