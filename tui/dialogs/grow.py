"""Growing a disk: which one and how large, and whether to begin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from backends.api import FerryError
from backends.model.guest import Guest
from backends.model.storage import GrowPlan
from tui.dialogs.choice import ChoiceDialog, confirm
from tui.dialogs.dialog import BodyView, Dialog
from tui.format import long_size
from tui.growths import Growth
from tui.session import session_of
from tui.sizes import SizeError, read_growth
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, dim, line, wrap
from tui.words.growth import commands

SizeOf = Callable[[str], Awaitable[int | None]]
"""The size of the disk `target` as the guest sees it now. Raises FerryError."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A disk, and how large it is to be."""

    target: str
    size_bytes: int


class GrowDialog(Dialog[Wanted | None]):
    """Ends with what is wanted, or None when the user went back. The size of a disk is asked when it is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("up,shift+tab", "move(-1)", show=False, priority=True),
        Binding("down,tab", "move(1)", show=False, priority=True),
    ]

    def __init__(self, guest: Guest, size_of: SizeOf) -> None:
        super().__init__(f"grow a disk of {guest.name} on {guest.key.host}")
        self._disks = [disk for disk in guest.disks if disk.source and disk.device == "disk"]
        self._size_of = size_of
        self._cursor = 0
        self._sizes: dict[str, int | None] = {}
        self._troubles: dict[str, FerryError] = {}
        self._input = Input(placeholder="20G, 20 GiB, or +5G for 5 GiB more", max_length=32)
        self._input.cursor_blink = False

    def content(self) -> list[Widget]:
        """The disks, the size, and what comes of it."""
        keys = line(dim("up down choose the disk, enter plans it, esc goes back"))
        return [
            BodyView(self._disk_lines, id="body"),
            self._input,
            LineView(self._answer, id="answer"),
            LineView(lambda _: [keys], id="hint"),
        ]

    def room_below_body(self) -> int:
        """Air, the line, air, what comes of it, the keys."""
        return 7

    def on_mount(self) -> None:
        """Ready to type."""
        self._input.focus()
        self._ask_size()

    @property
    def _target(self) -> str:
        return self._disks[self._cursor].target

    def _ask_size(self) -> None:
        target = self._target
        if target not in self._sizes and target not in self._troubles:
            self.run_worker(self._read_size(target), group="sizes")

    async def _read_size(self, target: str) -> None:
        try:
            self._sizes[target] = await self._size_of(target)
        except FerryError as error:
            self._troubles[target] = error
        self._redraw()

    def _redraw(self) -> None:
        for view in self.query(LineView):
            view.draw()

    def _disk_lines(self, width: int) -> list[Line]:
        marker = session_of(self).settings.glyphs.marker
        lines: list[Line] = []
        for number, disk in enumerate(self._disks):
            chosen = number == self._cursor
            tone = Tone.TITLE if chosen else Tone.NORMAL
            size = self._sizes.get(disk.target)
            first = line(
                Cell(f"{marker if chosen else ' '} {disk.target:<5}", tone),
                f"{long_size(size) if size is not None else '':>9}  ",
            )
            lines += wrap(
                f"{disk.source} {disk.format}".rstrip(), width, Tone.DIM, indent=" " * 18, first=first
            )
        return lines

    def _answer(self, width: int) -> list[Line]:
        """What is wrong with what was typed, or what it means."""
        target = self._target
        size, error = self._sizes.get(target), self._troubles.get(target)
        if self._input.value.strip():
            try:
                wanted = read_growth(self._input.value, size)
            except SizeError as trouble:
                return wrap(str(trouble), width, Tone.DOUBT)
            more = f", {long_size(wanted - size)} more" if size is not None else ""
            return [line(dim(f"{target} is to have "), Cell(long_size(wanted), Tone.TITLE), dim(more))]
        if error:
            return wrap(f"how large it is now is not known: {error.cause}", width, Tone.DOUBT)
        if target not in self._sizes:
            return [line(Cell("reading how large it is now ...", Tone.BUSY))]
        if size is None:
            return [line(Cell("how large it is now is not known: give the whole size", Tone.DOUBT))]
        return [line(dim(f"{target} has "), Cell(long_size(size)), dim(" now; how large is it to be?"))]

    @on(Input.Changed)
    def _changed(self) -> None:
        self._redraw()

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            wanted = read_growth(event.value, self._sizes.get(self._target))
        except SizeError:
            return  # the line below says why
        self.dismiss(Wanted(self._target, wanted))

    def action_move(self, by: int) -> None:
        """Another disk."""
        self._cursor = (self._cursor + by) % len(self._disks)
        self._ask_size()
        self._redraw()

    def action_cancel(self) -> None:
        """Nothing."""
        self.dismiss(None)


def start_dialog(plan: GrowPlan) -> ChoiceDialog[bool]:
    """Names guest, host, disk and sizes, and that there is no way back."""
    ours = [step for step in plan.steps if step.ours]
    words = (
        f"{plan.target} grows from {long_size(plan.before_bytes)} to {long_size(plan.after_bytes)},"
        f" in {len(ours)} step{'' if len(ours) == 1 else 's'}; the first failure stops, and what is done by then stays."
        " A disk cannot be made smaller again."
    )

    def body(width: int) -> list[Line]:
        who = line(Cell(plan.name, Tone.TITLE), dim(" on "), Cell(plan.guest.host, Tone.TITLE))
        lines = [who, *wrap(words, width)]
        for doubt in plan.doubts:
            lines += [EMPTY, *wrap(doubt, width, Tone.DOUBT)]
        return lines

    return confirm(
        f"grow {plan.target} of {plan.name}?",
        body,
        no="no, leave it as it is",
        yes=f"yes, grow {plan.target} of {plan.name} on {plan.guest.host}",
        command=commands(plan),
    )


def leave_growth_dialog(growths: list[Growth]) -> ChoiceDialog[bool]:
    """Leaving the program while disks grow."""
    names = ", ".join(f"{each.plan.target} of {each.plan.name}" for each in growths)
    words = (
        f"{names}: the step under way comes to its end, and those after it are not begun. A new plan finds out what"
        " is done and goes on from there."
    )
    return confirm(
        "a disk is growing",
        lambda width: wrap(words, width),
        no="no, keep watching",
        yes="yes, leave in the middle of it",
    )
