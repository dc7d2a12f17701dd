"""Send the terminal only the cells that differ from what it shows.

Textual repaints a changed region from the left edge of its widget, and a widget that is given the text
it already has as a whole. Over a slow line that is most of the traffic. `LeanDisplay` remembers every
cell it has sent and drops the rest of an update; an update that changes nothing sends nothing.

Full repaints (start, another screen) pass unchanged and empty the memory, and so does whatever may have
changed the terminal behind our back: another size, coming back from the shell.

This hooks `App._display` and reads `textual._compositor.ChopsUpdate`, which are not public;
`tests/tui/test_lean_display.py` compares the pictures with those of a plain app and so tells when a new
Textual has other ideas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.control import Control
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.app import App, ReturnType
from textual.screen import Screen
from textual.strip import Strip

_JUMP = 24
"""Unchanged cells worth skipping: to move the cursor and set the style anew costs about as many bytes."""

_Cell = tuple[str, Style | None]
"""A character with what combines with it, and its style. The right half of a wide character is empty."""


class Piece(NamedTuple):
    """A part of one line of the screen."""

    x: int
    y: int
    strip: Strip


class LeanDisplay(App[ReturnType]):
    """An app that sends only cells that differ. Derive from it instead of `App`."""

    _memory: ScreenMemory | None = None

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if self._memory is None:
            self._memory = ScreenMemory()
        if self._batch_count:
            return
        if isinstance(renderable, ChopsUpdate):
            pieces = self._memory.differences(_pieces(renderable))
            super()._display(screen, _PiecesUpdate(pieces) if pieces else None)
        else:
            if renderable is not None:
                self._memory.forget()
            super()._display(screen, renderable)

    def on_mount(self) -> None:
        """Whoever had the terminal in the meantime may have written on it."""
        self.app_resume_signal.subscribe(self, lambda _: self._forget_terminal())

    def on_resize(self) -> None:
        """Terminals move text about when their size changes. Also sent after SIGCONT."""
        self._forget_terminal()

    def _forget_terminal(self) -> None:
        if self._memory is not None:
            self._memory.forget()


class _PiecesUpdate(CompositorUpdate):
    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = pieces

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Nothing: Textual asks for the bytes; this makes an update a renderable, as it is typed."""
        return ()

    def render_segments(self, console: Console) -> str:
        move_to = Control.move_to
        return "".join(
            f"{move_to(piece.x, piece.y).segment.text}{piece.strip.render(console)}" for piece in self._pieces
        )


class ScreenMemory:
    """The cells the terminal is known to show; None where it may show anything."""

    def __init__(self) -> None:
        self._lines: dict[int, list[_Cell | None]] = {}

    def forget(self) -> None:
        """The terminal may show anything from now on."""
        self._lines.clear()

    def differences(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Those parts of `pieces` that the terminal does not show; it is taken to show them from now on."""
        return [part for piece in pieces for part in self._differences(piece)]

    def _differences(self, piece: Piece) -> Iterator[Piece]:
        x, y, strip = piece
        new = _cells(strip)
        line = self._lines.setdefault(y, [])
        line.extend([None] * (x + len(new) - len(line)))
        old = line[x : x + len(new)]
        if old == new:
            return
        line[x : x + len(new)] = new
        if len(new) != strip.cell_length:
            yield piece
            return
        for start, end in _runs(old, new):
            yield Piece(x + start, y, strip.crop(start, end))


def _pieces(update: ChopsUpdate) -> Iterator[Piece]:
    """The regions an update is about, cut exactly, where Textual begins at the left edge of the widget."""
    for y, x1, x2 in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            left, right = max(x, x1), min(end, x2)
            if strip is not None and left < right:
                yield Piece(left, y, strip.crop(left - x, right - x))


def _cells(strip: Strip) -> list[_Cell]:
    """A strip cell by cell. Sequences that a terminal may join give another number than its length."""
    cells: list[_Cell] = []
    for text, style, _ in strip:
        if text.isascii():
            cells += [(char, style) for char in text]
            continue
        for char in text:
            width = cell_len(char)
            if width == 0 and cells:
                cells[-1] = (cells[-1][0] + char, style)
            else:
                cells += [(char, style), ("", style)][:width]
    return cells


def _runs(old: list[_Cell | None], new: list[_Cell]) -> Iterator[tuple[int, int]]:
    """From and to of the runs of cells to send; no wide character is cut in half."""
    changed = [index for index, (was, now) in enumerate(zip(old, new, strict=True)) if was != now]
    gaps = [(last, first) for last, first in pairwise(changed) if first - last > _JUMP]
    starts = [changed[0], *(first for _, first in gaps)]
    ends = [*(last for last, _ in gaps), changed[-1]]
    for start, last in zip(starts, ends, strict=True):
        first, end = start, last + 1
        while first > 0 and not new[first][0]:
            first -= 1
        while end < len(new) and not new[end][0]:
            end += 1
        yield first, end
