"""A move always ends with a verdict, and an ended move stays ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.migration.machine import Signal, can_abort, step, why_no_abort
from backends.model.move import Phase

signals = st.sampled_from(Signal)
phases = st.sampled_from(Phase)


@given(phases, signals, st.booleans())
def test_every_signal_is_understood_in_every_phase(phase: Phase, signal: Signal, cancelled: bool) -> None:
    assert step(phase, signal, cancelled=cancelled) in Phase


@given(phases.filter(lambda phase: phase.final), signals, st.booleans())
def test_nothing_moves_an_ended_move(phase: Phase, signal: Signal, cancelled: bool) -> None:
    assert step(phase, signal, cancelled=cancelled) is phase


@given(phases.filter(lambda phase: not phase.final))
def test_from_every_phase_a_verdict_can_be_reached(phase: Phase) -> None:
    reached, frontier = {phase}, [phase]
    while frontier:
        current = frontier.pop()
        for signal in Signal:
            after = step(current, signal)
            if after not in reached:
                reached.add(after)
                frontier.append(after)
    assert any(each.final for each in reached)


@given(st.lists(signals, max_size=30), st.booleans())
def test_success_is_only_said_after_both_hosts_were_asked(walk: list[Signal], cancelled: bool) -> None:
    phase = Phase.CHECKING
    for signal in walk:
        after = step(phase, signal, cancelled=cancelled)
        if after is Phase.SUCCEEDED and phase is not Phase.SUCCEEDED:
            assert signal is Signal.FOUND_AT_DESTINATION
        phase = after


def test_a_plain_move_walks_through_all_its_phases() -> None:
    walk = [
        (Signal.CHECKS_PASSED, Phase.READY),
        (Signal.STARTED, Phase.PREPARING),
        (Signal.TRANSFER_BEGAN, Phase.COPYING),
        (Signal.PASS_REPEATED, Phase.CONVERGING),
        (Signal.GUEST_STOPPED, Phase.SWITCHING),
        (Signal.TRANSFER_ENDED, Phase.VERIFYING),
        (Signal.FOUND_AT_DESTINATION, Phase.SUCCEEDED),
    ]
    phase = Phase.CHECKING
    for signal, expected in walk:
        phase = step(phase, signal)
        assert phase is expected


@pytest.mark.parametrize("phase", [Phase.PREPARING, Phase.COPYING, Phase.CONVERGING])
def test_an_abort_that_works_ends_as_cancelled(phase: Phase) -> None:
    cancelling = step(phase, Signal.ABORT_ASKED)
    assert cancelling is Phase.CANCELLING
    back = step(cancelling, Signal.TRANSFER_FAILED)
    assert step(back, Signal.FOUND_AT_SOURCE, cancelled=True) is Phase.CANCELLED


def test_a_transfer_that_wins_the_race_against_an_abort_ends_as_succeeded() -> None:
    verifying = step(Phase.CANCELLING, Signal.TRANSFER_ENDED)
    assert step(verifying, Signal.FOUND_AT_DESTINATION, cancelled=True) is Phase.SUCCEEDED


def test_a_switch_that_hangs_can_be_aborted() -> None:
    assert can_abort(Phase.SWITCHING)
    assert step(Phase.SWITCHING, Signal.ABORT_ASKED) is Phase.CANCELLING
    assert step(Phase.CANCELLING, Signal.TRANSFER_ENDED) is Phase.VERIFYING, "the switch may win the race"
    assert not can_abort(Phase.VERIFYING)


def test_a_post_copy_that_fails_is_never_rolled_back() -> None:
    reached, frontier = set(), [step(Phase.POSTCOPY, signal) for signal in Signal]
    while frontier:
        phase = frontier.pop()
        if phase not in reached and phase is not Phase.POSTCOPY:
            reached.add(phase)
            frontier += [step(phase, signal) for signal in Signal if signal is not Signal.LINK_HEALED]
    assert Phase.ROLLING_BACK not in reached
    assert step(Phase.POSTCOPY, Signal.TRANSFER_FAILED) is Phase.RECONCILING
    assert not can_abort(Phase.POSTCOPY)
    assert "lose" in why_no_abort(Phase.POSTCOPY)


@given(phases.filter(lambda phase: not phase.final))
def test_a_move_that_is_found_is_asked_about_first(phase: Phase) -> None:
    assert step(phase, Signal.ADOPTED) is Phase.RECONCILING
