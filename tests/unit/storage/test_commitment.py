"""What was promised against what there is: sums, growth, and when somebody should look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from backends.model.storage import Commitment, Level, StorageId, StorageKind
from backends.storage.commitment import Image, Room, commit
from backends.storage.watched import Watched
from tests.unit.storage.told_hosts import AT, GIB

NFS, LUN, GROUP = StorageKind.NFS, StorageKind.ISCSI, StorageKind.LVM
POOL = StorageId(NFS, "nas:/vm")
HOUR_S = 3600.0


def judged(
    room: Room,
    *images: Image,
    kind: StorageKind = NFS,
    growth: float | None = None,
    paused: Sequence[str] = (),
) -> Commitment:
    return commit(kind, room, images, growth_bytes_s=growth, now=AT, out_of_space=paused)


def room(used: float, gib: int = 100) -> Room:
    return Room(gib * GIB, round((1 - used) * gib * GIB))


def test_an_image_counts_once_however_often_it_is_told() -> None:
    """As of a guest that has moved and is still defined on both hosts."""
    found = judged(room(0.1), Image("/a", 10 * GIB), Image("/a", 10 * GIB), Image("/b", 30 * GIB))
    assert found.promised_bytes == 40 * GIB
    assert found.ratio == pytest.approx(0.4)


def test_a_size_that_one_host_does_not_tell_is_taken_from_the_other() -> None:
    assert judged(room(0.1), Image("/a", None), Image("/a", GIB)).promised_bytes == GIB


def test_what_is_not_known_of_one_disk_is_not_known_of_the_sum() -> None:
    found = judged(room(0.1), Image("/a", GIB), Image("/b", None))
    assert found.promised_bytes is None
    assert found.ratio is None


def test_a_disk_that_is_all_of_a_lun_was_promised_the_lun() -> None:
    found = judged(Room(100 * GIB, None), Image("", None), kind=LUN)
    assert found.promised_bytes == 100 * GIB
    assert found.level is Level.FINE


@pytest.mark.parametrize(
    ("used", "level"),
    [(0.5, Level.FINE), (0.80, Level.FINE), (0.81, Level.WATCH), (0.95, Level.WATCH), (0.96, Level.ALARM)],
)
def test_the_fuller_it_is_the_louder_it_says_so(used: float, level: Level) -> None:
    found = judged(room(used))
    assert found.level is level
    assert (f"{used:.0%}".replace("%", " %") in found.reason) == (level is not Level.FINE)


def test_promises_beyond_what_there_is_matter_when_little_is_left() -> None:
    assert judged(room(0.5), Image("/a", 300 * GIB)).level is Level.FINE
    near = judged(Room(100 * GIB, 20 * GIB - 1), Image("/a", 300 * GIB))
    assert near.level is Level.WATCH
    assert "3.0 times" in near.reason


def test_promises_count_even_where_not_all_are_known() -> None:
    found = judged(room(0.85), Image("/a", 300 * GIB), Image("/b", None))
    assert found.promised_bytes is None
    assert "3.0 times" in found.reason


def test_it_says_when_it_fills_and_alarms_where_that_is_within_a_day() -> None:
    slow = judged(room(0.5), growth=50 * GIB / (48 * HOUR_S))
    assert slow.fills_at == AT + timedelta(hours=48)
    assert slow.level is Level.FINE
    fast = judged(room(0.5), growth=50 * GIB / (5 * HOUR_S))
    assert fast.level is Level.ALARM
    assert "full in 5 hours" in fast.reason


@pytest.mark.parametrize("growth", [None, 0.0, -1000.0, 1e-9])
def test_what_does_not_grow_does_not_fill(growth: float | None) -> None:
    assert judged(room(0.5), growth=growth).fills_at is None


def test_a_guest_that_stands_still_for_lack_of_space_is_an_alarm_whatever_the_figures_say() -> None:
    for where in (room(0.1), Room(None, None)):
        found = judged(where, paused=["web-01"])
        assert found.level is Level.ALARM
        assert "web-01" in found.reason


def test_without_figures_nothing_is_claimed() -> None:
    assert judged(Room(None, None), Image("/a", GIB)).level is Level.UNKNOWN
    assert judged(Room(0, 0)).level is Level.UNKNOWN


def test_a_volume_group_that_is_given_out_in_full_is_in_order_until_more_was_promised() -> None:
    assert judged(Room(100 * GIB, 0), Image("vg-a", 100 * GIB), kind=GROUP).level is Level.FINE
    assert judged(Room(100 * GIB, 0), Image("vg-a", 101 * GIB), kind=GROUP).level is Level.WATCH


def test_growth_is_known_after_a_minute_and_not_before() -> None:
    watched = Watched()
    assert watched.growth_bytes_s(POOL) is None
    watched.note(POOL, 1000, 0.0)
    watched.note(POOL, 4000, 59.0)
    assert watched.growth_bytes_s(POOL) is None
    watched.note(POOL, 4000, 60.0)
    assert watched.growth_bytes_s(POOL) == pytest.approx(50.0)
    assert watched.growth_bytes_s(StorageId(NFS, "nas:/other")) is None


def test_growth_is_that_of_the_last_day() -> None:
    """A terabyte was copied there two days ago; since then one byte a second is written."""
    watched = Watched()
    watched.note(POOL, 0, 0.0)
    watched.note(POOL, 1024 * GIB, HOUR_S)
    for minute in range(60, 72 * 60, 5):
        at_s = minute * 60.0
        watched.note(POOL, 1024 * GIB + int(at_s - HOUR_S), at_s)
    growth = watched.growth_bytes_s(POOL)
    assert growth == pytest.approx(1.0, rel=0.01)


def test_what_empties_has_a_growth_below_zero() -> None:
    watched = Watched()
    watched.note(POOL, GIB, 0.0)
    watched.note(POOL, 0, 100.0)
    assert (watched.growth_bytes_s(POOL) or 0) < 0


def test_weeks_of_watching_take_little_memory() -> None:
    watched = Watched()
    for minute in range(14 * 24 * 60):
        watched.note(POOL, minute, minute * 60.0)
    assert len(watched._readings[POOL]) < 200
