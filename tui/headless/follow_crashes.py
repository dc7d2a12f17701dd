"""`virt-ferry crashes follow`: each crash on any host, told as it happens, until ctrl-c."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from backends.api import FerryError, Fleet
from backends.model.crash import CrashGap, CrashRecord, HostCrashes
from backends.model.fleet import FleetState, HostView
from backends.model.host import HostName, Link
from tui.format import time_of_day
from tui.headless.crash_lines import crash_host_line, crash_line
from tui.headless.crashes import (
    Wanted,
    headline,
    kind_ink,
    moment_of,
    narrowed,
    newest_first,
    record_when,
    tell_limits,
)
from tui.headless.each_host import tell_trouble
from tui.headless.exits import Exit
from tui.headless.lines import host_line
from tui.headless.output import Ink, Output
from tui.headless.session import HostOptions, settled_fleet
from tui.headless.signals import heed_no_more, interruptible

_SLACK = timedelta(seconds=2)
"""Some logs tell whole seconds only, and no two clocks are quite the same."""
_LITTLE = timedelta(minutes=1)
"""What the limit of a look may be later than the wished one, before the host is asked once more."""
_REACHED = (Link.UP, Link.DEGRADED)
_LOST = (Link.STALE, Link.DOWN)


async def follow(options: HostOptions, *, since: str | None, guest: str | None, json: bool) -> Exit:
    """From now on, or from `since` on. ctrl-c is how it ends: SUCCEEDED."""
    begin = moment_of(since) if since is not None else datetime.now(UTC)
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        _, wanted = narrowed(state, guest)
        following = Following(out, state, begin if since is not None else begin - _SLACK, wanted, json=json)
        with interruptible():
            async with fleet.follow_crashes():
                async for changes in fleet.watch():
                    following.tell(changes.state)
                    short = following.too_short(changes.state) if since is not None else []
                    await asyncio.gather(*(_look_further(fleet, host, begin) for host in short))
        heed_no_more()
        out.passing("")
    return Exit.SUCCEEDED


async def _look_further(fleet: Fleet, host: HostName, since: datetime) -> None:
    """The state hears of what is found."""
    try:
        await fleet.crashes(host, since)
    except FerryError as error:
        tell_trouble(error)


@dataclass(slots=True)
class _Host:
    """What has been told of one host."""

    is_reached: bool
    is_looked_at: bool = False
    """A record without a time is news only once everything that was there before is known."""
    newest: HostCrashes | None = None
    """What was gone through already."""
    gaps: tuple[CrashGap, ...] = ()
    told: dict[str, CrashRecord] = field(default_factory=dict)
    """By id."""
    passed_over: set[str] = field(default_factory=set)
    """Ids of what was there before."""


class Following:
    """Tells what is new in each state: crashes, what became known of them, hosts that fall silent and come back."""

    def __init__(
        self, out: Output, state: FleetState, begin: datetime, wanted: Wanted, *, json: bool
    ) -> None:
        self._out = out
        self._begin = begin
        self._wanted = wanted
        self._json = json
        self._hosts: Mapping[HostName, _Host] = {
            name: _Host(is_reached=view.link.link in _REACHED) for name, view in state.hosts.items()
        }
        self._asked_further: set[HostName] = set()
        self._foot = ""

    def too_short(self, state: FleetState) -> list[HostName]:
        """Hosts that were looked at, but not so far back as is wished; each is told once."""
        short = [
            name
            for name, view in state.hosts.items()
            if view.crashes is not None
            and was_looked_at(view.crashes)
            and view.crashes.since > self._begin + _LITTLE
            and name not in self._asked_further
        ]
        self._asked_further.update(short)
        return short

    def tell(self, state: FleetState) -> None:
        """Oldest first: what comes later stands below."""
        news: list[CrashRecord] = []
        for name, known in self._hosts.items():
            view = state.hosts[name]
            self._tell_link(known, view)
            if view.crashes is not None and view.crashes is not known.newest:
                known.newest = view.crashes
                self._tell_look(known, view.crashes)
                news += self._news(known, view.crashes)
                known.is_looked_at = known.is_looked_at or was_looked_at(view.crashes)
        for record in reversed(newest_first(iter(news))):
            self._tell_record(record)
        if not self._json:
            self._tell_foot()

    def _tell_foot(self) -> None:
        """On a terminal, below all that was told."""
        reached = sum(known.is_reached for known in self._hosts.values())
        foot = f"following {reached} of {len(self._hosts)} hosts; ctrl-c ends it"
        if foot != self._foot:
            self._foot = foot
            self._out.passing(foot)

    def _line(self, text: str) -> None:
        self._foot = ""
        self._out.line(text)

    # Hosts ------------------------------------------------------------------------------------

    def _tell_link(self, known: _Host, view: HostView) -> None:
        """Once when it is lost, once when it is back; the attempts between are not told."""
        link = view.link
        is_news = link.link in (_LOST if known.is_reached else _REACHED)
        if not is_news:
            return
        known.is_reached = not known.is_reached
        if self._json:
            self._out.json(host_line(view))
            return
        reason = f": {link.reason}" if link.reason and not known.is_reached else ""
        words = f"{view.spec.name} is {'back' if known.is_reached else link.link.value}{reason}"
        ink = Ink.GOOD if known.is_reached else Ink.DOUBT
        self._line(f"{time_of_day(link.since)}  {self._out.ink(words, ink)}")

    def _tell_look(self, known: _Host, found: HostCrashes) -> None:
        """When it was looked at first, and when other things cannot be looked at."""
        if not was_looked_at(found) or (known.is_looked_at and found.gaps == known.gaps):
            return
        known.gaps = found.gaps
        if self._json:
            self._out.json(crash_host_line(found))
        else:
            self._foot = ""
            self._out.passing("")  # what goes to standard error must not stand behind it
            tell_limits(found)

    # Crashes ----------------------------------------------------------------------------------

    def _news(self, known: _Host, found: HostCrashes) -> Iterator[CrashRecord]:
        for record in found.records:
            told = known.told.get(record.id)
            if told is not None:
                if _means_more(told, record):
                    yield record
            elif record.id not in known.passed_over and self._wanted(record):
                if self._is_new(known, record):
                    yield record
                else:
                    known.passed_over.add(record.id)

    def _is_new(self, known: _Host, record: CrashRecord) -> bool:
        if record.at is None:
            return known.is_looked_at
        return record.at >= self._begin

    def _tell_record(self, record: CrashRecord) -> None:
        told = self._hosts[record.host].told
        is_update = record.id in told
        told[record.id] = record
        if self._json:
            self._out.json(crash_line(record, update=is_update))
            return
        mark = "more is known: " if is_update else ""
        head = self._out.ink(f"{mark}{headline(record)}", kind_ink(record))
        self._line(f"{record_when(record)}  {head}: {record.cause.words}")


def was_looked_at(found: HostCrashes) -> bool:
    """Or is this only what libvirt has told by itself?"""
    return bool(found.commands or found.gaps)


def _means_more(told: CrashRecord, now: CrashRecord) -> bool:
    """Is it another answer to what, whose and why? More lines of evidence for the same are not told again."""
    return (told.kind, told.cause, told.name, told.guest) != (now.kind, now.cause, now.name, now.guest)
