"""Planning a move: where to, how, and whether anything stands against it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.fleet import HostView, Topic
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.move import DEFAULT_MAX_DOWNTIME_MS, Check, MoveRequest, Preflight, Verdict
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.dialogs.choice import confirm
from tui.dialogs.limits import bandwidth_dialog, downtime_dialog, number_in
from tui.screens.place import PlaceScreen
from tui.screens.run import RunScreen
from tui.toasts import complain, copy
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, ReadView, dim, line, spread, wrap
from tui.words.checks import checks_head, checks_picture
from tui.words.plan import (
    destination_columns,
    destinations,
    limits_line,
    verdict_picture,
)


class PlanScreen(PlaceScreen):
    """The checks start at once and anew whenever the plan changes."""

    PLACE = Place.PLAN
    CSS_PATH = Path(__file__).with_name("plan.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.PLAN)

    def __init__(self, guest: GuestKey) -> None:
        super().__init__()
        self._guest = guest
        self._bandwidth: int | None = None
        self._downtime = DEFAULT_MAX_DOWNTIME_MS
        self._checks: list[Check] = []
        self._preflight: Preflight | None = None
        self._trouble = ""

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield LineView(id="plan-head")
        yield Grid(
            destination_columns(glyphs),
            key=lambda view: view.spec.name,
            glyphs=glyphs,
            placeholder="There is no other host.",
        )
        yield LineView(id="limits")
        yield LineView(id="checks-head")
        yield ReadView(id="checks")
        yield LineView(id="verdict")
        yield KeyLine()

    def on_mount(self) -> None:
        """The list of destinations has the keys."""
        self.grid.focus()

    @property
    def grid(self) -> Grid[HostView]:
        """The destinations."""
        return self.query_one(Grid)

    def now(self) -> Now:
        """With the guest and its checks."""
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            guest=self.state.guest(self._guest),
            preflight=self._preflight,
        )

    def _request(self) -> MoveRequest | None:
        """The plan as it stands; None when there is no guest (any more) or nowhere to go."""
        guest, row = self.state.guest(self._guest), self.grid.highlighted
        if guest is None or row is None:
            return None
        return MoveRequest(
            guest=guest.key,
            name=guest.name,
            destination=HostName(row.spec.name),
            bandwidth_mib_s=self._bandwidth,
            max_downtime_ms=self._downtime,
        )

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        guest = self.state.guest(self._guest)
        if guest:
            self.grid.show(destinations(self.state, guest))
        self._draw_head()
        self._draw_plan()
        super().resync()

    def follow(self, update: Update) -> None:
        """Load and links of the destinations."""
        guest = update.state.guest(self._guest)
        if guest and (update.touches(Topic.LINK) or update.touches(Topic.LOAD)):
            self.grid.update(destinations(update.state, guest))
        if self._guest in update.guests():
            self._draw_head()
        super().follow(update)

    def _draw_head(self) -> None:
        guest = self.state.guest(self._guest)
        name = guest.name if guest else "the guest is gone"
        glyphs = self.session.settings.glyphs
        left = line(dim(" MOVE  "), Cell(name, Tone.TITLE), dim("   from "), Cell(self._guest.host))
        right = line(dim(f"choose the destination with the cursor {glyphs.arrow} "))
        self.query_one("#plan-head", LineView).draw(lambda width: [spread(left, right, width), EMPTY])

    def _draw_plan(self) -> None:
        """Limits, checks and what they come to."""
        glyphs = self.session.settings.glyphs
        request = self._request()
        checks, preflight, trouble = list(self._checks), self._preflight, self._trouble
        head = checks_head(checks, finished=preflight is not None or bool(trouble) or request is None)
        self.query_one("#limits", LineView).draw(lambda _: [limits_line(request)] if request else [EMPTY])
        view = self.query_one("#checks", ReadView)
        view.draw(lambda width: checks_picture(checks, glyphs, width))
        is_long = len(view.lines) > view.size.height
        right: Line = (dim("tab, then up and down: all of them "),) if is_long else ()
        self.query_one("#checks-head", LineView).draw(lambda width: [spread(head, right, width)])
        self.query_one("#verdict", LineView).draw(
            lambda width: verdict_picture(preflight, trouble, glyphs, width)
        )
        self.redraw_keys()

    # -- checks -------------------------------------------------------------------------------------

    @on(Grid.Highlighted)
    def do_check_again(self) -> None:
        """Ask all the questions (anew)."""
        self._checks, self._preflight, self._trouble = [], None, ""
        request = self._request()
        if request:
            self.run_worker(self._check(request), group="preflight", exclusive=True)
        self._draw_plan()

    async def _check(self, request: MoveRequest) -> None:
        def hear(check: Check) -> None:
            if request == self._request():
                self._checks.append(check)
                self._draw_plan()

        try:
            preflight = await self.session.fleet.preflight(request, hear)
        except FerryError as error:
            self._trouble = str(error) + (f" ({error.hint})" if error.hint else "")
        else:
            self._preflight = preflight
            self._checks = list(preflight.checks)
        self._draw_plan()

    # -- what the user does --------------------------------------------------------------------------

    @on(Grid.Selected)
    def _selected(self) -> None:
        self.action_perform("start-move")

    def do_start_move(self) -> None:
        """Start, after the doubts (if any) were accepted."""
        if self._preflight:
            self.run_worker(self._start(self._preflight), group="start", exclusive=True)

    async def _start(self, preflight: Preflight) -> None:
        if preflight.doubtful and not await self._doubts_accepted(preflight):
            return
        try:
            move = self.session.fleet.start_move(preflight, accept_doubts=preflight.doubtful)
        except FerryError as error:
            complain(self.app, error)
            return
        self.app.switch_screen(RunScreen(move))

    async def _doubts_accepted(self, preflight: Preflight) -> bool:
        doubts = [c for c in preflight.checks if c.verdict in (Verdict.WARNING, Verdict.UNKNOWN)]
        glyphs = self.session.settings.glyphs

        def body(width: int) -> list[Line]:
            return [
                *wrap(f"{len(doubts)} of the checks warn or could not be answered:", width),
                EMPTY,
                *checks_picture(doubts, glyphs, width),
            ]

        request = preflight.request
        question = confirm(
            f"move {request.name} to {request.destination} all the same?",
            body,
            no="no, do not start",
            yes="yes, I accept these doubts",
        )
        return await self.app.push_screen_wait(question)

    def do_plan_bandwidth(self) -> None:
        """Type a limit."""
        self.run_worker(self._ask_bandwidth(), group="ask", exclusive=True)

    async def _ask_bandwidth(self) -> None:
        answer = await self.app.push_screen_wait(bandwidth_dialog(self._bandwidth))
        if answer is not None:
            self._bandwidth = number_in(answer)
            self.do_check_again()

    def do_plan_downtime(self) -> None:
        """Type a limit."""
        self.run_worker(self._ask_downtime(), group="ask", exclusive=True)

    async def _ask_downtime(self) -> None:
        answer = await self.app.push_screen_wait(downtime_dialog(self._downtime))
        if answer is not None:
            self._downtime = number_in(answer) or DEFAULT_MAX_DOWNTIME_MS
            self.do_check_again()

    def do_copy_command(self) -> None:
        """The virsh command, into the terminal's clipboard."""
        if self._preflight:
            copy(self.app, self._preflight.command)

    def do_back(self) -> None:
        """Nothing has been done."""
        self.app.pop_screen()
