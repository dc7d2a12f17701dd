"""Progress bars and sparklines: text for one line, drawn to an eighth of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tui.glyphs import UNICODE, Glyphs


class Bar(NamedTuple):
    """A bar in two parts, so that each can have its tone; joined they have the width asked for."""

    done: str
    rest: str


def bar(fraction: float | None, width: int, glyphs: Glyphs = UNICODE) -> Bar:
    """``████▌`` and ``░░░``; not known (None) is an empty bar. Full only when all is done."""
    steps = len(glyphs.bar_parts) + 1
    done = max(0.0, min(1.0, fraction or 0.0))
    whole, part = divmod(int(done * width * steps), steps)
    text = glyphs.bar_full * whole + (glyphs.bar_parts[part - 1] if part else "")
    return Bar(text, glyphs.bar_empty * (width - len(text)))


def sparkline(values: Sequence[float | None], glyphs: Glyphs = UNICODE, *, width: int | None = None) -> str:
    """``▂▃▅``: one cell for each of `values`, 0 to 1, newest right; a gap (None) is blank.

    With a `width`, the newest values that fit, padded on the left. A value that is known is never blank.
    """
    if width is not None:
        values = values[max(0, len(values) - width) :]
    return "".join(step(value, glyphs) for value in values).rjust(width or 0)


def step(value: float | None, glyphs: Glyphs) -> str:
    """One cell filled from below to `value`, 0 to 1."""
    if value is None:
        return glyphs.ramp[0]
    top = len(glyphs.ramp) - 1
    return glyphs.ramp[max(1, min(top, round(value * top)))]
