"""`LineView`: lines of toned text, the one widget behind header, footer, panes, logs and cards.

A picture is a pure function from the width of the pane to its lines, so that it can be tested without a
terminal. The view repaints only the lines that differ from what it shows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets.grid_columns import Cell, Tone

Line = tuple[Cell, ...]
Picture = Callable[[int], Sequence[Line]]

EMPTY: Line = ()


def line(*parts: str | Cell) -> Line:
    """A line of parts; plain strings are of the normal tone."""
    return tuple(part if isinstance(part, Cell) else Cell(part) for part in parts)


def dim(text: str) -> Cell:
    """Text that steps back: units, labels."""
    return Cell(text, Tone.DIM)


def length(parts: Iterable[Cell]) -> int:
    """The cells that a line covers."""
    return sum(cell_len(cell.text) for cell in parts)


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` and `right` at the two ends of a line; `right` goes when there is no room for both."""
    gap = width - length(left) - length(right)
    return (*left, Cell(" " * gap), *right) if gap > 0 else left


def wrap(
    text: str, width: int, tone: Tone = Tone.NORMAL, *, indent: str = "", first: Line = ()
) -> list[Line]:
    """Text in lines of `width` cells; `first` stands before the first one, `indent` before the others."""
    lines: list[Line] = []
    for part in text.splitlines() or [""]:
        head = first if not lines and first else (Cell(indent),)
        margin = length(head)
        pieces = textwrap.wrap(
            part,
            max(width, margin + 8, len(indent) + 8),
            initial_indent=" " * margin,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        lines.append((*head, Cell(pieces[0][margin:] if pieces else "", tone)))
        lines += [(Cell(indent), Cell(piece[len(indent) :], tone)) for piece in pieces[1:]]
    return lines


def flow(label: str, groups: Iterable[Line], width: int) -> list[Line]:
    """Groups of cells side by side after a label, on as many lines as they need; no group is torn apart."""
    lines: list[Line] = [(dim(f" {label:<9}"),)]
    for group in groups:
        if len(lines[-1]) > 1 and length(lines[-1]) + length(group) >= width:
            lines.append((dim(" " * 10),))
        lines[-1] = (*lines[-1], *group, dim("   "))
    return lines if len(lines[0]) > 1 else []


def _nothing(_: int) -> Sequence[Line]:
    return ()


class LineView(ScrollView, can_focus=False):
    """Draws a picture; scrolls when the picture is taller than the pane."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{tone}" for tone in Tone}
    DEFAULT_CSS = """
    LineView {
        height: auto;
        background: transparent;
        overflow: hidden hidden;
        & > .lines--normal { color: $foreground; }
        & > .lines--dim { color: $foreground 55%; }
        & > .lines--good { color: $text-success; }
        & > .lines--busy { color: $text-accent; }
        & > .lines--doubt { color: $text-warning; }
        & > .lines--alarm { color: $text-error; text-style: bold; }
        & > .lines--title { color: $foreground; text-style: bold; }
        &:ansi > .lines--dim { color: $foreground; text-style: dim; }
    }
    """

    def __init__(
        self,
        picture: Picture = _nothing,
        *,
        id: str | None = None,  # noqa: A002  (the name Textual gives it)
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._picture = picture
        self._lines: tuple[Line, ...] = ()
        self._width = 0
        self._styles: dict[Tone, Style] = {}

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown."""
        return self._lines

    @property
    def text(self) -> str:
        """What is shown, without tones."""
        return "\n".join("".join(cell.text for cell in each) for each in self._lines)

    def draw(self, picture: Picture | None = None) -> None:
        """Show another picture, or the same one with what has changed since."""
        self._picture = picture or self._picture
        width = self.scrollable_content_region.width
        if width <= 0:
            self._width = 0  # drawn when it is shown
            self.refresh(layout=True)
            return
        old, self._lines, self._width = self._lines, tuple(self._picture(width)), width
        size = Size(width, len(self._lines))
        if len(old) != len(self._lines) or self.virtual_size != size:
            self.virtual_size = size
            self.refresh(layout=True)
            return
        changed = [y for y, (was, now) in enumerate(zip(old, self._lines, strict=True)) if was != now]
        if changed:
            top = self.scroll_offset.y
            self.refresh(*(Region(0, y - top, self.size.width, 1) for y in changed))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002  (Textual's)
        """As many lines as the picture has."""
        return max(1, len(self._picture(max(1, width))))

    def on_resize(self) -> None:
        """Lines depend on the width."""
        self.draw()

    def render_line(self, y: int) -> Strip:
        """One line of the pane (Textual's line API)."""
        width = self.scrollable_content_region.width
        if (
            width != self._width
        ):  # it is painted before it hears of its size: never blank, not even for a moment
            self._lines, self._width = tuple(self._picture(width)), width
        index = y + self.scroll_offset.y
        cells = self._lines[index] if 0 <= index < len(self._lines) else ()
        segments = [Segment(_printable(cell.text), self._style(cell.tone)) for cell in cells if cell.text]
        return Strip(segments).adjust_cell_length(width, self._style(Tone.NORMAL)).crop(0, width)

    def _style(self, tone: Tone) -> Style:
        style = self._styles.get(tone)
        if style is None:
            style = self._styles[tone] = self.get_component_rich_style(f"lines--{tone}")
        return style

    def notify_style_update(self) -> None:
        """Another theme: ask for the styles again."""
        self._styles.clear()
        super().notify_style_update()


class ReadView(LineView, can_focus=True):
    """A `LineView` that the user scrolls by keys."""

    DEFAULT_CSS = """
    ReadView {
        height: 1fr;
        overflow: hidden auto;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
    }
    """


def _printable(text: str) -> str:
    """Hosts' text is cleaned where it enters the program; what slips through still never reaches a terminal."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
