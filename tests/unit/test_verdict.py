"""Where the guest is follows from what both hosts say, and from nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.hypervisor.whereabouts import Whereabouts
from backends.migration.verdict import MIGRATED, Place, find
from backends.model.guest import GuestState

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
        (LEFT, PAUSED, Place.ARRIVED),
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
