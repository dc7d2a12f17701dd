"""A move in words: pure functions from the model to what is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.model.guest import GuestState
from backends.model.history import AuditLine
from backends.model.host import HostName
from backends.model.move import Gap, MoveMode, Origin, Outcome, Outlook, Phase, Result, Route
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from tests.tui.scripted import GIB, NOW, ScriptedFleet, found_move, guest, left_over, past_move, transfer
from tui.dialogs.mend import _CONSEQUENCES
from tui.glyphs import ASCII, UNICODE
from tui.words.audit import went_well
from tui.words.fleet import alarm_count, fleet_line
from tui.words.move import eta_text, outlook_cell, progress_words, stop_text
from tui.words.outcome import command_to_copy, left_by, outcome_sentence, outcome_words, stop_words
from tui.words.run import bar_picture, plot_picture
from tui.words.unfinished import unfinished_columns, unfinished_detail
from tui.words.way import fate_words, way_words

MOVE = found_move("web-01", Origin.HERE)
GAP = Gap(31, 20, "echo to 10.77.0.101")


def ended(result: Result = Result.SUCCEEDED, where: str | None = "h2", **changes: object) -> Outcome:
    """An outcome."""
    usual = Outcome(result, HostName(where) if where else None, GuestState.RUNNING, "", 11.8, 26, GIB)
    return replace(usual, **changes)  # type: ignore[arg-type]  # fields by name


def text(lines: object) -> str:
    """Lines without tones."""
    return "\n".join("".join(cell.text for cell in line) for line in lines)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("downtime_ms", "gap", "words"),
    [
        (26, None, "stopped 26 ms by libvirt"),
        (None, GAP, "stopped 31 ms as seen from outside (echo to 10.77.0.101, every 20 ms)"),
        (26, GAP, "stopped 26 ms by libvirt, 31 ms as seen from outside (echo to 10.77.0.101, every 20 ms)"),
        (None, None, ""),
    ],
)
def test_each_figure_of_the_stop_says_whose_it_is(
    downtime_ms: int | None, gap: Gap | None, words: str
) -> None:
    assert stop_words(ended(downtime_ms=downtime_ms, gap=gap), MoveMode.LIVE) == words


def test_the_stop_of_a_saved_move_is_our_own_count() -> None:
    assert stop_words(ended(downtime_ms=6119), MoveMode.SAVED) == "stopped 6119 ms from save to restore"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (ended(), "web-01 is running on h2."),
        (ended(Result.CANCELLED, "h1"), "cancelled: web-01 is running on h1."),
        (ended(Result.FAILED, "h1", state=GuestState.PAUSED), "failed: web-01 is paused on h1."),
        (ended(Result.FAILED, None), "failed: web-01 is on no host whole."),
        (ended(Result.INDETERMINATE, None), "not known how it ended: where web-01 is, is not known."),
    ],
)
def test_the_outcome_says_where_the_guest_is_or_that_nobody_knows(outcome: Outcome, words: str) -> None:
    assert outcome_sentence(MOVE.request, outcome) == words


def test_the_reason_of_a_failure_and_what_is_left_to_do_are_told() -> None:
    told = outcome_words(MOVE.request, ended(Result.FAILED, "h1", reason="no space", left_to_do=("mend it",)))
    assert told[-2:] == ["no space", "left to do: mend it"]


def test_after_the_end_the_command_to_copy_is_the_one_that_is_left_to_do() -> None:
    left = replace(left_over("web-01"), move=MOVE.id)
    over = replace(past_move("web-01"), id=MOVE.id)
    assert command_to_copy(over) == ""
    assert command_to_copy(over, (left,)) == left.command
    task = replace(over, outcome=ended(left_to_do=("by hand: virsh undefine x",)))
    assert command_to_copy(task, (left,)) == "virsh undefine x"


def test_what_is_left_of_a_move_is_known_by_its_id() -> None:
    mine = replace(left_over("web-01"), move=MOVE.id)
    assert left_by(MOVE, (mine, left_over("other"))) == (mine,)


@pytest.mark.parametrize("outlook", Outlook)
def test_the_outlook_is_in_words(outlook: Outlook) -> None:
    assert outlook_cell(replace(transfer(3), outlook=outlook)).text == outlook.value


def test_what_cannot_be_told_is_said_so() -> None:
    unknown = replace(transfer(3), eta_s=None, stop_ms=None, outlook=None)
    assert eta_text(unknown, UNICODE) == "not known"
    assert eta_text(replace(unknown, outlook=Outlook.WILL_NOT), UNICODE) == "no end"
    assert stop_text(unknown, UNICODE) == "not known"
    assert stop_text(transfer(3), ASCII) == "24-41 ms"
    assert outlook_cell(unknown).text == ""


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("mode", [MoveMode.LIVE, MoveMode.PAUSED, MoveMode.SAVED])
def test_bars_and_figures_keep_to_the_width(width: int, mode: MoveMode) -> None:
    disks = replace(transfer(9), disk_total_bytes=GIB, disk_remaining_bytes=1)
    move = replace(
        MOVE, request=replace(MOVE.request, mode=mode, copy_disks=True, postcopy=True), progress=disks
    )
    lines = bar_picture(move, UNICODE, width)
    assert max(len(text([line])) for line in lines) <= width
    assert "99%" in text(lines), "what is not done is never a full percent"
    assert ("guest writes" in text(lines)) is (mode is MoveMode.LIVE)


def test_a_transfer_without_a_dirty_rate_has_a_plot_of_what_was_sent_alone() -> None:
    samples = tuple(replace(transfer(second), dirty_bytes_s=None) for second in range(1, 5))
    picture = text(plot_picture(replace(MOVE, history=samples), UNICODE, 100, band_height=2))
    assert "sent" in picture
    assert "written by the guest" not in picture


def test_a_sample_in_one_line_names_stage_and_outlook() -> None:
    progress = replace(transfer(9), stage="restoring", outlook=Outlook.TIGHT)
    words = progress_words(replace(MOVE, progress=progress), progress)
    assert words.startswith("copying: restoring")
    assert words.endswith("tight")


@pytest.mark.parametrize("mode", MoveMode)
@pytest.mark.parametrize("route", Route)
def test_every_way_says_what_becomes_of_it_without_this_session(mode: MoveMode, route: Route) -> None:
    assert "this session" in way_words(mode, route)
    assert "web-01" in fate_words(replace(MOVE, request=replace(MOVE.request, mode=mode)))


# -- left to do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", UnfinishedKind)
@pytest.mark.parametrize("mend", [*Mend, None])
def test_whatever_is_left_to_do_has_a_row_and_a_detail(kind: UnfinishedKind, mend: Mend | None) -> None:
    left = left_over("web-01", kind, mend)
    for column in unfinished_columns():
        cell = column.cell(left)
        assert cell.text
        assert len(cell.text) <= column.width or column.flex, column.id
    detail = text(unfinished_detail(left, "m", 80))
    assert left.text in detail
    assert (mend is None) or f"m  {mend.value} on h1" in detail


def test_nothing_left_to_do_has_no_detail() -> None:
    assert not unfinished_detail(None, "m", 80)


def test_every_mend_has_its_consequence() -> None:
    assert set(_CONSEQUENCES) == set(Mend)


@pytest.mark.parametrize(
    ("kind", "is_alarm"),
    [(kind, kind in (UnfinishedKind.RUNS_TWICE, UnfinishedKind.POSTCOPY_BROKEN)) for kind in UnfinishedKind],
)
def test_the_first_line_counts_what_is_left_and_alarms_for_what_needs_a_person(
    kind: UnfinishedKind, is_alarm: bool
) -> None:
    left: Unfinished = left_over("web-01", kind)
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", guest("h1", "web-01"))
    fleet.has_unfinished(left)
    header = text([fleet_line(fleet.state, 120)])
    assert alarm_count(fleet.state) == int(is_alarm)
    assert ("left to do 1" in header) is not is_alarm
    assert ("alarms 1" in header) is is_alarm


def test_a_final_phase_shows_no_bar() -> None:
    assert len(bar_picture(replace(MOVE, phase=Phase.SUCCEEDED), UNICODE, 80)) == 1


@pytest.mark.parametrize(
    ("result", "is_well"),
    [
        ("done", True),
        ("succeeded: web-01 runs on h2", True),
        ("failed: no space", False),
        ("cancelled: by you", False),
        ("too late", False),
    ],
)
def test_an_act_went_well_when_it_was_done_or_its_move_succeeded(result: str, is_well: bool) -> None:
    assert went_well(AuditLine(NOW, "root@h9", "move web-01", result)) is is_well
