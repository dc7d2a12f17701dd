"""The crashes part of the scripted fleet: it answers what a test has set, and records what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from backends.api import ActionError, FerryError
from backends.model.crash import CrashRecord, Evidence, HostCrashes
from backends.model.crash_setting import CrashSetting, CrashWish
from backends.model.dump import DumpPlan, DumpProgress, DumpWish
from backends.model.fleet import CrashesChanged, FleetEvent
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.log import MAX_LINE_BYTES, LogLine, LogMatches, Saving
from backends.model.move import Move
from tests.tui.capable import answer

_NOTHING = ActionError("nothing of that name is there")


class ScriptedLog:
    """A log that is a text."""

    def __init__(self, place: str, text: str) -> None:
        self.place = place
        self.data = text.encode()
        self.size_bytes = len(self.data)

    async def refresh(self) -> int:
        """A test may have added to `data`."""
        self.size_bytes = len(self.data)
        return self.size_bytes

    async def before(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """From the text."""
        lines = [line for line in self._lines() if line.end <= offset]
        return tuple(lines[-count:])

    async def after(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """From the text."""
        lines = [line for line in self._lines() if line.begin >= offset]
        return tuple(lines[:count])

    async def search(self, text: str) -> AsyncGenerator[LogMatches, None]:
        """In one go."""
        found = tuple(line.begin for line in self._lines() if text.lower() in line.text.lower())
        yield LogMatches(found, len(self.data), len(self.data), finished=True)

    async def save(self, path: Path, *, overwrite: bool = False) -> AsyncGenerator[Saving, None]:
        """In one go."""
        self._write(path, overwrite=overwrite)
        yield Saving(len(self.data), len(self.data), finished=True)

    def _write(self, path: Path, *, overwrite: bool) -> None:
        if path.exists() and not overwrite:
            raise ActionError(f"{path} is there already")
        path.write_bytes(self.data)

    def _lines(self) -> list[LogLine]:
        lines, begin = [], 0
        for piece in self.data.splitlines(keepends=True):
            text = piece[:MAX_LINE_BYTES].decode(errors="replace").rstrip("\n")
            lines.append(LogLine(begin, begin + len(piece), text))
            begin += len(piece)
        return lines


class ScriptedCrashes:
    """Mixed into ScriptedFleet, which has `asked` and `tell`. What a test has not set is refused."""

    asked: list[tuple[object, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.host_crashes: Mapping[HostName, HostCrashes | FerryError] = {}
        self.logs: Mapping[str, ScriptedLog | FerryError] = {}
        """By path."""
        self.dump_plan: DumpPlan | FerryError | None = None
        self.dumping: tuple[DumpProgress, ...] = ()
        self.setting: CrashSetting | FerryError | None = None
        self.met: CrashRecord | None = None
        """The crash that every move has met."""
        self.followers = 0

    def tell(self, event: FleetEvent) -> None:
        """ScriptedFleet's."""
        raise NotImplementedError

    async def crashes(self, host: HostName, since: datetime | None = None) -> HostCrashes:
        """What the test has set; the state hears of it."""
        self.asked.append(("crashes", host, since))
        found = answer(self.host_crashes.get(host), ActionError("the host does not answer", host=host))
        self.tell(CrashesChanged(host, found))
        return found

    @asynccontextmanager
    async def follow_crashes(self) -> AsyncIterator[None]:
        """Publishes what the test has set, once."""
        self.followers += 1
        try:
            for host, found in self.host_crashes.items():
                if isinstance(found, HostCrashes):
                    self.tell(CrashesChanged(host, found))
            yield
        finally:
            self.followers -= 1

    @asynccontextmanager
    async def open_log(self, host: HostName, path: str) -> AsyncIterator[ScriptedLog]:
        """What the test has set."""
        self.asked.append(("open log", host, path))
        yield answer(self.logs.get(path), _NOTHING)

    async def fetch(self, host: HostName, evidence: Evidence, path: Path) -> AsyncGenerator[Saving, None]:
        """Nothing is brought."""
        self.asked.append(("fetch", host, evidence.path, path))
        await asyncio.sleep(0)
        yield Saving(1, 1, finished=True)

    async def plan_dump(self, wish: DumpWish) -> DumpPlan:
        """What the test has set."""
        self.asked.append(("plan dump", wish))
        return answer(self.dump_plan, _NOTHING)

    async def dump(self, plan: DumpPlan) -> AsyncGenerator[DumpProgress, None]:
        """The steps that the test has set."""
        self.asked.append(("dump", plan))
        for progress in self.dumping:
            yield progress

    async def crash_setting(self, guest: GuestKey) -> CrashSetting:
        """What the test has set."""
        self.asked.append(("crash setting", guest))
        return answer(self.setting, _NOTHING)

    async def change_crash_setting(self, guest: GuestKey, wish: CrashWish) -> str:
        """Noted."""
        self.asked.append(("change crash setting", guest, wish))
        return "changed"

    def crash_of_move(self, move: Move) -> CrashRecord | None:
        """What the test has set."""
        return self.met
