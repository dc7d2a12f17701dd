"""The signs the program draws with, in a Unicode form and in an ASCII form.

A state is always shown as a sign AND a word, so a sign only has to be told apart, never to be
understood alone. Every sign is one cell wide and none has an emoji presentation (U+2713 and U+2718
instead of U+2714 and U+2716), because terminals disagree on the width of those. The exceptions to
one cell are named in `WIDE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WIDE = frozenset({"arrow", "both", "bar_parts", "ramp", "box"})
"""Fields which are not exactly one character: words, and the ramps and boxes that drawings index into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """One complete set of signs. `ramp` has nine steps, from nothing to a full cell."""

    name: str
    running: str
    off: str
    paused: str
    crashed: str
    stale: str
    moving: str
    connecting: str
    down: str
    unknown: str
    ok: str
    warning: str
    refuse: str
    note: str
    marker: str
    descending: str
    ascending: str
    arrow: str
    both: str
    dash: str
    ellipsis: str
    vertical: str
    horizontal: str
    thumb: str
    bar_full: str
    bar_empty: str
    bar_parts: str
    ramp: str
    box: str
    """Its corners from the upper left to the lower right, then where a line meets the left and the right side, and
    what points down."""

    @property
    def is_ascii(self) -> bool:
        """Whether every sign of this set can be drawn by any terminal at all."""
        return self.vertical.isascii()


UNICODE = Glyphs(
    name="unicode",
    running="●",
    off="■",
    paused="‖",
    crashed="✘",
    stale="?",
    moving="⇄",
    connecting="◌",
    down="✘",
    unknown="?",
    ok="✓",
    warning="!",
    refuse="✘",
    note="i",
    marker="▸",
    descending="▾",
    ascending="▴",
    arrow="→",
    both="↔",
    dash="–",
    ellipsis="…",
    vertical="│",
    horizontal="─",
    thumb="▐",
    bar_full="█",
    bar_empty="░",
    bar_parts="▏▎▍▌▋▊▉",
    ramp=" ▁▂▃▄▅▆▇█",
    box="┌┐└┘├┤▼",
)

ASCII = Glyphs(
    name="ascii",
    running="*",
    off="-",
    paused="=",
    crashed="X",
    stale="?",
    moving="%",
    connecting=".",
    down="x",
    unknown="?",
    ok="+",
    warning="!",
    refuse="x",
    note="i",
    marker=">",
    descending="v",
    ascending="^",
    arrow="->",
    both="<->",
    dash="-",
    ellipsis="~",
    vertical="|",
    horizontal="-",
    thumb="#",
    bar_full="#",
    bar_empty="-",
    bar_parts="",
    ramp=" .:-=+*#@",
    box="++++++v",
)

_ASCII_TERMINALS = frozenset({"", "dumb", "linux", "unknown"})
"""Values of TERM that promise nothing: the Linux console's font holds at most 512 glyphs (setfont(8))."""

_LOCALE_VARIABLES = ("LC_ALL", "LC_CTYPE", "LANG")
"""In the order of POSIX.1-2017, Base Definitions, 8.2: the first that is set and not empty decides."""


def glyphs_for(environ: Mapping[str, str]) -> Glyphs:
    """The set a terminal with this environment can draw: `UNICODE`, or `ASCII` when in doubt."""
    if environ.get("TERM", "") in _ASCII_TERMINALS:
        return ASCII
    locale = next((environ[name] for name in _LOCALE_VARIABLES if environ.get(name)), "")
    codeset = locale.partition(".")[2].partition("@")[0]
    return UNICODE if codeset.lower().replace("-", "") == "utf8" else ASCII
