"""Standard output: aligned text with a little colour on a terminal, or JSON lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import Enum
from typing import TextIO

import msgspec
from rich.cells import cell_len


class Ink(Enum):
    """The few colours of text output: SGR parameters of ECMA-48, 8.3.117."""

    PLAIN = ""
    DIM = "2"
    BOLD = "1"
    GOOD = "32"
    DOUBT = "33"
    ALARM = "31"
    BUSY = "36"


class Output:
    """Writes to one stream, a flush a line, so that a reader at the other end of a pipe is never behind."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.live = self._stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        self._coloured = self.live and "NO_COLOR" not in os.environ
        self._unfinished = False

    def line(self, text: str = "") -> None:
        """One line of text."""
        start = "\r\x1b[K" if self._unfinished else ""
        self._unfinished = False
        self._write(f"{start}{text}\n")

    def passing(self, text: str) -> None:
        """A line that the next one replaces; only a terminal gets it."""
        if self.live:
            self._unfinished = True
            self._write(f"\r\x1b[K{text}")

    def json(self, line: msgspec.Struct) -> None:
        """One object on one line."""
        self._write(msgspec.json.encode(line).decode() + "\n")

    def ink(self, text: str, ink: Ink) -> str:
        """`text` in a colour, where colours are wanted."""
        return f"\x1b[{ink.value}m{text}\x1b[0m" if self._coloured and ink.value else text

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str | tuple[str, Ink]]]) -> None:
        """Aligned columns; a title that begins with `>` puts its column on the right."""
        cells = [[(cell, Ink.PLAIN) if isinstance(cell, str) else cell for cell in row] for row in rows]
        right = [title.startswith(">") for title in titles]
        heads = [title.lstrip(">") for title in titles]
        widths = [
            max([cell_len(head), *(cell_len(row[index][0]) for row in cells)])
            for index, head in enumerate(heads)
        ]
        for row in [[(head, Ink.DIM) for head in heads], *cells]:
            padded = [
                self.ink(_pad(text, width, on_right), ink)
                for (text, ink), width, on_right in zip(row, widths, right, strict=True)
            ]
            self.line("  ".join(padded).rstrip())

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _pad(text: str, width: int, on_right: bool) -> str:
    blank = " " * (width - cell_len(text))
    return blank + text if on_right else text + blank
