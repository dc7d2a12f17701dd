"""Send the terminal only the cells that differ from what it shows.

Textual repaints a changed region from the left edge of its widget, a widget that is given the text it
already has as a whole, and at the start the whole screen three times. Over a slow line that is most of
the traffic. `LeanDisplay` remembers every cell it has sent and drops the rest of an update; an update
that changes nothing sends nothing.

Whatever may have changed the terminal behind our back (another size, coming back from the shell) empties
the memory and repaints; so does the action `redraw`, for users whose terminal was written on by others.

This hooks `App._display` and reads updates of `textual._compositor`, which are not public;
`tests/tui/test_lean_display.py` compares the pictures with those of a plain app and so tells when a new
Textual has other ideas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

from rich.cells import split_graphemes
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App, ReturnType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.strip import Strip

from tui.patient_driver import PatientDriver

_JUMP = 24
"""Unchanged cells worth skipping: to move the cursor and set the style anew costs about as many bytes."""

_LOOK_AGAIN_S = 0.1
"""How soon a terminal that is behind is looked at again."""

_Cell = tuple[str, Style | None]
"""A character with what combines with it, and its style. The right half of a wide character is empty."""


class Piece(NamedTuple):
    """A part of one line of the screen."""

    x: int
    y: int
    cells: list[_Cell]


class LeanDisplay(App[ReturnType]):
    """An app that sends only cells that differ. Derive from it instead of `App`."""

    _memory: ScreenMemory | None = None
    _skipped = False

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice; on a Unix terminal one that never waits."""
        chosen = super().get_driver_class()
        return PatientDriver if chosen is LinuxDriver else chosen

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if self._memory is None:
            self._memory = ScreenMemory()
        if self._batch_count:
            return
        if self._is_behind():
            self._skip()
            return
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            pieces = self._memory.differences(_pieces(renderable))
            super()._display(screen, _PiecesUpdate(pieces) if pieces else None)
        else:
            super()._display(screen, renderable)

    @property
    def terminal_is_stuck(self) -> bool:
        """After the end: has the terminal not even taken the last words?"""
        return isinstance(self._driver, PatientDriver) and self._driver.stuck

    def _is_behind(self) -> bool:
        return isinstance(self._driver, PatientDriver) and self._driver.behind

    def _skip(self) -> None:
        """Leave a picture out, and draw what differs by then when the terminal has caught up."""
        if not self._skipped:
            self._skipped = True
            self.set_timer(_LOOK_AGAIN_S, self._catch_up)

    def _catch_up(self) -> None:
        self._skipped = False
        if self._is_behind():
            self._skip()
        else:
            self.screen.refresh(layout=True)

    def on_mount(self) -> None:
        """Whoever had the terminal in the meantime may have written on it."""
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())

    def on_resize(self) -> None:
        """Terminals move text about when their size changes; Textual repaints by itself then."""
        self._forget()

    def action_redraw(self) -> None:
        """Send the whole screen again."""
        self._forget()
        self.refresh()

    def _forget(self) -> None:
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
            f"{move_to(x, y).segment.text}{_strip(cells).render(console)}" for x, y, cells in self._pieces
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
        x, y, new = piece
        line = self._lines.setdefault(y, [])
        line.extend([None] * (x + len(new) - len(line)))
        old = line[x : x + len(new)]
        if old != new:
            line[x : x + len(new)] = new
            for start, end in _runs(old, new):
                yield Piece(x + start, y, new[start:end])


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[Piece]:
    """What an update is about. Regions are cut exactly, where Textual begins at the left edge of the widget."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            yield Piece(update.region.x, y, [cell for strip in strips for cell in _cells(strip)])
        return
    for y, x1, x2 in update.spans:
        for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            left, right = max(x, x1), min(end, x2)
            if chop is not None and left < right:
                cells = _cells(chop)
                start, stop = _whole(cells, left - x, right - x)
                yield Piece(x + start, y, cells[start:stop])


def _cells(strip: Strip) -> list[_Cell]:
    """A strip cell by cell."""
    return [(char, style) for text, style, _ in strip for char in (text if text.isascii() else _split(text))]


@lru_cache(maxsize=1024)
def _split(text: str) -> tuple[str, ...]:
    """What is in each cell of a text: a character with what combines with it, then "" for its right half."""
    cells: list[str] = []
    for start, end, width in split_graphemes(text)[0]:
        if width:
            cells += [text[start:end], *[""] * (width - 1)]
        elif cells:
            cells[-1] += text[start:end]
    return tuple(cells)


def _strip(cells: list[_Cell]) -> Strip:
    """Cells as a strip, one segment for each run of one style."""
    runs = groupby(cells, key=itemgetter(1))
    return Strip(Segment("".join(char for char, _ in run), style) for style, run in runs)


def _runs(old: list[_Cell | None], new: list[_Cell]) -> Iterator[tuple[int, int]]:
    """From and to of the runs of cells to send."""
    changed = [index for index, (was, now) in enumerate(zip(old, new, strict=True)) if was != now]
    gaps = [(last, first) for last, first in pairwise(changed) if first - last > _JUMP]
    starts = [changed[0], *(first for _, first in gaps)]
    ends = [*(last for last, _ in gaps), changed[-1]]
    for start, last in zip(starts, ends, strict=True):
        yield _whole(new, start, last + 1)


def _whole(cells: list[_Cell], start: int, end: int) -> tuple[int, int]:
    """From and to, widened where they would cut a wide character in half."""
    while start > 0 and not cells[start][0]:
        start -= 1
    while end < len(cells) and not cells[end][0]:
        end += 1
    return start, end
