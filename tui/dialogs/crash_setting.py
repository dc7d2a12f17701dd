"""What happens when a guest crashes: read from its host, shown with what a crash would leave, and changed."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from backends.api import FerryError, Fleet
from backends.model.crash_setting import CrashSetting, CrashWish, OnCrash, OnEnd
from backends.model.guest import Guest
from tui.dialogs.choice import ChoiceDialog, confirm
from tui.dialogs.dialog import BodyView, Dialog
from tui.glyphs import Glyphs
from tui.session import session_of
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, dim, line, wrap
from tui.words.crash_setting import (
    CRASH_MEANINGS,
    END_MEANINGS,
    PANIC_MEANING,
    change_lines,
    changes,
    setting_lines,
)

E = TypeVar("E", bound=Enum)

Change = tuple[CrashSetting, CrashWish]
"""As it is, and what is to be different."""


class _Row(Enum):
    """What can be set. The value is the label."""

    CRASH = "on_crash"
    POWEROFF = "on_poweroff"
    REBOOT = "on_reboot"
    PANIC = "panic device"


class CrashSettingDialog(Dialog[Change | None]):
    """Ends with what is to be different, or None when the user went back or nothing is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", show=False),
        Binding("up,k,shift+tab", "move(-1)", show=False),
        Binding("down,j,tab", "move(1)", show=False),
        Binding("left,h", "turn(-1)", show=False),
        Binding("right,l,space", "turn(1)", show=False),
        Binding("enter", "take", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]

    def __init__(self, guest: Guest, fleet: Fleet, *, read_only: bool) -> None:
        super().__init__(f"when {guest.name} on {guest.key.host} crashes")
        self._guest = guest
        self._fleet = fleet
        self._read_only = read_only
        self._cursor = 0
        self._setting: CrashSetting | None = None
        self._error: FerryError | None = None
        self._wish = CrashWish()

    def content(self) -> list[Widget]:
        """What is set, what it means, and what a crash would leave."""
        return [
            LineView(self._rows, id="rows"),
            LineView(self._meaning, id="meaning"),
            BodyView(self._findings, id="body"),
            LineView(self._keys, id="hint"),
        ]

    def room_below_body(self) -> int:
        """The rows, air, what the chosen one means, air, and air and the keys below."""
        return len(_Row) + 7

    def on_mount(self) -> None:
        """Ask the host."""
        self.run_worker(self._read())

    async def _read(self) -> None:
        try:
            self._setting = await self._fleet.crash_setting(self._guest.key)
        except FerryError as error:
            self._error = error
        self._redraw()

    def _redraw(self) -> None:
        for view in self.query(LineView):
            view.draw()

    # -- drawing ------------------------------------------------------------------------------------

    @property
    def _row(self) -> _Row:
        return list(_Row)[self._cursor]

    def _value(self, row: _Row, setting: CrashSetting) -> tuple[str, bool]:
        """As it is or is to be, and whether that is different."""
        wish = self._wish
        after: OnCrash | OnEnd | None
        match row:
            case _Row.CRASH:
                before, after = setting.on_crash, wish.on_crash
            case _Row.POWEROFF:
                before, after = setting.on_poweroff, wish.on_poweroff
            case _Row.REBOOT:
                before, after = setting.on_reboot, wish.on_reboot
            case _Row.PANIC:
                wanted = wish.panic_device
                has = bool(setting.panic_devices)
                return _yes(has if wanted is None else wanted), wanted is not None and wanted is not has
        return (before, False) if after is None else (after.value, after.value != before)

    def _rows(self, width: int) -> list[Line]:
        glyphs, setting = session_of(self).settings.glyphs, self._setting
        if error := self._error:
            lines = wrap(f"it cannot be read: {error}", width, Tone.DOUBT)
            return lines + (wrap(error.hint, width) if error.hint else [])
        if setting is None:
            return [line(Cell(f"asking {self._guest.key.host} ...", Tone.BUSY))]
        lines = []
        for row in _Row:
            chosen = row is self._row
            value, different = self._value(row, setting)
            tone = Tone.BUSY if different else Tone.TITLE if chosen else Tone.NORMAL
            head = Cell(
                f"{glyphs.marker if chosen else ' '} {row.value:<14}", Tone.TITLE if chosen else Tone.DIM
            )
            lines.append(line(head, Cell(value, tone), dim("   changed" if different else "")))
        return lines

    def _meaning(self, width: int) -> list[Line]:
        if self._setting is None:
            return []
        value, _ = self._value(self._row, self._setting)
        match self._row:
            case _Row.PANIC:
                words = PANIC_MEANING
            case _Row.CRASH:
                words = next((text for on, text in CRASH_MEANINGS.items() if on.value == value), "")
            case _Row.POWEROFF | _Row.REBOOT:
                words = next((text for on, text in END_MEANINGS.items() if on.value == value), "")
        lines = wrap(words, width, Tone.DIM)
        return [*lines, *[EMPTY] * (2 - len(lines))]  # what is below it stays where it is

    def _findings(self, width: int) -> list[Line]:
        glyphs = session_of(self).settings.glyphs
        return setting_lines(self._setting, glyphs, width) if self._setting else []

    def _keys(self, _: int) -> list[Line]:
        if self._setting is None:
            return [line(dim("esc goes back"))]
        if self._read_only:
            return [line(Cell("read-only", Tone.DOUBT), dim(": nothing can be changed; esc goes back"))]
        return [line(dim("up down choose, left right change, enter takes it, esc goes back"))]

    # -- what the user does --------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Another setting."""
        self._cursor = (self._cursor + by) % len(_Row)
        self._redraw()

    def action_turn(self, by: int) -> None:
        """Its next value."""
        setting, wish = self._setting, self._wish
        if setting is None or self._read_only:
            return
        value, _ = self._value(self._row, setting)
        match self._row:
            case _Row.CRASH:
                self._wish = replace(wish, on_crash=_next(OnCrash, value, by))
            case _Row.POWEROFF:
                self._wish = replace(wish, on_poweroff=_next(OnEnd, value, by))
            case _Row.REBOOT:
                self._wish = replace(wish, on_reboot=_next(OnEnd, value, by))
            case _Row.PANIC:
                self._wish = replace(wish, panic_device=value != _yes(True))
        self._redraw()

    def action_page(self, by: int) -> None:
        """Scroll what a crash would leave."""
        body = self.query_one("#body", LineView)
        body.scroll_relative(y=by * max(1, body.size.height - 1), animate=False)

    def action_take(self) -> None:
        """So be it; where nothing is different, nothing is asked."""
        setting = self._setting
        if setting is None or self._read_only or not any(changes(setting, self._wish)):
            self.dismiss(None)
        else:
            self.dismiss((setting, _only_different(setting, self._wish)))

    def action_cancel(self) -> None:
        """As it was."""
        self.dismiss(None)


def _yes(on: bool) -> str:
    return "yes" if on else "no"


def _next(kind: type[E], value: str, by: int) -> E:
    """After a word that is not known comes the first one."""
    values = list(kind)
    known = [each.value for each in values]
    return values[(known.index(value) + by) % len(values)] if value in known else values[0]


def _only_different(setting: CrashSetting, wish: CrashWish) -> CrashWish:
    """Without what is as it was."""
    labels = {label for label, _, _ in changes(setting, wish)}
    return CrashWish(
        on_crash=wish.on_crash if "on_crash" in labels else None,
        on_poweroff=wish.on_poweroff if "on_poweroff" in labels else None,
        on_reboot=wish.on_reboot if "on_reboot" in labels else None,
        panic_device=wish.panic_device if "panic device" in labels else None,
    )


def change_setting_dialog(
    guest: Guest, setting: CrashSetting, wish: CrashWish, glyphs: Glyphs
) -> ChoiceDialog[bool]:
    """Names guest and host, and what is different then."""
    differences = list(changes(setting, wish))

    def body(width: int) -> list[Line]:
        who = line(Cell(guest.name, Tone.TITLE), dim(" on "), Cell(guest.key.host, Tone.TITLE))
        lines = [who, EMPTY, *change_lines(differences, glyphs, width)]
        if wish.panic_device is not None:
            lines += [EMPTY, *wrap("The panic device comes or goes with the guest's next start.", width)]
        return lines

    return confirm(
        f"change what happens when {guest.name} crashes?",
        body,
        no="no, leave it as it is",
        yes=f"yes, change it for {guest.name} on {guest.key.host}",
    )
