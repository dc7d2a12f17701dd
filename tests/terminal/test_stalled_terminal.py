"""A terminal that stops reading, as one behind a sleeping SSH client, freezes nothing but its own picture."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.terminal.terminals import Terminal, virt_ferry

FLOOD = 240
"""Changes of the whole picture: far more than a pseudo-terminal and Textual's own queue hold."""
GOES_WITHIN_S = 6.0


def stall(terminal: Terminal) -> None:
    """Let the program write much more than anybody reads."""
    terminal.sees("GUESTS  24")
    for _ in range(FLOOD // 4):
        terminal.press("2")
        terminal.press("1")
        terminal.press("3")
        terminal.press("1")
        time.sleep(0.005)  # keys are typed, not pasted: each shall be drawn


def test_a_program_whose_terminal_is_stalled_still_hears_signals(tmp_path: Path) -> None:
    with virt_ferry("--embedded", home=tmp_path) as terminal:
        stall(terminal)
        terminal.signal(signal.SIGTERM)
        end = time.monotonic() + GOES_WITHIN_S
        ended = None
        while ended is None:
            assert time.monotonic() < end, "the stalled terminal holds the program"
            ended = os.waitid(os.P_PID, terminal.child.pid or 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        assert ended.si_status == 128 + signal.SIGTERM


def test_the_picture_is_right_again_when_the_terminal_reads_on(tmp_path: Path) -> None:
    with virt_ferry("--embedded", home=tmp_path) as terminal:
        stall(terminal)
        terminal.press("/web-100\r")
        terminal.sees("GUESTS  1 of 24")
        picture = terminal.text()
        assert picture.count("web-100") >= 2, "the row and its details"
        assert "HOSTS  3" not in picture
        terminal.press("q")
        assert terminal.ends() == 0
        assert terminal.is_restored
