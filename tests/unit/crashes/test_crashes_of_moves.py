"""A failed move finds the crash that it has met, and no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backends.crashes.links import crash_of_move
from backends.model.crash import Cause, CrashKind, CrashRecord, HostCrashes
from backends.model.fleet import FleetState, HostView
from backends.model.guest import GuestKey
from backends.model.host import HostName, HostSpec, Link, LinkStatus, Reach
from backends.model.move import Move, MoveId, MoveLogLine, MoveRequest, Phase

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
H1, H2, H3 = HostName("h1"), HostName("h2"), HostName("h3")
MOVE = Move(
    MoveId("m"),
    MoveRequest(GuestKey(H1, "qemu", "uuid"), "web-01", H2),
    Phase.FAILED,
    NOON,
    log=(MoveLogLine(NOON + timedelta(seconds=30), "failed"),),
)


def crash(
    host: HostName,
    after_s: float,
    kind: CrashKind = CrashKind.INCOMING,
    *,
    uuid: str = "uuid",
    name: str = "web-01",
) -> CrashRecord:
    """On that host, so many seconds after the move was started."""
    at = NOON + timedelta(seconds=after_s)
    guest = GuestKey(host, "qemu", uuid) if uuid else None
    return CrashRecord(f"{host}{after_s}{kind}", host, kind, at, at, True, guest, name, Cause("why"), ())


def state(*records: CrashRecord) -> FleetState:
    """A fleet in which these are known."""
    hosts = {}
    for name in (H1, H2, H3):
        mine = tuple(record for record in records if record.host == name)
        crashes = HostCrashes(name, NOON, NOON, 0.1, 1, 0.0, mine)
        link = LinkStatus(Link.UP, NOON)
        hosts[name] = HostView(HostSpec(name, Reach.SSH, name), link, crashes=crashes)
    return FleetState(hosts=hosts)


def test_the_destinations_record_of_the_guest_is_found() -> None:
    record = crash(H2, 20)

    assert crash_of_move(MOVE, state(record)) == record


def test_a_guest_that_is_not_defined_there_is_known_by_its_name() -> None:
    record = crash(H2, 20, uuid="")

    assert crash_of_move(MOVE, state(record)) == record


@pytest.mark.parametrize(
    "record",
    [
        crash(H3, 20),
        crash(H2, 20, uuid="another"),
        crash(H2, 20, uuid="", name="another"),
        crash(H2, -60),
        crash(H2, 300),
        crash(H2, 20, CrashKind.HOST_PANIC),
    ],
    ids=["another host", "another guest", "another name", "before it", "long after it", "of the host"],
)
def test_others_are_not(record: CrashRecord) -> None:
    assert crash_of_move(MOVE, state(record)) is None


def test_why_the_destination_gave_up_says_more_than_that_the_source_stopped() -> None:
    stopped, refused = crash(H1, 10, CrashKind.ENDED), crash(H2, 20)

    assert crash_of_move(MOVE, state(stopped, refused)) == refused


def test_a_move_that_is_still_under_way_has_met_what_happens_now() -> None:
    now = datetime.now(UTC)
    moving = replace(MOVE, phase=Phase.COPYING, started=now - timedelta(seconds=5), log=())
    record = replace(crash(H2, 0), at=now)

    assert crash_of_move(moving, state(record)) == record
