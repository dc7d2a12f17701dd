"""Storage, chains and growths in words: what a user reads of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from backends.api import ActionError
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from backends.model.storage import (
    Access,
    Chain,
    ChainLink,
    Commitment,
    Health,
    LayerKind,
    Level,
    Sharing,
    Sighting,
    StepState,
    Storage,
    StorageKind,
)
from tests.tui.scripted import guest
from tests.tui.stored import EXPORT, GIB, GROUP, H1, H2, LOCAL, LUN, chain, growing, growth_plan, storage_map
from tui.glyphs import ASCII, UNICODE, Glyphs
from tui.growths import Growth
from tui.widgets.grid_columns import Cell, Tone, fit_ends
from tui.widgets.lines import Line
from tui.words.chain import chain_drawing
from tui.words.growth import commands, end_words, growth_lines, growth_verdict, step_cell
from tui.words.storage import (
    StorageRow,
    access_cell,
    commitment_words,
    dangers_cell,
    fills_words,
    is_block,
    level_cell,
    short_kind,
    storage_filter,
    storage_heading,
    under_words,
    used_share,
)
from tui.words.storage_page import Proving, sharing_cell, storage_page, storage_pane

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY_S = 86400
KEY = guest("h1", "web-01").key


def text(lines: list[Line]) -> str:
    """Without tones."""
    return "\n".join("".join(cell.text for cell in line) for line in lines)


def widths(lines: list[Line]) -> set[int]:
    """Cells that lines cover."""
    return {cell_len("".join(cell.text for cell in line)) for line in lines}


# -- what there is, and what was promised ------------------------------------------------------------


def test_a_promise_is_told_against_what_there_is_and_when_it_ends() -> None:
    told = Commitment(
        100 * GIB,
        20 * GIB,
        120 * GIB,
        growth_bytes_s=5 * GIB / DAY_S,
        fills_at=NOW + timedelta(days=4),
    )
    assert commitment_words(told, NOW) == (
        "80.0 GiB of 100 GiB used; promised 120 GiB (120%);"
        " full in about 4 days at today's growth (5.00 GiB a day)"
    )


def test_what_is_not_known_is_said_and_never_counted() -> None:
    assert commitment_words(Commitment(None, None, None), NOW) == "how large it is is not known"
    assert commitment_words(Commitment(GIB, None, None), NOW) == (
        "1.00 GiB, how much of it is used is not known"
    )
    assert used_share(Commitment(None, GIB, None)) is None
    assert used_share(Commitment(0, 0, None)) is None
    assert commitment_words(Commitment(None, None, GIB), NOW).endswith("promised 1.00 GiB")


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=-1), "by now it may be full, at the growth that was seen"),
        (timedelta(minutes=5), "full in about 5 min at today's growth"),
        (timedelta(hours=20), "full in about 20 h at today's growth"),
        (timedelta(days=3), "full in about 3 days at today's growth"),
    ],
)
def test_when_it_is_full_is_told_in_the_unit_that_fits(left: timedelta, words: str) -> None:
    assert fills_words(Commitment(GIB, 0, 0, fills_at=NOW + left), NOW) == words
    assert fills_words(Commitment(GIB, 0, 0), NOW) == ""


# -- cells -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "health", "cell"),
    [
        (Access.READ_WRITE, Health.GOOD, Cell("✓ rw", Tone.GOOD)),
        (Access.READ_WRITE, Health.UNKNOWN, Cell("✓ rw", Tone.GOOD)),
        (Access.READ_ONLY, Health.GOOD, Cell("✓ ro", Tone.NORMAL)),
        (Access.READ_WRITE, Health.DEGRADED, Cell("! rw", Tone.DOUBT)),
        (Access.READ_ONLY, Health.BROKEN, Cell("✘ ro", Tone.ALARM)),
        (Access.NOT_SEEN, Health.UNKNOWN, Cell("– not seen", Tone.DIM)),
        (Access.UNKNOWN, Health.BROKEN, Cell("? unknown", Tone.DIM)),
    ],
)
def test_how_a_host_sees_it_is_a_sign_and_a_word(access: Access, health: Health, cell: Cell) -> None:
    assert access_cell(Sighting(H1, access, health=health), UNICODE) == cell


def test_a_host_that_was_not_asked_or_is_silent_now_is_never_shown_as_seeing_it() -> None:
    assert access_cell(None, UNICODE) == Cell("? unknown", Tone.DIM)
    assert access_cell(Sighting(H1, Access.READ_WRITE), UNICODE, silent=True) == Cell("? rw", Tone.DOUBT)


def test_dangers_are_counted_under_the_sign_of_the_worst() -> None:
    low, unknown, good = (
        Finding("x", "x", severity, "x") for severity in (Severity.LOW, Severity.UNKNOWN, Severity.GOOD)
    )
    assert dangers_cell(EXPORT.findings, UNICODE) == Cell("✘ 2", Tone.ALARM)
    assert dangers_cell((low, unknown), UNICODE) == Cell("i 1", Tone.NORMAL)
    assert dangers_cell((unknown, good), UNICODE) == Cell("? 1", Tone.DIM)
    assert dangers_cell((good,), UNICODE) == Cell("-", Tone.DIM)


def test_levels_and_sharing_have_a_sign_of_their_own() -> None:
    for glyphs in (UNICODE, ASCII):
        levels = [level_cell(level, glyphs).text for level in Level]
        assert len({text[0] for text in levels}) == len(levels)
        signs = {sharing: sharing_cell(sharing, glyphs).text[0] for sharing in Sharing}
        assert signs[Sharing.PROVED] == glyphs.ok
        assert len({signs[each] for each in (Sharing.PROVED, Sharing.SAME_PATH, Sharing.DIFFERENT)}) == 3


@pytest.mark.parametrize("kind", StorageKind)
def test_every_kind_fits_its_column(kind: StorageKind) -> None:
    assert 2 <= len(short_kind(kind)) <= 7


def test_the_worst_comes_first() -> None:
    ordered = sorted((StorageRow(each) for each in (LOCAL, GROUP, LUN, EXPORT)), key=lambda row: row.urgency)
    assert [row.storage for row in ordered] == [EXPORT, LUN, GROUP, LOCAL]


def test_a_mounted_file_system_on_a_lun_is_not_proved_as_a_lun() -> None:
    assert is_block(LUN)
    assert not is_block(EXPORT)
    mounted = replace(LUN, sightings={H1: replace(LUN.sightings[H1], ways=EXPORT.sightings[H1].ways)})
    assert not is_block(mounted)


def test_the_heading_counts_what_is_shared_and_what_needs_somebody() -> None:
    words = "".join(cell.text for cell in storage_heading(storage_map(h4="no route")))
    assert words.split() == ["shared", "3", "1", "alarm", "1", "watch", "1", "left", "out"]


def test_filters_look_at_what_a_storage_is_and_who_uses_it() -> None:
    rows = [StorageRow(each) for each in (EXPORT, LUN, GROUP, LOCAL)]

    def matching(query: str) -> list[Storage]:
        predicate = storage_filter(query)
        return [row.storage for row in rows if predicate is None or predicate(row)]

    assert matching("kind:local") == [LOCAL]
    assert matching("host:h3") == [EXPORT, LOCAL]
    assert matching("shared:no") == [LOCAL]
    assert matching("!danger:medium kind:lvm") == [GROUP]


def test_what_is_kept_on_it_is_counted_and_named_where_there_is_room() -> None:
    assert under_words(EXPORT, names=False) == "1 pool, 3 disks of guests; 1 without room to write"
    assert under_words(EXPORT, names=True).startswith("1 pool (images), 3 disks of db-01, old, web-01")
    assert under_words(GROUP, names=True) == "no pools, no disks of guests"


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=lambda glyphs: glyphs.name)
@settings(deadline=None, max_examples=30)  # drawing takes what a busy machine gives
@given(width=st.integers(20, 250))
def test_panes_and_pages_are_drawn_at_any_width(glyphs: Glyphs, width: int) -> None:
    error = ActionError("h1 hangs", hint="wait")
    for storage in (EXPORT, LUN, GROUP, LOCAL):
        row = StorageRow(storage, frozenset({H2}))
        for proving in (Proving(), Proving(error=error), Proving(under_way=True)):
            page = storage_page(row, proving, glyphs, NOW, width)
            pane = storage_pane(row, HostName("h1"), proving, glyphs, NOW, width)
            if glyphs.is_ascii:
                assert text([*page, *pane]).isascii()
            if width >= 80:
                assert max(widths(pane)) <= width


# -- ends that tell paths apart ----------------------------------------------------------------------


def test_text_that_is_too_long_loses_its_middle() -> None:
    assert fit_ends("iqn.2026-11.lab:disks/1", 16, "…") == "iqn.2…ab:disks/1"
    assert fit_ends("short", 8, "…") == "short   "
    assert fit_ends("iqn.2026", 5, "…") == "iqn.…"


@given(content=st.text(max_size=40), width=st.integers(1, 50))
def test_it_always_covers_exactly_its_cells(content: str, width: int) -> None:
    assert cell_len(fit_ends(content, width, "…")) == width


# -- chains ------------------------------------------------------------------------------------------

LINKS = st.builds(
    ChainLink,
    st.sampled_from(LayerKind),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90),
    st.none() | st.integers(0, 2**62),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90),
)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=lambda glyphs: glyphs.name)
@settings(deadline=None)
@given(links=st.lists(LINKS, max_size=8), width=st.integers(10, 250))
def test_the_sides_of_a_drawing_close_whatever_it_holds(
    glyphs: Glyphs, links: list[ChainLink], width: int
) -> None:
    lines = chain_drawing(Chain(KEY, "web-01", "vda", tuple(links)), glyphs, width)
    assert len(widths(lines)) == 1
    if width >= 45:
        assert widths(lines).pop() <= width


def test_a_long_path_is_wrapped_and_not_cut() -> None:
    path = "/var/lib/libvirt/" + "images/" * 12 + "web-01.qcow2"
    lines = chain_drawing(Chain(KEY, "web-01", "vda", (ChainLink(LayerKind.IMAGE, path, GIB),)), UNICODE, 80)
    inside = "".join(
        line[3].text.strip() + "".join(cell.text for cell in line[4:-2]).strip() for line in lines[1:-1]
    )
    assert "".join(inside.split()).replace("image", "", 1).replace("1.00GiB", "") == path


def test_the_layers_are_named_in_words() -> None:
    drawing = text(chain_drawing(chain(KEY), UNICODE, 80))
    for kind in (LayerKind.GUEST_DISK, LayerKind.BACKING, LayerKind.VOLUME_GROUP, LayerKind.LUN):
        assert kind.value in drawing


# -- growths -----------------------------------------------------------------------------------------

PLAN = growth_plan(KEY)


def test_before_it_starts_what_is_not_ours_is_left_to_do_already() -> None:
    words = text(growth_lines(Growth(PLAN), UNICODE, 100))
    assert words.count("◌ waiting") == 2
    assert "i left to do  inside the guest" in words
    assert text(growth_verdict(Growth(PLAN), UNICODE, 100)).startswith(" ✓ possible")


def test_a_step_that_stops_the_guest_says_so() -> None:
    steps = (replace(PLAN.steps[0], online=False), *PLAN.steps[1:])
    assert "the guest must be off" in text(growth_lines(Growth(replace(PLAN, steps=steps)), UNICODE, 100))


def test_the_end_says_what_is_done_and_what_is_left() -> None:
    *_, done = growing(PLAN)
    succeeded = Growth(PLAN, True, done, over=True)
    assert end_words(succeeded) == "vda of web-01 has 25.0 GiB now"
    *_, failed = growing(PLAN, fails="no answer")
    broken = Growth(PLAN, True, failed, over=True)
    assert not broken.succeeded
    assert end_words(broken) == "vda of web-01 has not grown to the end: no answer"
    assert "done: extend the logical volume; left to do: tell the guest" in text(
        growth_verdict(broken, UNICODE, 100)
    )


def test_a_growth_that_ends_without_a_last_word_is_no_success() -> None:
    first, *_ = growing(PLAN)
    assert not Growth(PLAN, True, first, over=True).succeeded
    assert not Growth(PLAN, True, None, over=True).succeeded
    assert "it ended without a word" in text(
        growth_verdict(Growth(PLAN, True, None, over=True), UNICODE, 100)
    )


def test_every_state_of_a_step_has_a_sign_of_its_own() -> None:
    for glyphs in (UNICODE, ASCII):
        assert len({step_cell(state, glyphs).text[0] for state in StepState}) == len(StepState)


def test_commands_are_one_a_line() -> None:
    assert commands(PLAN).splitlines() == [step.command for step in PLAN.steps]
