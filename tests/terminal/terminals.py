"""The program in a real pseudo-terminal, its picture kept by a terminal emulator."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte

ROOT = Path(__file__).parents[2]
DEADLINE_S = 20.0
"""Far more than the program takes to do anything it is asked here."""

RESTORED = ("\x1b[?1049l", "\x1b[?25h", "\x1b[?1000l")
"""Leaves the alternate screen, shows the cursor, reports no mouse (xterm's control sequences)."""


class Terminal:
    """One program in one terminal."""

    def __init__(self, child: pexpect.spawn[str], size: tuple[int, int]) -> None:
        self.child = child
        self.bytes = ""
        self._screen = pyte.Screen(*size)
        self._stream = pyte.Stream(self._screen)

    def read(self, wait_s: float = 0.05) -> None:
        """Take in what the program has written, if anything comes within `wait_s`."""
        try:
            text = self.child.read_nonblocking(65536, timeout=wait_s)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.bytes += text
        # pyte knows neither private modes with `$` nor the kitty keyboard protocol's `CSI > u`.
        self._stream.feed(re.sub(r"\x1b\[[?>=<][\d;]*(?:\$p|u)", "", text))

    def text(self) -> str:
        """The picture."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def press(self, keys: str) -> None:
        """Type."""
        self.child.send(keys)

    def signal(self, number: signal.Signals) -> None:
        """What another process, or the end of the session, does to it."""
        self.child.kill(number)

    def resize(self, width: int, height: int) -> None:
        """The user makes the window another size."""
        self._screen.resize(lines=height, columns=width)
        self.child.setwinsize(height, width)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Read on until it is so; fails with the picture when the deadline passes."""
        end = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"never so: {what}\n{self.text()}")
            self.read()

    def sees(self, words: str) -> None:
        """Wait until these words are in the picture."""
        self.until(lambda: words in self.text(), f"sees {words!r}")

    def ends(self) -> int:
        """Wait for the end of the program; its exit status, negative for a signal."""
        end = time.monotonic() + DEADLINE_S
        while self.child.isalive():
            if time.monotonic() > end:
                raise AssertionError(f"does not end\n{self.text()}")
            self.read()
        self.read()
        return self.child.exitstatus if self.child.exitstatus is not None else -(self.child.signalstatus or 0)

    @property
    def is_restored(self) -> bool:
        """Has the terminal been left as it was found?"""
        return all(self.bytes.rfind(mode) > self.bytes.rfind("\x1b[?1049h") for mode in RESTORED)


@contextmanager
def virt_ferry(
    *words: str,
    home: Path,
    size: tuple[int, int] = (120, 36),
    environment: Mapping[str, str] | None = None,
    before: str = "",
) -> Iterator[Terminal]:
    """`virt-ferry WORDS` in a terminal of `size` (columns, lines); ended when the block is.

    `before` is Python that runs first in the same process, to plant a fault.
    """
    child = pexpect.spawn(
        sys.executable,
        ["-c", f"{before}\nfrom tui.cli import main\nmain()", *words],
        cwd=str(ROOT),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            **(environment or {}),
        },
        dimensions=(size[1], size[0]),
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    try:
        yield Terminal(child, size)
    finally:
        child.close(force=True)
