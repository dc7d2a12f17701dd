"""Joins what several places tell of one crash to one record. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from functools import lru_cache

from backends.crashes.causes.cause import cause_of
from backends.crashes.whose import Whose
from backends.model.crash import Cause, CrashKind, CrashRecord, Evidence, Source
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.probes.crashes.sighting import Sighting

TOGETHER_S = 15.0
"""What is told of one guest within so many seconds is one crash, unless one log tells of two."""
DUMPING_S = 3600.0
"""libvirt ends a guest that it dumps after the dump, which may take long."""
REBOOT_S = 3600.0
"""A host that has crashed may write its dump for long before it starts again."""
_GUESTS = frozenset(
    {CrashKind.PANIC, CrashKind.ENDED, CrashKind.INCOMING, CrashKind.NOT_STARTED, CrashKind.DUMP}
)
"""These may be one crash, seen from several places."""
_HOSTS = frozenset({CrashKind.HOST_PANIC, CrashKind.HOST_UNCLEAN})
_TELLING = (
    CrashKind.PANIC,
    CrashKind.INCOMING,
    CrashKind.NOT_STARTED,
    CrashKind.IO_ERROR,
    CrashKind.ENDED,
    CrashKind.HOST_PANIC,
    CrashKind.HOST_UNCLEAN,
    CrashKind.PROCESS,
    CrashKind.DUMP,
)
"""Of several kinds that one crash was seen as, the first one says most."""
_SOURCES = list(Source)
_WRITTEN_ON = (Source.GUEST_DUMP, Source.CORE_DUMP, Source.KDUMP)
"""A file's time is later with each look while it is written; it is the same one all the while."""


def key_of(sighting: Sighting) -> str:
    """The same for the same sighting in two looks. A state has one time, however often its file is written;
    a guest's log may be read before it says that libvirt itself has ended the guest, which makes a panic of it."""
    evidence = sighting.evidence
    when = evidence.offset if evidence.offset is not None else sighting.at_s
    if evidence.source is Source.STATE or (evidence.source in _WRITTEN_ON and not sighting.exact):
        when = None
    kind = "" if evidence.source is Source.QEMU_LOG else sighting.kind.name
    place = evidence.path or evidence.place
    return "\0".join(map(str, (evidence.source.name, place, when, sighting.guest, kind)))


def told_again(known: Sighting, sighting: Sighting) -> Sighting:
    """The newer of two of one key. Where both only tell that it was then or before, the earlier time is the nearer: a
    guest that starts again after its panic writes to its console, too. Not so of a state that libvirt itself tells with
    another time, which is a new one, and of a file that is written on."""
    if sighting.exact or known.exact or known.at_s is None:
        return sighting
    source = sighting.evidence.source
    if source in _WRITTEN_ON or (source is Source.STATE and not sighting.evidence.path):
        return sighting
    if sighting.at_s is not None and sighting.at_s <= known.at_s:
        return sighting
    return replace(sighting, at_s=known.at_s)


@dataclass(frozen=True, slots=True)
class Joined:
    """All crashes of a host."""

    records: tuple[CrashRecord, ...]
    """Newest first; those without a time last."""
    ids: Mapping[str, str]
    """For each sighting (`key_of`), the id of the record in which it is."""


@dataclass(slots=True)
class _Crash:
    """Sightings that are one crash."""

    whose: tuple[GuestKey | None, str]
    members: list[Sighting] = field(default_factory=list)

    kind: CrashKind = CrashKind.DUMP
    at_s: float | None = None
    """An exact time counts more than one of a file, the earliest more than a later one."""
    exact: bool = False
    places: set[tuple[Source, str]] = field(default_factory=set)

    def add(self, sighting: Sighting) -> None:
        """One more of them."""
        self.members.append(sighting)
        self.places.add((sighting.evidence.source, sighting.evidence.place))
        self.kind = min((member.kind for member in self.members), key=_TELLING.index)
        timed = [(not member.exact, member.at_s) for member in self.members if member.at_s is not None]
        self.at_s = min(timed)[1] if timed else None
        self.exact = bool(timed) and not min(timed)[0]


def joining(
    host: HostName,
    sightings: Iterable[Sighting],
    whose: Whose,
    *,
    ahead_s: float | None,
    ids: Mapping[str, str],
) -> Generator[None, None, Joined]:
    """Step by step, as a host may tell of thousands: between the steps the screen has its turn.

    `ids`: those of the time before, so that a crash keeps its id when more is told of it.
    """
    found: list[CrashRecord] = []
    named: dict[str, str] = {}
    taken: set[str] = set()
    crashes = yield from _joined(sightings, whose)
    for crash in crashes:
        keys = [key_of(member) for member in crash.members]
        known = (ids[key] for key in keys if key in ids and ids[key] not in taken)
        id_ = next(known, None) or _new_id(host, keys, taken)
        taken.add(id_)
        named |= dict.fromkeys(keys, id_)
        found.append(_record(id_, host, crash, ahead_s))
        yield
    oldest = datetime.min.replace(tzinfo=UTC)
    return Joined(tuple(sorted(found, key=lambda record: record.at or oldest, reverse=True)), named)


def _joined(sightings: Iterable[Sighting], whose: Whose) -> Generator[None, None, Sequence[_Crash]]:
    """Exact times first, in their order; then what tells only that it was then or before, newest first.

    A host's dump comes before the start that tells that it went down: of hosts the oldest first.
    """
    exact: list[Sighting] = []
    other: list[Sighting] = []
    for sighting in sightings:
        (exact if sighting.exact and sighting.at_s is not None else other).append(sighting)
    exact.sort(key=lambda each: (_turn_s(each), *_rank(each)))
    other.sort(key=_latest_first)
    crashes: dict[tuple[GuestKey | None, str], list[_Crash]] = {}
    for sighting in (*exact, *other):
        owner = whose.of(sighting)
        mine = crashes.setdefault(owner, [])
        fitting = [crash for crash in _reached(mine, sighting) if _is_one(crash, sighting)]
        nearest = min(fitting, key=lambda crash: _apart_s(crash, sighting), default=None)
        if nearest is None:
            nearest = _Crash(owner)
            mine.append(nearest)
        nearest.add(sighting)
        yield
    return [crash for each in crashes.values() for crash in each]


def _turn_s(sighting: Sighting) -> float:
    """An event is heard later than a log tells, but tells for sure of a crash of its own: it comes before that log."""
    return (sighting.at_s or 0.0) - (TOGETHER_S if sighting.evidence.source is Source.EVENT else 0.0)


def _reached(mine: Sequence[_Crash], sighting: Sighting) -> Sequence[_Crash]:
    """Those that may be near enough. Exact times come in their order, so that of thousands few are looked at."""
    if not sighting.exact or sighting.at_s is None:
        return mine
    waits = sighting.kind in _HOSTS or sighting.kind is CrashKind.PANIC
    waits = waits or sighting.evidence.source is Source.GUEST_DUMP
    reach_s = max(DUMPING_S, REBOOT_S) if waits else 2 * TOGETHER_S
    begin = len(mine)
    while begin and sighting.at_s - (mine[begin - 1].at_s or 0.0) <= reach_s:
        begin -= 1
    return mine[begin:]


def _latest_first(sighting: Sighting) -> tuple[float, int, int, str, bool]:
    towards = 1 if sighting.kind in _HOSTS else -1
    at, offset = sighting.at_s or 0.0, sighting.evidence.offset or 0
    return towards * at, towards * offset, *_rank(sighting)


def _rank(sighting: Sighting) -> tuple[int, str, bool]:
    """So that the order in which things were told makes no difference."""
    return _SOURCES.index(sighting.evidence.source), key_of(sighting), sighting.exact


def _apart_s(crash: _Crash, sighting: Sighting) -> float:
    """What has no time is of the newest."""
    if sighting.at_s is None:
        return -(crash.at_s or 0.0)
    return abs((crash.at_s or 0.0) - sighting.at_s)


def _is_one(crash: _Crash, sighting: Sighting) -> bool:
    """Could this be told of that crash?"""
    if not _kinds_fit(crash.kind, sighting.kind) or _is_told_twice(crash, sighting):
        return False
    if crash.at_s is None or sighting.at_s is None:
        return not _is_of_a_run(crash, sighting) and crash.whose != (None, "")
    later_s = sighting.at_s - crash.at_s
    return -TOGETHER_S <= later_s <= _patience_s(crash, sighting)


def _kinds_fit(one: CrashKind, other: CrashKind) -> bool:
    return one is other or {one, other} <= _GUESTS or {one, other} <= _HOSTS


def _is_told_twice(crash: _Crash, sighting: Sighting) -> bool:
    """One log tells of each crash once; a state is the state of the newest one; events come once, but for I/O errors.

    What a host has left of a crash of its own may be several files, of one time.
    """
    new = sighting.evidence
    if sighting.kind in _HOSTS:
        return any(
            old.evidence.source is new.source and abs((old.at_s or 0.0) - (sighting.at_s or 0.0)) > TOGETHER_S
            for old in crash.members
        )
    if new.source is not Source.EVENT:
        return (new.source, new.place) in crash.places
    if sighting.kind is CrashKind.IO_ERROR:
        return False  # QEMU tells it of each request that was under way (blk_error_action, block/block-backend.c)
    return any(old.evidence.source is new.source and old.evidence.lines == new.lines for old in crash.members)


def _is_of_a_run(crash: _Crash, sighting: Sighting) -> bool:
    """A panic on the console is not the end of a process that had none: the guest has run before, or since."""
    return sighting.evidence.source is Source.CONSOLE and crash.kind not in (CrashKind.PANIC, CrashKind.DUMP)


def _patience_s(crash: _Crash, sighting: Sighting) -> float:
    """How much later something may be told and still be of this crash."""
    if crash.kind in _HOSTS:
        return REBOOT_S
    if crash.kind is CrashKind.PANIC and sighting.kind is CrashKind.PANIC:
        return DUMPING_S
    if sighting.evidence.source is Source.GUEST_DUMP:
        return DUMPING_S
    return TOGETHER_S if sighting.exact or _is_of_a_run(crash, sighting) else float("inf")


def _record(id_: str, host: HostName, crash: _Crash, ahead_s: float | None) -> CrashRecord:
    told = dict.fromkeys(member.evidence for member in crash.members)
    evidence = tuple(sorted(told, key=lambda each: _SOURCES.index(each.source)))
    guest, name = crash.whose
    return CrashRecord(
        id=id_,
        host=host,
        kind=crash.kind,
        at=None if crash.at_s is None else _time(crash.at_s - (ahead_s or 0.0)),
        host_at=_time(crash.at_s),
        exact=crash.exact,
        guest=guest,
        name=name,
        cause=_cause_of(crash.kind, evidence),
        evidence=evidence,
    )


@lru_cache(maxsize=4096)
def _cause_of(kind: CrashKind, evidence: tuple[Evidence, ...]) -> Cause:
    """Many rules, and the same evidence again and again while a host is followed."""
    return cause_of(kind, evidence)


def _time(at_s: float | None) -> datetime | None:
    """None also for what no calendar has, or not in all zones."""
    try:
        at = None if at_s is None else datetime.fromtimestamp(at_s, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at and MINYEAR < at.year < MAXYEAR else None


def _new_id(host: HostName, keys: Sequence[str], taken: set[str]) -> str:
    digest = hashlib.sha256("\0".join((host, *keys[:1])).encode(errors="surrogateescape")).hexdigest()
    return next(id_ for size in range(10, 65) if (id_ := digest[:size]) not in taken)
