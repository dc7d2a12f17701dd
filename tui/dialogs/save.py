"""Saving a file of a host on this machine: where to, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import Worker

from backends.api import ActionError, FerryError
from backends.model.log import Saving
from tui.dialogs.dialog import BodyView, Dialog
from tui.format import long_size, part_of, percent
from tui.session import session_of
from tui.widgets.bar import bar
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim, line, wrap

Copy = Callable[[Path, bool], AsyncGenerator[Saving, None]]
"""Brings it to a path; True: a file that is there may be overwritten. Raises FerryError."""

_BAR_WIDTH = 30


class SaveDialog(Dialog[None]):
    """Typing, then copying, then its end. Who leaves in the middle of it breaks it off: nothing stays behind."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(
        self, what: str, name: str, copy: Copy, *, total_bytes: int | None, may_overwrite: bool
    ) -> None:
        super().__init__("save on this machine")
        self._what = what
        self._usual_name = name
        self._copy = copy
        self._total_bytes = total_bytes
        self._may_overwrite = may_overwrite
        self._asked_about: Path | None = None
        """A file that is there already: enter a second time overwrites it."""
        self._worker: Worker[None] | None = None
        self._saving: Saving | None = None
        self._saved: Path | None = None
        self._error: FerryError | None = None
        self._input = Input(str(Path.cwd() / name), max_length=1024)
        self._input.cursor_blink = False

    def content(self) -> list[Widget]:
        """What, where to, how it goes, the keys."""
        return [
            BodyView(self._body, id="body"),
            self._input,
            LineView(self._progress, id="answer"),
            LineView(self._keys, id="hint"),
        ]

    def room_below_body(self) -> int:
        """Air, the line, air, how it goes, the keys."""
        return 8

    def on_mount(self) -> None:
        """Ready to type."""
        self._input.focus()

    # -- words --------------------------------------------------------------------------------------

    def _body(self, width: int) -> list[Line]:
        size = f"  {long_size(self._total_bytes)}" if self._total_bytes is not None else ""
        return wrap(f"{self._what}{size}", width, Tone.TITLE)

    def _progress(self, width: int) -> list[Line]:
        if error := self._error:
            lines = wrap(str(error), width, Tone.ALARM)
            return lines + (wrap(error.hint, width) if error.hint else [])
        if self._saved:
            size = f", {long_size(self._saving.done_bytes)}" if self._saving else ""
            return wrap(f"saved: {self._saved}{size}", width, Tone.GOOD)
        if self._worker:
            return [self._bar(self._saving)]
        if self._asked_about and self._may_overwrite:
            return wrap("This file is there already: enter overwrites it.", width, Tone.DOUBT)
        if self._asked_about:
            return wrap("This file is there already: choose another name.", width, Tone.DOUBT)
        return [line(dim("It is there only once it is whole."))]

    def _bar(self, saving: Saving | None) -> Line:
        if saving is None:
            return line(Cell("reading ...", Tone.BUSY))
        if not saving.total_bytes:
            return line(Cell(long_size(saving.done_bytes), Tone.BUSY), dim(" so far"))
        share = saving.done_bytes / saving.total_bytes
        drawn = "".join(bar(share, _BAR_WIDTH, session_of(self).settings.glyphs))
        return line(
            Cell(f"{drawn} {percent(share):>4}", Tone.BUSY),
            dim(f"  {part_of(saving.done_bytes, saving.total_bytes)}"),
        )

    def _keys(self, _: int) -> list[Line]:
        if self._saved:
            return [line(dim("esc or enter goes back"))]
        if self._worker:
            return [line(dim("esc breaks it off: nothing stays behind"))]
        return [line(dim("enter saves, esc goes back"))]

    def _redraw(self) -> None:
        for view in self.query(LineView):
            view.draw()

    # -- doing --------------------------------------------------------------------------------------

    @on(Input.Changed)
    def _changed(self) -> None:
        self._asked_about = self._error = None
        self._redraw()

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        if self._saved:
            self.dismiss(None)
        if self._saved or self._worker or not event.value.strip():
            return
        try:
            path, is_there = self._target(event.value.strip())
        except (OSError, ValueError, RuntimeError) as error:  # no such user, no permission, no name of a file
            self._error = ActionError(str(error))
            self._redraw()
            return
        again = self._asked_about == path
        if is_there and not (again and self._may_overwrite):
            self._asked_about = path
            self._redraw()
            return
        self._error = self._saving = None
        self._input.disabled = True
        self._worker = self.run_worker(self._run(path, overwrite=again), group="save")
        self._redraw()

    def _target(self, typed: str) -> tuple[Path, bool]:
        """The file that is meant, in a folder under its usual name, and whether it is there already."""
        path = Path(typed).expanduser()
        if path.is_dir():
            path /= self._usual_name
        return path, path.exists()

    async def _run(self, path: Path, *, overwrite: bool) -> None:
        try:
            async with aclosing(self._copy(path, overwrite)) as steps:
                async for saving in steps:
                    self._saving = saving
                    self._redraw()
        except FerryError as error:
            self._error = error
        else:
            self._saved = path
        self._worker = None
        self._input.disabled = False
        self._input.focus()
        self._redraw()

    def action_leave(self) -> None:
        """Back; what is under way is broken off by that."""
        self.dismiss(None)
