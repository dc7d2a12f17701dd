"""Dumping a guest's memory: in which form, what becomes of the guest, where to; whether to begin, and to stop."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import ClassVar, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from backends.model.dump import DumpFormat, DumpPlan, DumpWish, WhileDumping
from backends.model.guest import Guest
from tui.dialogs.choice import ChoiceDialog, confirm
from tui.dialogs.dialog import BodyView, Dialog
from tui.dumps import Dump
from tui.session import session_of
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, Picture, dim, line, wrap
from tui.words.dump import ENDS, FORMAT_WORDS, THEN_WORDS, sizes_words

E = TypeVar("E", bound=Enum)


class _Field(Enum):
    """What can be chosen. The value is the label."""

    WHAT = "what"
    FORMAT = "format"
    THEN = "guest"
    FOLDER = "folder"
    BRING = "bring to"


_TYPED = (_Field.FOLDER, _Field.BRING)
_LABEL = 11
_WHAT = {
    True: ("memory only", "Its memory and processors, as crash and gdb read them."),
    False: (
        "all of its state",
        "Its devices, too, as a save has them: larger, and of use to QEMU's people only.",
    ),
}
_SHORT = {
    WhileDumping.PAUSED: "paused meanwhile",
    WhileDumping.LIVE: "goes on",
    WhileDumping.CRASH: "ended as crashed",
    WhileDumping.RESET: "reset",
}


class DumpDialog(Dialog[DumpWish | None]):
    """Ends with what is wanted, or None when the user went back. Nothing is done."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("up,shift+tab", "move(-1)", show=False, priority=True),
        Binding("down,tab", "move(1)", show=False, priority=True),
        Binding("left,h", "turn(-1)", show=False),
        Binding("right,l,space", "turn(1)", show=False),
        Binding("enter", "take", show=False),
    ]

    def __init__(self, guest: Guest, wish: DumpWish | None = None) -> None:
        super().__init__(f"dump {guest.name} on {guest.key.host}")
        self._host = guest.key.host
        self._wish = wish or DumpWish(guest.key)
        self._cursor = 0
        self._inputs = {
            _Field.FOLDER: Input(
                self._wish.folder, placeholder=f"where libvirt puts its own, on {self._host}"
            ),
            _Field.BRING: Input(self._wish.bring_to, placeholder=f"nowhere: it stays on {self._host}"),
        }
        for field in self._inputs.values():
            field.max_length = 4096
            field.cursor_blink = False

    def content(self) -> list[Widget]:
        """What is chosen, what is typed, and what it means."""
        keys = line(dim("up down choose, left right change, enter plans it, esc goes back"))
        typed = [
            Horizontal(LineView(self._label(field), id=field.name), self._inputs[field]) for field in _TYPED
        ]
        return [
            BodyView(self._chosen_lines, id="body"),
            *typed,
            LineView(self._meaning, id="meaning"),
            LineView(lambda _: [keys], id="keys"),
        ]

    def room_below_body(self) -> int:
        """Air, two lines, air, two lines of what it means, air, the keys."""
        return 8

    def on_mount(self) -> None:
        """The first line has the keys."""
        self._show()

    @property
    def _field(self) -> _Field:
        return list(_Field)[self._cursor]

    def _show(self) -> None:
        if self._field in self._inputs:
            self._inputs[self._field].focus()
        else:
            self.set_focus(None)
        for view in self.query(LineView):
            view.draw()

    def _head(self, field: _Field) -> Line:
        glyphs = session_of(self).settings.glyphs
        chosen = field is self._field
        tone = Tone.TITLE if chosen else Tone.DIM
        return line(Cell(f"{glyphs.marker if chosen else ' '} {field.value:<{_LABEL}}", tone))

    def _label(self, field: _Field) -> Picture:
        return lambda _: [self._head(field)]

    def _chosen_lines(self, _: int) -> list[Line]:
        values = {
            _Field.WHAT: _WHAT[self._wish.memory_only][0],
            _Field.FORMAT: self._wish.format.value if self._wish.memory_only else "QEMU's own",
            _Field.THEN: _SHORT[self._wish.then],
        }
        risky = self._wish.then in ENDS
        lines = []
        for field, value in values.items():
            tone = Tone.TITLE if field is self._field else Tone.NORMAL
            tone = Tone.DOUBT if field is _Field.THEN and risky else tone
            lines.append(line(*self._head(field), Cell(value, tone)))
        return lines

    def _meaning(self, width: int) -> list[Line]:
        wish = self._wish
        match self._field:
            case _Field.WHAT:
                words = _WHAT[wish.memory_only][1]
            case _Field.FORMAT if not wish.memory_only:
                words = "Only a dump of the memory alone has other formats."
            case _Field.FORMAT:
                words = FORMAT_WORDS[wish.format]
            case _Field.THEN:
                words = f"It {THEN_WORDS[wish.then]}."
            case _Field.FOLDER:
                words = (
                    f"A folder of {self._host} in which the file is written. It must have room for all of it."
                )
            case _Field.BRING:
                words = (
                    f"A folder of this machine: the dump is fetched there, and then removed on {self._host}."
                )
        return wrap(words, width, Tone.DIM)

    def action_move(self, by: int) -> None:
        """Another line."""
        self._cursor = (self._cursor + by) % len(_Field)
        self._show()

    def action_turn(self, by: int) -> None:
        """The next value of this line."""
        wish = self._wish
        match self._field:
            case _Field.WHAT:
                self._wish = replace(wish, memory_only=not wish.memory_only, format=DumpFormat.RAW)
            case _Field.FORMAT if wish.memory_only:
                self._wish = replace(wish, format=_next(wish.format, by))
            case _Field.THEN:
                self._wish = replace(wish, then=_next(wish.then, by))
            case _:
                return
        self._show()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        """Plan it."""
        bring_to = self._inputs[_Field.BRING].value.strip()
        self.dismiss(
            replace(
                self._wish,
                folder=self._inputs[_Field.FOLDER].value.strip(),
                bring_to=_here(bring_to) if bring_to else "",
            )
        )

    def action_cancel(self) -> None:
        """Nothing."""
        self.dismiss(None)


def _here(folder: str) -> str:
    """A folder of this machine as its user types it."""
    try:
        return str(Path(folder).expanduser().absolute())
    except RuntimeError:  # `~nobody`: there is no such user
        return folder


def _next(value: E, by: int) -> E:
    values = list(type(value))
    return values[(values.index(value) + by) % len(values)]


def start_dump_dialog(plan: DumpPlan) -> ChoiceDialog[bool]:
    """Of a dump after which the guest does not run on."""
    wish = plan.wish
    words = (
        f"{plan.name} {THEN_WORDS[wish.then]}: what it has not written to its disks is lost, and what it serves"
        " stops."
    )

    def body(width: int) -> list[Line]:
        who = line(Cell(plan.name, Tone.TITLE), dim(" on "), Cell(wish.guest.host, Tone.TITLE))
        return [who, EMPTY, *wrap(words, width, Tone.DOUBT), *wrap(sizes_words(plan), width, Tone.DIM)]

    verb = "dump and end" if wish.then is WhileDumping.CRASH else "dump and reset"
    return confirm(
        f"{verb} {plan.name}?",
        body,
        no="no, leave it running",
        yes=f"yes, {verb} {plan.name} on {wish.guest.host}",
        command=plan.command,
    )


def stop_dump_dialog(plan: DumpPlan) -> ChoiceDialog[bool]:
    """What was written is thrown away."""
    words = f"{plan.name} goes on as it was, and what was written of the dump is removed."
    return confirm(
        f"stop the dump of {plan.name}?",
        lambda width: wrap(words, width),
        no="no, let it go on",
        yes=f"yes, stop dumping {plan.name} on {plan.wish.guest.host}",
    )


def leave_dump_dialog(dumps: list[Dump]) -> ChoiceDialog[bool]:
    """Leaving the program while guests are dumped."""
    names = ", ".join(f"{each.plan.name} on {each.plan.wish.guest.host}" for each in dumps)
    words = (
        f"{names}: leaving breaks the dump off, and what was written is removed. The guest goes on as it was."
    )
    return confirm(
        "a guest is being dumped",
        lambda width: wrap(words, width),
        no="no, keep watching",
        yes="yes, leave without the dump",
    )
