"""Text that is as wide as the terminal: words are wrapped, never broken, so that paths and commands can be copied."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from rich.cells import cell_len

from tui.headless.output import Ink, Output

_USUAL = (80, 24)
_LEAST = 20
"""Columns that a text gets at the least, on however narrow a terminal."""
WIDEST_LABEL = 30

Entry = tuple[str, str, Ink]
"""Label, text, and the text's colour. An empty label goes on below the one before."""


def columns() -> int:
    """Of the terminal, or as COLUMNS says; 80 in a pipe."""
    return shutil.get_terminal_size(_USUAL).columns


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells; a longer word has a line of its own. At least one line."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and cell_len(joined) > width:
            lines.append(word)
        else:
            lines[-1] = joined
    return lines


def tell(out: Output, text: str, ink: Ink = Ink.PLAIN, *, indent: int = 0) -> None:
    """A paragraph."""
    for line in wrap(text, max(_LEAST, columns() - indent)):
        out.line(f"{'':<{indent}}{out.ink(line, ink)}".rstrip())


def label_width(labels: Sequence[str]) -> int:
    """How wide a column for these labels is."""
    return min(max(map(cell_len, labels), default=0), WIDEST_LABEL)


def tell_entries(out: Output, entries: Sequence[Entry], *, indent: int = 2, width: int | None = None) -> None:
    """Labels at the left, the texts in a column beside them. `width`: of the labels; else as they need."""
    wide = label_width([label for label, _, _ in entries]) if width is None else width
    edge = indent + wide + 2
    for label, text, ink in entries:
        first, *more = wrap(text, max(_LEAST, columns() - edge))
        head = label + " " * (wide - cell_len(label))
        if cell_len(label) > wide:
            out.line(f"{'':<{indent}}{label}")
            head = " " * wide
        out.line(f"{'':<{indent}}{head}  {out.ink(first, ink)}".rstrip())
        for line in more:
            out.line(f"{'':<{edge}}{out.ink(line, ink)}")
