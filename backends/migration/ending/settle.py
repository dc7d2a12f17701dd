"""The end of a move: ask both hosts until it is certain where the guest is, then tidy up."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from backends.errors import FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.jobs import JobStatistics
from backends.hypervisor.whereabouts import Whereabouts
from backends.migration.ending import verdict
from backends.migration.ending.outcome import Ending
from backends.migration.ending.tidy import Tidying
from backends.migration.ending.verdict import ALARMING, Finding, Place
from backends.migration.gap import GapWatch
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.model.guest import GuestState
from backends.model.move import Gap, Origin, Phase, TraceKind

ASK_INTERVAL_S = 0.3
SETTLE_DEADLINE_S = 30.0
"""How long both hosts may need to agree after a transfer that has ended."""
BROKEN_LASTS_S = 10.0
"""libvirt may say "post-copy failed" when only the daemons have lost each other: then the memory still flows."""
RECONCILE_DEADLINE_S = 180.0
"""How long to wait for a host that does not answer before saying that nobody knows."""

_SIGNALS = {Place.ARRIVED: Signal.FOUND_AT_DESTINATION, Place.STAYED: Signal.FOUND_AT_SOURCE}


@dataclass(frozen=True, slots=True)
class _Answers:
    """What both hosts said in one round, and what it adds up to."""

    source: Whereabouts | None
    destination: Whereabouts | None
    finding: Finding

    @property
    def processed_bytes(self) -> int:
        """By the job that the source still has; 0 where it has none."""
        return self.source.job_processed_bytes if self.source else 0


@dataclass(slots=True)
class _Alarm:
    """A finding that needs a person must last: the same answers again, and no byte that flows between them."""

    place: Place | None = None
    processed_bytes: int = -1
    since_s: float = 0.0

    def is_certain(self, answers: _Answers, now_s: float) -> bool:
        """Has this finding lasted by now?"""
        place, processed_bytes = answers.finding.place, answers.processed_bytes
        if (place, processed_bytes) != (self.place, self.processed_bytes):
            self.place, self.processed_bytes, self.since_s = place, processed_bytes, now_s
        lasts_s = BROKEN_LASTS_S if place in (Place.SPLIT, Place.LOST) else ASK_INTERVAL_S
        return now_s - self.since_s >= lasts_s


class Settlement:
    """Of one move."""

    def __init__(
        self, record: MoveRecord, source: Supervisor, destination: Supervisor, started_s: float
    ) -> None:
        self._record = record
        self._source = source
        self._destination = destination
        self._started_s = started_s
        self._key = record.move.request.guest
        self._tidying = Tidying(record, source, destination)

    async def run(
        self, error: FerryError | None, completed: JobStatistics | None, gap: GapWatch | None
    ) -> None:
        """Find the guest, tidy up, and end the record. `error`: what libvirt or the link said of the transfer."""
        finding = await self._find()
        seen = await gap.result() if gap is not None and finding.place is Place.ARRIVED else None
        is_ours = self._record.move.origin is not Origin.ELSEWHERE
        left = await self._tidying.run(finding.place) if is_ours else ()
        finding = await self._anew(finding)
        self._source.mark(self._key)
        self._destination.mark(self._key._replace(host=self._destination.name))
        self._end(finding, error, completed, seen, left)

    def _end(
        self,
        finding: Finding,
        error: FerryError | None,
        completed: JobStatistics | None,
        gap: Gap | None,
        left_to_do: tuple[str, ...],
    ) -> None:
        ending = Ending(
            move=self._record.move,
            source=self._source.spec,
            destination=self._destination.spec,
            finding=finding,
            error=error,
            completed=completed,
            total_s=time.monotonic() - self._started_s,
            left_to_do=left_to_do,
            gap=gap,
        )
        self._record.end(_SIGNALS.get(finding.place, Signal.FOUND_NOWHERE_SURE), ending.outcome())

    async def untouched(self, error: FerryError) -> None:
        """End the record of a move that was given up before anything was done: the guest is whatever it was."""
        here = await self._tidying.ask(self._source)
        finding = Finding(Place.STAYED, here.state, here.reason) if here else Finding(Place.UNKNOWN)
        left = await self._tidying.run(finding.place)
        self._end(finding, error, None, None, left)

    async def _anew(self, finding: Finding) -> Finding:
        """Tidying may have let a paused guest run on, and one that has arrived may have ended since."""
        now = self._tidying.seen_there
        if finding.place is Place.STAYED and finding.state is GuestState.PAUSED:
            now = await self._tidying.ask(self._source)
        return finding if now is None else Finding(finding.place, now.state, now.reason)

    async def _find(self) -> Finding:
        """Ask until it is certain, or until there is no more sense in waiting."""
        clock = asyncio.get_running_loop().time
        moved_s, processed_bytes = clock(), 0
        alarm = _Alarm()
        while True:
            answers = await self._ask_both()
            place = answers.finding.place
            if place in ALARMING:
                if alarm.is_certain(answers, clock()):
                    return answers.finding
            elif place not in (Place.UNSETTLED, Place.UNKNOWN):
                return answers.finding
            if answers.processed_bytes != processed_bytes:
                processed_bytes, moved_s = answers.processed_bytes, clock()  # it moves: no time of silence
            silent = answers.source is None or answers.destination is None
            if silent:
                self._tell_silence(answers)
            if clock() - moved_s > (RECONCILE_DEADLINE_S if silent else SETTLE_DEADLINE_S):
                return verdict.settled_for_good(answers.source, answers.destination) or Finding(
                    Place.UNKNOWN, answers.finding.state, answers.finding.reason
                )
            await asyncio.sleep(ASK_INTERVAL_S)

    def _tell_silence(self, answers: _Answers) -> None:
        if self._record.phase is Phase.RECONCILING:
            return
        self._record.signal(Signal.LINK_LOST)
        both = ((self._source, answers.source), (self._destination, answers.destination))
        silent = " and ".join(supervisor.name for supervisor, answer in both if answer is None)
        self._record.log(f"no answer from {silent}: asking until it is certain where the guest is")

    async def _ask_both(self) -> _Answers:
        source, destination = await asyncio.gather(
            self._tidying.ask(self._source), self._tidying.ask(self._destination)
        )
        mode, defined = self._record.move.request.mode, bool(self._record.traces(TraceKind.DEFINED))
        return _Answers(source, destination, verdict.find(source, destination, mode, defined=defined))
