"""A session is lost, or two people are at work: a program shows moves that it has not started (real hosts)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from tests.terminal.terminals import Terminal, virt_ferry
from tests.terminal.test_move_on_real_hosts import on, plan_move, watch_to_the_end

SHOWN_WITHIN_S = 2.0
"""From the moment in which the hosts are up."""


def finds(terminal: Terminal) -> float:
    """Seconds from all hosts being up until the move is in the first line."""
    terminal.sees("hosts 3 up")
    up_s = time.monotonic()
    terminal.sees("moving 1")
    return time.monotonic() - up_s


def watch_the_only_move(terminal: Terminal) -> None:
    """From anywhere to the page of the one move in flight."""
    terminal.press("5")
    terminal.sees("1 in flight")
    terminal.press("\r")
    terminal.sees("h1 → h2")


def test_after_a_lost_session_the_next_start_shows_the_move_live_and_ends_it_well(
    lab: Lab, tmp_path: Path
) -> None:
    guest = lab.guest(GuestSpec(name="orphan", dirty_mib_s=2))
    with virt_ferry("--lab", home=tmp_path, environment=on(lab)) as terminal:
        plan_move(terminal, guest, bandwidth_mib_s=8)
        terminal.press("\r")
        terminal.sees("copying")
        terminal.child.kill(9)
        terminal.ends()
    with virt_ferry("--lab", home=tmp_path, size=(80, 24), environment=on(lab)) as terminal:
        took_s = finds(terminal)
        watch_the_only_move(terminal)
        terminal.sees("before this session")
        terminal.sees("MiB/s")
        terminal.press("b")
        terminal.sees("The transfer may use at most")
        terminal.press("\x7f\x7f\x7f200\r")
        watch_to_the_end(terminal)
        assert "orphan is running on h2" in terminal.text()
        terminal.press("\x1b")
        terminal.sees("MIGRATIONS")
        terminal.press("H")
        terminal.sees("PAST MOVES  1")
        terminal.sees("succeeded")
    assert took_s < SHOWN_WITHIN_S, f"shown {took_s:.1f} s after the hosts were up"
    assert lab.where("orphan").name == "h2"


@pytest.mark.parametrize("shared_home", [True, False], ids=["same-account", "other-account"])
def test_a_second_program_shows_whose_move_it_is_and_leaves_it_alone(
    lab: Lab, tmp_path: Path, shared_home: bool
) -> None:
    guest = lab.guest(GuestSpec(name="courier", dirty_mib_s=2))
    other_home = tmp_path if shared_home else tmp_path / "other"
    with virt_ferry("--lab", home=tmp_path, environment=on(lab)) as first:
        plan_move(first, guest, bandwidth_mib_s=8)
        first.press("\r")
        first.sees("copying")
        with virt_ferry("--lab", home=other_home, size=(80, 24), environment=on(lab)) as second:
            finds(second)
            watch_the_only_move(second)
            second.sees("started elsewhere")
            second.press("b")
            second.sees("has it in hand")
            second.press("X")
            second.sees("stop somebody else's move of courier?")
            second.press("\r")
            second.press("q")
            assert second.ends() == 0, "somebody else's move keeps nobody here"
        first.press("b")
        first.sees("The transfer may use at most")
        first.press("\x7f\x7f\x7f200\r")
        watch_to_the_end(first)
        assert "courier is running on h2" in first.text()
    assert lab.where("courier").name == "h2"
