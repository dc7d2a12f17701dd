"""The choices of a plan as a picture: each with its key, its value, or why it is ruled out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backends.model.guest import Guest
from backends.model.host import Driver
from backends.model.move import DiskCopy, LastResort, MoveMode, MoveRequest, Preflight
from tui.format import long_size
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, length, line, wrap
from tui.wish import Option, mode_obstacles, obstacle
from tui.words.mode import LAST_RESORT_SENTENCES, LAST_RESORT_WORDS, MODE_WORDS
from tui.words.way import is_at_risk, way_words

_LABEL_WIDTH = 15
_VALUE_WIDTH = 20
_MARGIN = " " * (3 + _LABEL_WIDTH)

_COPIES_MOST = 3
"""Copied disks that are named one by one."""

Key = Callable[[str], str]
"""From an action's id to its key, as the user would write it."""

_ROWS = (
    ((Option.POSTCOPY, "plan-post-copy"), (Option.COPY_DISKS, "plan-copy-disks")),
    ((Option.DOWNTIME, "plan-downtime"), (Option.BANDWIDTH, "plan-bandwidth")),
    ((Option.LAST_RESORT, "plan-last-resort"), None),
)


def wish_picture(
    request: MoveRequest, guest: Guest, driver: Driver | None, keys: Key, width: int
) -> list[Line]:
    """Modes, what the chosen one does, and the options two by two."""
    lines = _mode_lines(request.mode, mode_obstacles(guest, driver), keys("plan-mode"), width)
    for left, right in _ROWS:
        option, action = left
        cells = _option_cells(option, request, keys(action))
        cells = (*cells, Cell(" " * max(2, 3 + _LABEL_WIDTH + _VALUE_WIDTH - length(cells))))
        lines.append((*cells, *_option_cells(right[0], request, keys(right[1]))) if right else cells)
    lines[-1] = (*lines[-1], *_last_resort_cells(request))
    return lines


def _mode_lines(chosen: MoveMode, obstacles: Mapping[MoveMode, str], key: str, width: int) -> list[Line]:
    """All modes, the chosen one in brackets; those that make no sense, with the reason."""
    cells = list(_label(key, "mode"))
    for mode in MoveMode:
        if mode is chosen:
            cells.append(Cell(f"[{mode.value}] ", Tone.TITLE))
        else:
            cells.append(Cell(f" {mode.value}  ", Tone.DIM if mode in obstacles else Tone.NORMAL))
    reasons: dict[str, list[str]] = {}
    for mode, reason in obstacles.items():
        reasons.setdefault(reason, []).append(mode.value)
    why = [f"not {', '.join(modes)}: {reason}" for reason, modes in reasons.items()]
    words = wrap(MODE_WORDS[chosen], width - 1, indent=_MARGIN, first=line(_MARGIN))
    if not why:
        return [tuple(cells), *words]
    if len(why) == 1 and length(cells) + len(why[0]) + 2 <= width:
        return [(*cells, dim(f"  {why[0]}")), *words]
    ruled_out = (wrap(text, width - 1, Tone.DIM, indent=_MARGIN, first=line(_MARGIN)) for text in why)
    return [tuple(cells), *words, *(each for lines in ruled_out for each in lines)]


def _label(key: str, name: str) -> Line:
    return line(Cell(f" {key} ", Tone.BUSY), dim(f"{name:<{_LABEL_WIDTH}}"))


def _option_cells(option: Option, request: MoveRequest, key: str) -> Line:
    ruled_out = obstacle(option, request.mode, request.guest.driver)
    value = dim(f"{ruled_out.short}") if ruled_out else Cell(_value(option, request))
    return (*_label(key, option.value), value)


def _value(option: Option, request: MoveRequest) -> str:
    match option:
        case Option.COPY_DISKS:
            return "yes" if request.copy_disks else "no"
        case Option.POSTCOPY if request.postcopy:
            return "ready for it"
        case Option.POSTCOPY:
            return "as last resort" if request.wants_postcopy else "no"
        case Option.LAST_RESORT:
            return LAST_RESORT_WORDS[request.last_resort]
        case Option.BANDWIDTH:
            return f"{request.bandwidth_mib_s} MiB/s" if request.bandwidth_mib_s else "no limit"
        case Option.DOWNTIME:
            return f"{request.max_downtime_ms} ms"


def _last_resort_cells(request: MoveRequest) -> Line:
    """What the last resort means, where it can come to it."""
    if obstacle(Option.LAST_RESORT, request.mode, request.guest.driver):
        return ()
    tone = Tone.DIM if request.last_resort is not LastResort.POSTCOPY else Tone.DOUBT
    return (Cell(f" {LAST_RESORT_SENTENCES[request.last_resort]}", tone),)


def way_picture(preflight: Preflight | None, glyphs: Glyphs, width: int) -> list[Line]:
    """Which way it would go and what that costs; and the disks that would be copied."""
    if preflight is None or preflight.refused:
        return []
    mode, route = preflight.request.mode, preflight.route
    tone = Tone.DOUBT if is_at_risk(mode, route) else Tone.NORMAL
    head = line(f"   {'way':<{_LABEL_WIDTH}}")
    lines = wrap(way_words(mode, route), width - 1, tone, indent=_MARGIN, first=(dim(head[0].text),))
    shown = preflight.copies[:_COPIES_MOST]
    for copy in shown:
        label = f"{'copied disks':<{_LABEL_WIDTH}}" if copy is shown[0] else " " * _LABEL_WIDTH
        lines += wrap(
            _copy_words(copy), width - 1, _copy_tone(copy), indent=_MARGIN, first=(dim(f"   {label}"),)
        )
    if more := len(preflight.copies) - len(shown):
        lines.append(line(_MARGIN, dim(f"and {more} more{glyphs.ellipsis}")))
    return lines


def _copy_words(copy: DiskCopy) -> str:
    over = ", written over one that is there" if copy.exists else ""
    return f"{copy.target}  {long_size(copy.size_bytes)}  {copy.format}  {copy.shown}{over}"


def _copy_tone(copy: DiskCopy) -> Tone:
    return Tone.DOUBT if copy.exists else Tone.NORMAL
