"""Crash records, logs, dumps, and what happens when a guest crashes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime
from pathlib import Path

from backends.crashes.fetching import fetch
from backends.crashes.links import crash_of_move
from backends.crashes.reading import HostLog, open_log
from backends.crashes.watch import CrashWatch
from backends.errors import FerryError, JournalError
from backends.guests.crash_setting import change, read_setting
from backends.guests.dump import plan_dump, take_dump
from backends.journal.journal import Journal
from backends.model.crash import CrashRecord, Evidence, HostCrashes
from backends.model.crash_setting import CrashSetting, CrashWish
from backends.model.dump import DumpPhase, DumpPlan, DumpProgress, DumpWish
from backends.model.guest import GuestKey
from backends.model.host import HostName, HostSpec
from backends.model.log import Saving
from backends.model.move import Move
from backends.model.question import Asker
from backends.service.desk import Desk


class CrashService(Desk):
    """See backends.api.Fleet."""

    def __init__(
        self, specs: Sequence[HostSpec], ask: Asker | None, folder: Path, journal: Journal | JournalError
    ) -> None:
        super().__init__(specs, ask, folder, journal)
        self._crash_watch = CrashWatch(self._supervisors, self._board)

    async def crashes(self, host: HostName, since: datetime | None = None) -> HostCrashes:
        """Look anew."""
        return await self._crash_watch.look(self._supervisor(host).name, since)

    def follow_crashes(self) -> AbstractAsyncContextManager[None]:
        """While the block lasts."""
        return self._crash_watch.following()

    def open_log(self, host: HostName, path: str) -> AbstractAsyncContextManager[HostLog]:
        """By the path of an evidence."""
        return open_log(self._supervisor(host).reached(), path)

    def fetch(self, host: HostName, evidence: Evidence, path: Path) -> AsyncGenerator[Saving, None]:
        """Bring it here."""
        return fetch(self._supervisor(host).reached(), evidence, path)

    async def plan_dump(self, wish: DumpWish) -> DumpPlan:
        """Can it be done?"""
        return await plan_dump(self._supervisor(wish.guest.host), self._guest(wish.guest), wish)

    async def dump(self, plan: DumpPlan) -> AsyncGenerator[DumpProgress, None]:
        """Take it."""
        supervisor = self._supervisor(plan.wish.guest.host)
        end = "broken off"
        try:
            async with aclosing(take_dump(plan, supervisor)) as steps:
                async for progress in steps:
                    if progress.phase is DumpPhase.DONE:
                        end = progress.words
                    yield progress
        except FerryError as error:
            end = str(error)
            raise
        finally:
            self._engine.note(f"dump {plan.name} to {plan.local_path or plan.path}", end)
            supervisor.mark(plan.wish.guest)

    async def crash_setting(self, guest: GuestKey) -> CrashSetting:
        """What happens when it crashes."""
        return await read_setting(self._supervisor(guest.host), self._guest(guest))

    async def change_crash_setting(self, guest: GuestKey, wish: CrashWish) -> str:
        """Change it."""
        with self._audited(f"change what happens when {self._guest(guest).name} crashes"):
            return await change(self._supervisor(guest.host), self._guest(guest), wish)

    def crash_of_move(self, move: Move) -> CrashRecord | None:
        """The crash that it has met."""
        return crash_of_move(move, self.state)
