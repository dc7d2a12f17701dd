"""`WorkScreen`: the plan of a work before anything is done, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import ClassVar, Generic, TypeVar

from textual.app import App, ComposeResult

from backends.api import FerryError
from tui.screens.place import PlaceScreen
from tui.toasts import copy
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, ReadView, line, wrap
from tui.works import Work, Works

W = TypeVar("W", bound=Work)


class WorkScreen(PlaceScreen, Generic[W]):
    """Only looks: a work that has begun belongs to the session and goes on when the user leaves.

    Screens say what it is done to, how it is planned, and what is said of it.
    """

    CSS = """
    WorkScreen #plan { margin: 1 0 0 0; }
    WorkScreen #verdict { height: auto; max-height: 8; border-top: solid $border-blurred; }
    """
    LOOKING: ClassVar[str]
    """What is done while it is planned."""

    def __init__(self) -> None:
        super().__init__()
        self._work: W | None = None
        self._error: FerryError | None = None
        self._planning = False
        self._unlisten: Callable[[], None] | None = None

    # -- what a work is: screens say it ---------------------------------------------------------------

    @property
    def works(self) -> Works[W]:
        """Those of the session."""
        raise NotImplementedError

    @property
    def key(self) -> Hashable:
        """What it is done to."""
        raise NotImplementedError

    async def plan(self) -> W:
        """Not begun yet. Raises FerryError."""
        raise NotImplementedError

    def heading(self) -> Line:
        """What is done to what."""
        raise NotImplementedError

    def plan_of(self, work: W, width: int) -> list[Line]:
        """All that is known of it before it begins."""
        raise NotImplementedError

    def verdict_of(self, work: W, width: int) -> list[Line]:
        """What may be done, how far it is, or how it ended."""
        raise NotImplementedError

    # -- planning -----------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield ReadView(id="plan")
        yield LineView(id="verdict")
        yield KeyLine()

    def on_mount(self) -> None:
        """The plan has the keys for scrolling; it is made, unless it is being carried out already."""
        self.query_one("#plan").focus()
        self._unlisten = self.works.listen(self._heard)
        known = self.works.of(self.key)
        if known and not known.over:
            self._work = known
        else:
            self.plan_anew()

    def on_unmount(self) -> None:
        """Listen no longer."""
        if self._unlisten:
            self._unlisten()

    def watches(self, work: Work) -> bool:
        """Is it the one of this screen?"""
        return work.key == self.key

    def plan_anew(self) -> None:
        """Make the plan; an answer that is still under way is of no more use."""
        self._work, self._error, self._planning = None, None, True
        self.run_worker(self._plan(), group="plan", exclusive=True)
        self._draw_all()

    async def _plan(self) -> None:
        try:
            self._work = await self.plan()
        except FerryError as error:
            self._error = error
        self._planning = False
        self._draw_all()

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        self._draw_all()
        super().resync()

    def _heard(self, work: W) -> None:
        if not self.watches(work) or not self.is_attached or not self.app.is_running:
            return
        self._work = work
        if self.is_current:
            self._draw_all()
        else:
            self._behind = True

    def _draw_all(self) -> None:
        work, title = self._work, self.heading()
        self.query_one("#heading", LineView).draw(lambda _: [title])
        self.query_one("#plan", ReadView).draw(lambda width: self.plan_of(work, width) if work else [])
        self.query_one("#verdict", LineView).draw(
            lambda width: self.verdict_of(work, width) if work else self._waiting(width)
        )
        self.redraw_keys()

    def _waiting(self, width: int) -> list[Line]:
        if error := self._error:
            lines = wrap(f"no plan: {error}", width - 1, Tone.DOUBT, indent="   ", first=line(" "))
            return lines + (
                wrap(error.hint, width - 1, indent="   ", first=line("   ")) if error.hint else []
            )
        return [line(Cell(f" {self.LOOKING} ...", Tone.BUSY))]

    # -- what the user does --------------------------------------------------------------------------

    def copy_text(self) -> None:
        """The equivalent commands."""
        if text := self.now().text:
            copy(self.app, text)

    def do_back(self) -> None:
        """To where the user came from; it goes on."""
        self.app.pop_screen()


def tell_end(app: App[None], work: Work, words: str, *, well: bool) -> None:
    """A toast for whoever does not watch it."""
    screen = app.screen
    if isinstance(screen, WorkScreen) and screen.watches(work):
        return
    if well:
        app.notify(words, timeout=8, markup=False)
    else:
        app.notify(words, severity="error", timeout=12, markup=False)
