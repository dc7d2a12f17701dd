"""Where the guest is follows from what both hosts say, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.hypervisor.whereabouts import Whereabouts
from backends.migration.ending.verdict import (
    MIGRATED,
    POSTCOPY,
    POSTCOPY_FAILED,
    SAVED,
    Place,
    find,
    settled_for_good,
)
from backends.model.guest import GuestState
from backends.model.move import MoveMode

ABSENT = Whereabouts(defined=False)
RUNNING = Whereabouts(True, GuestState.RUNNING, "booted", persistent=True)
BUSY = Whereabouts(True, GuestState.RUNNING, "booted", persistent=True, job_running=True)
PAUSED = Whereabouts(True, GuestState.PAUSED, "migration")
OFF = Whereabouts(True, GuestState.OFF, "shutdown", persistent=True)
LEFT = Whereabouts(True, GuestState.OFF, MIGRATED, persistent=True)
CAME = Whereabouts(True, GuestState.RUNNING, MIGRATED, persistent=True)
CRASHED = Whereabouts(True, GuestState.CRASHED, "crashed", persistent=True)
INCOMING = Whereabouts(True, GuestState.PAUSED, "migration", persistent=True)
SILENT = None


@pytest.mark.parametrize(
    ("source", "destination", "place"),
    [
        (LEFT, RUNNING, Place.ARRIVED),
        (ABSENT, RUNNING, Place.ARRIVED),
        (SILENT, RUNNING, Place.ARRIVED),
        (PAUSED, RUNNING, Place.ARRIVED),
        (BUSY, RUNNING, Place.UNSETTLED),
        (CRASHED, INCOMING, Place.UNSETTLED),
        (OFF, INCOMING, Place.UNSETTLED),
        (ABSENT, INCOMING, Place.UNSETTLED),
        (ABSENT, OFF, Place.UNSETTLED),
        (LEFT, OFF, Place.ARRIVED),
        (CAME, PAUSED, Place.UNSETTLED),
        (CAME, ABSENT, Place.STAYED),
        (RUNNING, ABSENT, Place.STAYED),
        (RUNNING, OFF, Place.STAYED),
        (RUNNING, SILENT, Place.STAYED),
        (BUSY, PAUSED, Place.UNSETTLED),
        (BUSY, SILENT, Place.UNSETTLED),
        (BUSY, ABSENT, Place.UNSETTLED),
        (RUNNING, PAUSED, Place.UNSETTLED),
        (PAUSED, PAUSED, Place.UNSETTLED),
        (LEFT, ABSENT, Place.UNSETTLED),
        (OFF, ABSENT, Place.STAYED),
        (LEFT, PAUSED, Place.UNSETTLED),
        (LEFT, INCOMING, Place.UNSETTLED),
        (RUNNING, RUNNING, Place.BOTH),
        (ABSENT, ABSENT, Place.NOWHERE),
        (SILENT, ABSENT, Place.UNKNOWN),
        (SILENT, PAUSED, Place.UNKNOWN),
        (LEFT, SILENT, Place.UNKNOWN),
        (PAUSED, SILENT, Place.UNKNOWN),
        (SILENT, SILENT, Place.UNKNOWN),
    ],
)
def test_the_place_is_named_only_when_the_answers_prove_it(
    source: Whereabouts | None, destination: Whereabouts | None, place: Place
) -> None:
    assert find(source, destination).place is place


HALF = Whereabouts(True, GuestState.PAUSED, POSTCOPY, persistent=True)
BROKEN_HALF = Whereabouts(True, GuestState.PAUSED, POSTCOPY_FAILED, persistent=True)
FETCHING = Whereabouts(True, GuestState.RUNNING, POSTCOPY, persistent=True)
FETCHING_ALONE = Whereabouts(True, GuestState.RUNNING, POSTCOPY_FAILED, persistent=True)


@pytest.mark.parametrize(
    ("source", "destination", "place"),
    [
        (BUSY, FETCHING, Place.UNSETTLED),
        (HALF, FETCHING, Place.UNSETTLED),
        (HALF, FETCHING_ALONE, Place.SPLIT),
        (BROKEN_HALF, FETCHING, Place.SPLIT),
        (BROKEN_HALF, FETCHING_ALONE, Place.SPLIT),
        (replace(BROKEN_HALF, job_running=True), FETCHING_ALONE, Place.SPLIT),
        (replace(HALF, job_running=True), FETCHING_ALONE, Place.UNSETTLED),
        (BROKEN_HALF, RUNNING, Place.ARRIVED),
        (BROKEN_HALF, BROKEN_HALF, Place.SPLIT),
        (HALF, BROKEN_HALF, Place.SPLIT),
        (BROKEN_HALF, OFF, Place.LOST),
        (BROKEN_HALF, ABSENT, Place.LOST),
        (HALF, CRASHED, Place.LOST),
        (CRASHED, BROKEN_HALF, Place.LOST),
        (OFF, FETCHING_ALONE, Place.LOST),
        (LEFT, FETCHING, Place.UNSETTLED),
        (SILENT, FETCHING, Place.UNKNOWN),
        (HALF, SILENT, Place.UNKNOWN),
        (RUNNING, FETCHING, Place.BOTH),
    ],
)
def test_a_post_copy_that_broke_off_is_neither_here_nor_there(
    source: Whereabouts | None, destination: Whereabouts | None, place: Place
) -> None:
    assert find(source, destination).place is place


SAVED_AWAY = Whereabouts(True, GuestState.OFF, SAVED, persistent=True)
BEING_RESTORED = Whereabouts(True, GuestState.PAUSED, "starting up", persistent=True)
ON_PURPOSE = Whereabouts(True, GuestState.PAUSED, "user", persistent=True)


@pytest.mark.parametrize(
    ("source", "destination", "place"),
    [
        (SAVED_AWAY, RUNNING, Place.ARRIVED),
        (SAVED_AWAY, ON_PURPOSE, Place.ARRIVED),
        (SAVED_AWAY, BEING_RESTORED, Place.UNSETTLED),
        (SAVED_AWAY, OFF, Place.STAYED),
        (SAVED_AWAY, ABSENT, Place.STAYED),
        (SAVED_AWAY, SILENT, Place.UNKNOWN),
        (BUSY, ABSENT, Place.UNSETTLED),
        (RUNNING, OFF, Place.STAYED),
        (RUNNING, RUNNING, Place.BOTH),
    ],
)
def test_a_saved_guest_is_where_it_was_restored_or_else_where_its_state_lies(
    source: Whereabouts | None, destination: Whereabouts | None, place: Place
) -> None:
    assert find(source, destination, MoveMode.SAVED).place is place


@pytest.mark.parametrize(
    ("source", "destination", "place"),
    [
        (OFF, OFF, Place.STAYED),
        (ABSENT, OFF, Place.ARRIVED),
        (OFF, ABSENT, Place.STAYED),
        (RUNNING, OFF, Place.STAYED),
        (RUNNING, RUNNING, Place.BOTH),
        (ABSENT, ABSENT, Place.NOWHERE),
        (OFF, SILENT, Place.UNKNOWN),
        (SILENT, OFF, Place.UNKNOWN),
    ],
)
def test_a_guest_that_is_off_is_where_it_is_defined(
    source: Whereabouts | None, destination: Whereabouts | None, place: Place
) -> None:
    assert find(source, destination, MoveMode.OFFLINE).place is place


def test_a_definition_on_both_hosts_is_an_arrival_only_if_it_is_known_to_be_ours() -> None:
    assert find(OFF, OFF, MoveMode.OFFLINE, defined=True).place is Place.ARRIVED
    assert find(OFF, ABSENT, MoveMode.OFFLINE, defined=True).place is Place.STAYED
    assert find(RUNNING, OFF, MoveMode.OFFLINE, defined=True).place is Place.STAYED


def test_a_transient_guest_that_was_paused_has_arrived_paused() -> None:
    assert find(ABSENT, ON_PURPOSE).place is Place.ARRIVED


def test_a_half_that_was_forgotten_on_the_destination_decides_nothing() -> None:
    found = settled_for_good(RUNNING, PAUSED)
    assert found is not None and found.place is Place.STAYED
    assert settled_for_good(BUSY, PAUSED) is None
    assert settled_for_good(PAUSED, PAUSED) is None
    assert settled_for_good(RUNNING, RUNNING) is None


def test_a_guest_that_has_left_and_waits_for_long_is_where_it_waits() -> None:
    found = settled_for_good(LEFT, PAUSED)
    assert found is not None and found.place is Place.ARRIVED
    assert settled_for_good(OFF, PAUSED) is None


def test_a_guest_that_has_left_and_never_came_has_lost_its_memory() -> None:
    found = settled_for_good(LEFT, ABSENT)
    assert found is not None and found.place is Place.LOST
    assert settled_for_good(LEFT, SILENT) is None
    assert settled_for_good(OFF, ABSENT) is None


answers = st.none() | st.builds(
    Whereabouts,
    defined=st.just(True),
    state=st.sampled_from(GuestState),
    reason=st.sampled_from(["", "booted", MIGRATED]),
    persistent=st.booleans(),
    job_running=st.booleans(),
)


@given(answers, answers)
def test_a_guest_that_executes_is_never_said_to_be_elsewhere(
    source: Whereabouts | None, destination: Whereabouts | None
) -> None:
    place = find(source, destination).place
    if source is not None and source.state.executing:
        assert place is not Place.ARRIVED or (destination is not None and destination.state.executing)
        assert place is not Place.NOWHERE
    if destination is not None and destination.state.executing:
        assert place in (Place.ARRIVED, Place.BOTH, Place.UNSETTLED)
    if place is Place.ARRIVED:
        assert destination is not None
        assert destination.state.executing or (source is not None and source.reason == MIGRATED)
