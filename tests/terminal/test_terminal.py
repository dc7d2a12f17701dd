"""The program as a user of a real terminal meets it, on libvirt's in-process test hosts."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terminal.terminals import DEADLINE_S, ROOT, virt_ferry

EMBEDDED = "--embedded"


def test_start_modes_help_filter_action_resize_and_quit(tmp_path: Path) -> None:
    with virt_ferry(EMBEDDED, home=tmp_path) as terminal:
        terminal.sees("GUESTS  24")
        terminal.press("2")
        terminal.sees("HOSTS  3")
        terminal.press("5")
        terminal.sees("No move is in flight.")
        terminal.press("1")
        terminal.sees("web-100")
        terminal.press("?")
        terminal.sees("help: guests")
        terminal.press("q")
        terminal.press("/web-100\r")
        terminal.sees("GUESTS  1 of 24")
        terminal.press("p")
        terminal.sees("‖ paused")
        terminal.resize(80, 24)
        terminal.sees("‖ paused")
        terminal.sees("q quit")
        terminal.press("q")
        assert terminal.ends() == 0
        assert terminal.is_restored


def test_keys_in_a_burst_act_on_what_they_were_typed_for(tmp_path: Path) -> None:
    with virt_ferry(EMBEDDED, home=tmp_path) as terminal:
        terminal.sees("GUESTS  24")
        terminal.press("/p")
        terminal.sees("GUESTS  3 of 24")
        assert "paused" not in terminal.text()
        terminal.press("\x1b")
        terminal.sees("GUESTS  24")
        terminal.press(":crashes\r1/web-100\rp")
        terminal.sees("‖ paused")


def test_a_terminated_program_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with virt_ferry(EMBEDDED, home=tmp_path) as terminal:
        terminal.sees("GUESTS  24")
        terminal.signal(signal.SIGTERM)
        assert terminal.ends() == 128 + signal.SIGTERM
        assert terminal.is_restored


BUGS = {
    "in a key": "import tui.screens.guests as g\ng.GuestsScreen.do_sort = lambda self: 1 / 0",
    "in the fleet's stream": (
        "import tui.bridge as b\ntake = b.Bridge._take\n"
        "def fail(self, changes):\n"
        "    take(self, changes)\n"
        "    if any(g.state.value == 'paused' for g in changes.state.guests()): 1 / 0\n"
        "b.Bridge._take = fail"
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_restores_the_terminal_and_names_the_log(tmp_path: Path, bug: str) -> None:
    log = tmp_path / "ferry.log"
    with virt_ferry(EMBEDDED, "--log", str(log), home=tmp_path, before=BUGS[bug]) as terminal:
        terminal.sees("GUESTS  24")
        terminal.press("op")
        assert terminal.ends() == 1
        assert terminal.is_restored
        assert "has met a bug" in terminal.text()
        assert "ferry.log" in terminal.text()
        assert "ZeroDivisionError" in log.read_text()
        assert "Traceback" not in terminal.text()


def take_terminal() -> None:
    """In the child: standard input becomes the controlling terminal, whose end is told by SIGHUP."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("in_child", [take_terminal, None], ids=["told by SIGHUP", "told by nobody"])
def test_the_program_ends_with_its_terminal(tmp_path: Path, in_child: Callable[[], None] | None) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    program = subprocess.Popen(
        [sys.executable, "-m", "tui", EMBEDDED],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=in_child,  # noqa: PLW1509  (no thread of this process holds a lock that the child takes)
    )
    os.close(theirs)
    try:
        seen = b""
        while b"batch-105" not in seen:
            seen += os.read(ours, 65536)
        os.close(ours)
        assert program.wait(DEADLINE_S) == 128 + signal.SIGHUP
    finally:
        program.kill()
        program.wait()


def test_ctrl_c_does_not_end_the_program_behind_the_users_back(tmp_path: Path) -> None:
    with virt_ferry(EMBEDDED, home=tmp_path) as terminal:
        terminal.sees("GUESTS  24")
        terminal.press("\x03")
        terminal.press("2")
        terminal.sees("HOSTS  3")


@pytest.mark.parametrize(
    "environment",
    [{"TERM": "linux"}, {"LANG": "C"}],
    ids=["linux console", "plain C locale"],
)
def test_terminals_that_draw_only_ascii_get_only_ascii(tmp_path: Path, environment: dict[str, str]) -> None:
    with virt_ferry(EMBEDDED, home=tmp_path, environment=environment) as terminal:
        terminal.sees("GUESTS  24")
        terminal.press("X")
        terminal.sees("force off")
        assert terminal.text().isascii(), [char for char in terminal.text() if not char.isascii()]
        assert terminal.bytes.isascii()


def test_a_terminal_that_cannot_draw_is_told_so_instead_of_being_drawn_on(tmp_path: Path) -> None:
    with virt_ferry(EMBEDDED, home=tmp_path, environment={"TERM": "dumb"}) as terminal:
        terminal.sees("this terminal cannot place text on the screen")
        assert terminal.ends() == 2
        assert "\x1b" not in terminal.bytes


def test_a_key_for_two_actions_is_refused_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[keys]\nquit = "m"\n')
    with virt_ferry(EMBEDDED, "--config", str(config), home=tmp_path) as terminal:
        terminal.sees("'m' is the key of migrate and of quit")
        assert terminal.ends() == 2


def test_no_color_is_honoured(tmp_path: Path) -> None:
    with virt_ferry(EMBEDDED, home=tmp_path, environment={"NO_COLOR": "1"}) as terminal:
        terminal.sees("GUESTS  24")
        colours = {part for part in terminal.bytes.split("\x1b[") if part.startswith("38;2;")}
        shades = {tuple(part.split("m")[0].split(";")[2:5]) for part in colours}
        assert all(len(set(shade)) == 1 for shade in shades), shades


def test_the_first_picture_is_there_within_a_second_or_two(tmp_path: Path) -> None:
    started = time.monotonic()
    with virt_ferry(EMBEDDED, home=tmp_path) as terminal:
        terminal.sees("q quit")
        assert time.monotonic() - started < 5
