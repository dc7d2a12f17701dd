"""What of a user's wishes fits the guest, its driver and the other wishes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.guest import Guest, GuestState
from backends.model.host import Driver, HostName
from backends.model.move import DEFAULT_MAX_DOWNTIME_MS, LastResort, MoveMode
from tests.tui.scripted import guest
from tui.wish import (
    Option,
    Wish,
    after,
    fitting_modes,
    last_resorts,
    mode_obstacles,
    mode_of,
    obstacle,
    request_for,
)
from tui.words.mode import LAST_RESORT_SENTENCES, LAST_RESORT_WORDS, MODE_WORDS

H2 = HostName("h2")
QEMU = Driver("qemu", "QEMU", "9.0.0", "10.0.2")
XEN = Driver("xen", "Xen", "9.0.0", "4.17")
TEST = Driver("test", "TEST", "9.0.0", "", migrates=False)

wishes = st.builds(
    Wish,
    mode=st.none() | st.sampled_from(MoveMode),
    copy_disks=st.booleans(),
    postcopy=st.booleans(),
    last_resort=st.sampled_from(LastResort),
    bandwidth_mib_s=st.none() | st.integers(1, 1000),
    max_downtime_ms=st.integers(1, 5000),
)


def in_state(state: GuestState, driver: Driver = QEMU) -> Guest:
    """A guest of this driver in this state."""
    usual = guest("h1", "web-01")
    return replace(usual, key=usual.key._replace(driver=driver.name), state=state)


@given(wish=wishes, state=st.sampled_from(GuestState), driver=st.sampled_from([QEMU, XEN, TEST]))
def test_what_is_asked_for_always_fits(wish: Wish, state: GuestState, driver: Driver) -> None:
    request = request_for(wish, in_state(state, driver), driver, H2)
    assert request.mode in fitting_modes(in_state(state, driver), driver)

    def fits(option: Option) -> bool:
        return obstacle(option, request.mode, driver.name) is None

    assert fits(Option.COPY_DISKS) or not request.copy_disks
    assert fits(Option.POSTCOPY) or not request.wants_postcopy
    assert fits(Option.BANDWIDTH) or request.bandwidth_mib_s is None
    assert fits(Option.DOWNTIME) or request.max_downtime_ms == DEFAULT_MAX_DOWNTIME_MS
    assert request.last_resort in last_resorts(driver.name)


@given(wish=wishes)
def test_a_running_guest_of_qemu_gets_all_that_is_wished_of_a_live_move(wish: Wish) -> None:
    request = request_for(replace(wish, mode=MoveMode.LIVE), in_state(GuestState.RUNNING), QEMU, H2)
    assert (request.copy_disks, request.postcopy, request.last_resort) == (
        wish.copy_disks,
        wish.postcopy,
        wish.last_resort,
    )
    assert (request.bandwidth_mib_s, request.max_downtime_ms) == (wish.bandwidth_mib_s, wish.max_downtime_ms)


@pytest.mark.parametrize("state", GuestState)
@pytest.mark.parametrize("driver", [QEMU, XEN, TEST, None])
def test_some_mode_fits_every_guest_and_each_other_has_its_reason(
    state: GuestState, driver: Driver | None
) -> None:
    found = in_state(state, driver or QEMU)
    fitting, obstacles = fitting_modes(found, driver), mode_obstacles(found, driver)
    assert fitting
    assert set(fitting) | set(obstacles) == set(MoveMode)
    assert not set(fitting) & set(obstacles)
    assert all(obstacles.values())


def test_a_choice_that_makes_no_sense_any_more_gives_way_to_the_usual_one() -> None:
    assert mode_of(Wish(mode=MoveMode.LIVE), in_state(GuestState.OFF), QEMU) is MoveMode.OFFLINE
    assert mode_of(Wish(mode=MoveMode.OFFLINE), in_state(GuestState.RUNNING), QEMU) is MoveMode.LIVE


def test_a_mode_that_was_named_is_kept_so_that_the_checks_can_say_what_is_wrong_with_it() -> None:
    off = in_state(GuestState.OFF)
    assert request_for(Wish(), off, QEMU, H2, mode=MoveMode.LIVE).mode is MoveMode.LIVE


def test_a_driver_without_post_copy_has_no_last_resorts_that_need_qemu() -> None:
    assert last_resorts("xen") == (LastResort.KEEP_TRYING, LastResort.PAUSE, LastResort.ABORT)
    assert last_resorts("qemu") == tuple(LastResort)


def test_a_key_goes_through_all_values_and_begins_again() -> None:
    values = tuple(LastResort)
    assert [after(values, value) for value in values] == [*values[1:], values[0]]
    assert after(values[1:], values[0]) is values[1]


def test_every_mode_and_last_resort_has_words_that_fit_into_80_columns() -> None:
    assert set(MODE_WORDS) == set(MoveMode)
    assert set(LAST_RESORT_WORDS) == set(LAST_RESORT_SENTENCES) == set(LastResort)
    assert max(map(len, MODE_WORDS.values())) <= 61
    assert max(map(len, LAST_RESORT_SENTENCES.values())) <= 40
