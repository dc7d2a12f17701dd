"""The program on a pseudo-terminal of its own, timed by what arrives there.

A thread does nothing but read, so that a program under test never waits for us and each piece of output has
the time at which it arrived. The picture is made from the pieces afterwards, at our own pace.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

import pyte

COLUMNS, LINES = 160, 40
_TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
KEYS = {"down": b"\x1b[B", "up": b"\x1b[A", "page down": b"\x1b[6~", "page up": b"\x1b[5~"}
"""As xterm sends them (ctlseqs, PC-style function keys)."""
MARKER = "▸ "
"""What stands before the row under the cursor (tui.glyphs)."""
_NOT_PYTE = re.compile(rb"\x1b\[[?>=<][\d;]*(?:\$p|u)")
"""Control sequences that pyte would print: requests of modes, and the kitty keyboard protocol's."""
_END_DEADLINE_S = 10.0
_BURST_GAP_S = 0.002
"""Pieces that follow each other this closely are of one paint: a paint is one write, which the kernel cuts."""


class Piece(NamedTuple):
    """Some bytes, and when they were read (time.monotonic)."""

    at_s: float
    data: bytes


class NeverShownError(Exception):
    """What was waited for did not appear; the text says what, and shows the screen instead."""


Holds = Callable[["Terminal"], bool]


class Terminal:
    """`with Terminal(argv) as terminal`: runs a program until the block ends. Used by one thread."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        keep_open: Sequence[int] = (),
    ) -> None:
        """`environment` is added to ours; the file descriptors in `keep_open` are inherited."""
        self._argv = argv
        self._keep_open = keep_open
        self._environment = environment or {}
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        self._pieces: list[Piece] = []
        self._news = threading.Condition()
        self._shown = 0
        self._sightings: list[Sighting] = []
        self.started_s = 0.0
        self.total_bytes = 0
        """Of the pieces shown so far."""

    def __enter__(self) -> Self:
        self._home = tempfile.TemporaryDirectory(prefix="virt-ferry-bench-")
        environment = {
            **os.environ, **_TERMINAL, "XDG_CONFIG_HOME": self._home.name, "XDG_STATE_HOME": self._home.name,
            **self._environment,
        }  # fmt: skip
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *self._argv],  # its controlling terminal: it hears when we are gone
            stdin=slave, stdout=slave, stderr=slave, env=environment, pass_fds=self._keep_open,
        )  # fmt: skip
        os.close(slave)
        self._reader = threading.Thread(target=self._read, name="pty", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(_END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(_END_DEADLINE_S)
        os.close(self._master)
        self._home.cleanup()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: nobody holds the other end any more
                return
            with self._news:
                self._pieces.append(Piece(time.monotonic(), data))
                self._news.notify_all()

    # What is shown ----------------------------------------------------------------------------

    @property
    def lines(self) -> list[str]:
        """The picture that the pieces shown so far make."""
        return list(self.screen.display)

    def shows(self, words: str) -> bool:
        """Are these words on the screen?"""
        return any(words in line for line in self.lines)

    @property
    def row(self) -> str:
        """The first word of the row under the cursor; empty when there is no such row."""
        return self._cursor[1]

    @property
    def _cursor(self) -> tuple[int, str]:
        """On which line the cursor is, and the first word of its row; rows may begin with the same word."""
        for number, line in enumerate(self.lines):
            _, marker, rest = line.partition(MARKER)
            if marker:
                return number, rest.split(maxsplit=1)[0]
        return -1, ""

    def sight(self, holds: Holds) -> Sighting:
        """Note when something first holds, while other things are done with the terminal."""
        sighting = Sighting(holds)
        self._sightings.append(sighting)
        return sighting

    def step(self, timeout_s: float) -> Piece | None:
        """Show one more piece; None when none arrives in time."""
        with self._news:
            if not self._news.wait_for(lambda: len(self._pieces) > self._shown, timeout_s):
                return None
            piece = self._pieces[self._shown]
            self._shown += 1
        self._stream.feed(_NOT_PYTE.sub(b"", piece.data))
        self.total_bytes += len(piece.data)
        for sighting in self._sightings:
            sighting.look(self, piece.at_s)
        return piece

    def until(self, holds: Holds, what: str, timeout_s: float = 30) -> float:
        """When the piece arrived after which it holds (time.monotonic). Raises NeverShownError."""
        deadline = time.monotonic() + timeout_s
        at_s = time.monotonic()
        while not holds(self):
            piece = self.step(max(0.0, deadline - time.monotonic()))
            if piece is None:
                raise NeverShownError("\n".join([f"not within {timeout_s:g} s: {what}", *self.lines]))
            at_s = piece.at_s
        return at_s

    def settle(self, seconds: float) -> list[Piece]:
        """Show all that arrives within a span of time; returns it."""
        end = time.monotonic() + seconds
        pieces = []
        while (left := end - time.monotonic()) > 0:
            if piece := self.step(left):
                pieces.append(piece)
        return pieces

    # Keys -------------------------------------------------------------------------------------

    def press(self, key: str) -> float:
        """Press a key of `KEYS`, or type a character; returns when (time.monotonic)."""
        at_s = time.monotonic()
        os.write(self._master, KEYS.get(key) or key.encode())
        return at_s

    def time_key(self, key: str, timeout_s: float = 10) -> float:
        """Seconds from a key that moves the cursor to the last byte of its paint. Raises NeverShownError."""
        while self.step(0):
            pass
        before = self._cursor
        pressed_s = self.press(key)
        painted_s = self.until(
            lambda terminal: terminal.row != "" and terminal._cursor != before,
            f"{key} moves the cursor",
            timeout_s,
        )
        while (rest := self.step(_BURST_GAP_S)) and rest.at_s - painted_s < _BURST_GAP_S:
            painted_s = rest.at_s
        return painted_s - pressed_s


class Sighting:
    """The time at which something first held; None until then."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self.at_s: float | None = None

    def look(self, terminal: Terminal, at_s: float) -> None:
        """Called with each piece shown."""
        if self.at_s is None and self._holds(terminal):
            self.at_s = at_s


def time_keys(terminal: Terminal, keys: Sequence[str], *, pause_s: float = 0.03) -> list[float]:
    """Press keys one after another, each once the one before is on the screen; seconds for each."""
    times = []
    for key in keys:
        times.append(terminal.time_key(key))
        terminal.settle(pause_s)
    return times
