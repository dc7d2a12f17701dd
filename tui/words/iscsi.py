"""iSCSI targets in words."""

from __future__ import annotations

from backends.api import FerryError
from backends.model.storage import IscsiTarget
from tui.format import UNKNOWN
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Cell, Column, Tone
from tui.widgets.lines import Line, dim, line, wrap


def login_cell(target: IscsiTarget, glyphs: Glyphs) -> Cell:
    """A sign and words: is the host logged in to it?"""
    if target.logged_in is None:
        return Cell(f"{glyphs.unknown} unknown", Tone.DIM)
    if target.logged_in:
        return Cell(f"{glyphs.ok} logged in", Tone.GOOD)
    return Cell(f"{glyphs.dash} not logged in", Tone.DIM)


def chap_words(target: IscsiTarget) -> str:
    """Does it ask who comes?"""
    return {None: UNKNOWN, True: "asked for", False: "no"}[target.chap]


def target_columns(glyphs: Glyphs) -> list[Column[IscsiTarget]]:
    """Name, whether the host is logged in, CHAP, LUNs, portals."""
    return [
        Column(
            id="iqn",
            title="TARGET",
            cell=lambda target: Cell(target.iqn),
            width=24,
            flex=1,
            max_width=64,
            keeps_end=True,
            sort=lambda target: target.iqn,
            priority=9,
        ),
        Column(
            id="login", title="LOGIN", cell=lambda target: login_cell(target, glyphs), width=15, priority=9
        ),
        Column(
            id="chap",
            title="CHAP",
            cell=lambda target: Cell(chap_words(target), Tone.NORMAL if target.chap else Tone.DIM),
            width=9,
            priority=7,
        ),
        Column(
            id="luns",
            title="LUNS",
            cell=lambda target: Cell(str(len(target.luns)) if target.luns else UNKNOWN),
            width=4,
            align=Align.RIGHT,
            priority=6,
        ),
        Column(
            id="portals",
            title="PORTALS",
            cell=lambda target: Cell(", ".join(target.portals), Tone.DIM),
            width=20,
            flex=1,
            priority=5,
        ),
    ]


def target_lines(
    target: IscsiTarget | None, error: FerryError | None, glyphs: Glyphs, width: int
) -> list[Line]:
    """The selected target in full, and why it was not asked anew."""
    lines: list[Line] = []
    if target:
        lines.append(line(Cell(f" {target.iqn}  ", Tone.TITLE), login_cell(target, glyphs)))
        told = [
            ("portals", ", ".join(target.portals)),
            ("LUNs", ", ".join(target.luns)),
            ("CHAP", chap_words(target)),
        ]
        for label, words in told:
            if words:
                lines += wrap(words, width - 1, indent=" " * 10, first=line(dim(f" {label:<9}")))
    if error:
        trouble = f"{error}" + (f" ({error.hint})" if error.hint else "")
        lines += wrap(trouble, width - 1, Tone.DOUBT, indent=" " * 10, first=line(dim(" not anew ")))
    return lines
