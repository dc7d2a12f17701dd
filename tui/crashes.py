"""`Crashes`: who is asked for crashes and how far back, and that they are followed once somebody has looked.

What is known of them is in the fleet's state (HostView.crashes).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum

from textual.app import App

from backends.api import FerryError, Fleet
from backends.model.fleet import HostView
from backends.model.host import HostName
from tui.words.host import can_be_asked

_SLACK = timedelta(days=1)
"""A look that went back a day less than is wanted need not be made anew."""


class Reach(Enum):
    """How far back is looked. The value is what the screen says."""

    WEEK = "a week"
    MONTH = "a month"
    ALL = "all that is there"

    @property
    def further(self) -> Reach | None:
        """The next one; None: there is nothing further."""
        steps = list(Reach)
        return next(iter(steps[steps.index(self) + 1 :]), None)

    def since(self, now: datetime) -> datetime | None:
        """As the fleet is asked for it; None: as far as it looks by itself, a week."""
        match self:
            case Reach.WEEK:
                return None
            case Reach.MONTH:
                return now - timedelta(days=31)
            case Reach.ALL:
                return datetime(1970, 1, 2, tzinfo=UTC)


class Crashes:
    """Of this session. Belongs to the thread of the app; its questions outlive the screen that asks."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []
        self._tried: dict[HostName, tuple[datetime, Reach]] = {}
        """The connection, by its beginning, in which a host was asked unbidden, and how far back."""
        self._has_followed = False
        self.asking: set[HostName] = set()
        self.troubles: dict[HostName, FerryError] = {}
        """Why the newest question to a host came to nothing."""
        self.reach = Reach.WEEK
        self.is_followed = False
        self.unfollowed: FerryError | None = None
        """Why they are followed no longer."""

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Hear of each question and each answer; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- following ----------------------------------------------------------------------------------

    def follow(self, app: App[None], fleet: Fleet) -> None:
        """From the first time that somebody looks until the program ends; returns without waiting."""
        if not self._has_followed:
            self._has_followed = True
            app.run_worker(self._follow(fleet), group="crashes-followed")

    async def _follow(self, fleet: Fleet) -> None:
        try:
            async with fleet.follow_crashes():
                self.is_followed = True
                self._tell()
                await asyncio.Event().wait()
        except FerryError as error:
            self.unfollowed = error
        finally:
            self.is_followed = False
        self._tell()

    # -- asking -------------------------------------------------------------------------------------

    def ask_where_due(self, app: App[None], fleet: Fleet, views: Iterable[HostView]) -> None:
        """Ask those that answer, of which nothing is known or not so much as is wanted, once a connection."""
        due = [view for view in views if can_be_asked(view) and self._is_due(view)]
        for view in due:
            self._tried[view.spec.name] = (view.link.since, self.reach)
        self.ask(app, fleet, [view.spec.name for view in due])

    def _is_due(self, view: HostView) -> bool:
        known, wanted = view.crashes, self.reach.since(datetime.now(UTC))
        if self._tried.get(view.spec.name) == (view.link.since, self.reach):
            return False
        is_mere_event = known is not None and known.commands == 0
        return known is None or is_mere_event or (wanted is not None and known.since > wanted + _SLACK)

    def ask(self, app: App[None], fleet: Fleet, hosts: Iterable[HostName]) -> None:
        """Ask all of them anew, at once; returns without waiting. Who is being asked is not asked again meanwhile."""
        since = self.reach.since(datetime.now(UTC))
        for host in hosts:
            if host not in self.asking:
                self.asking.add(host)
                app.run_worker(self._ask(fleet, host, since), group="crashes")
        self._tell()

    async def _ask(self, fleet: Fleet, host: HostName, since: datetime | None) -> None:
        try:
            await fleet.crashes(host, since)
        except FerryError as error:
            self.troubles[host] = error
        else:
            self.troubles.pop(host, None)
        finally:
            self.asking.discard(host)
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()
