"""Planning a move: where to, how, and whether anything stands against it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.fleet import HostView, Topic
from backends.model.guest import GuestKey
from backends.model.move import DEFAULT_MAX_DOWNTIME_MS, Check, MoveRequest, Preflight, Verdict
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.dialogs.choice import confirm
from tui.dialogs.limits import bandwidth_dialog, downtime_dialog, echo_dialog, number_in
from tui.screens.place import PlaceScreen
from tui.screens.run import RunScreen
from tui.toasts import complain, copy
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, ReadView, dim, line, spread, wrap
from tui.wish import Wish, after, driver_of, fitting_modes, last_resorts, request_for
from tui.words.checks import checks_head, checks_picture
from tui.words.plan import destination_columns, destinations, verdict_picture
from tui.words.wish import way_picture, wish_picture

_TALL = 30
"""Lines from which on there is room for air between the panes."""


class PlanScreen(PlaceScreen):
    """The checks start at once and anew whenever the plan changes."""

    PLACE = Place.PLAN
    CSS_PATH = Path(__file__).with_name("plan.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.PLAN)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (_TALL, "-tall")]  # noqa: RUF012  (Textual declares it so)

    def __init__(self, guest: GuestKey) -> None:
        super().__init__()
        self._guest = guest
        self._wish = Wish()
        self._asked: MoveRequest | None = None
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
        yield LineView(id="wish")
        yield LineView(id="way")
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
            request=self._request(),
            preflight=self._preflight,
        )

    def _request(self) -> MoveRequest | None:
        """The plan as it stands; None when there is no guest (any more) or nowhere to go."""
        guest, row = self.state.guest(self._guest), self.grid.highlighted
        if guest is None or row is None:
            return None
        return request_for(self._wish, guest, driver_of(self.state, guest), row.spec.name)

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
        if self._request() != self._asked:
            self.do_check_again()  # the guest's state or its driver rules out what was planned
        super().follow(update)

    def _draw_head(self) -> None:
        guest = self.state.guest(self._guest)
        name = guest.name if guest else "the guest is gone"
        glyphs = self.session.settings.glyphs
        left = line(dim(" MOVE  "), Cell(name, Tone.TITLE), dim("   from "), Cell(self._guest.host))
        right = line(dim(f"choose the destination with the cursor {glyphs.arrow} "))
        self.query_one("#plan-head", LineView).draw(lambda width: [spread(left, right, width), EMPTY])

    def _draw_plan(self) -> None:
        """Choices, checks and what they come to."""
        glyphs = self.session.settings.glyphs
        request = self._request()
        checks, preflight, trouble = list(self._checks), self._preflight, self._trouble
        head = checks_head(checks, finished=preflight is not None or bool(trouble) or request is None)
        self.query_one("#wish", LineView).draw(lambda width: self._wish_lines(request, width))
        self.query_one("#way", LineView).draw(lambda width: way_picture(preflight, glyphs, width))
        view = self.query_one("#checks", ReadView)
        view.draw(lambda width: checks_picture(checks, glyphs, width))
        is_long = len(view.lines) > view.size.height
        right: Line = (dim("tab, then up and down: all of them "),) if is_long else ()
        self.query_one("#checks-head", LineView).draw(lambda width: [spread(head, right, width)])
        self.query_one("#verdict", LineView).draw(
            lambda width: verdict_picture(preflight, trouble, glyphs, width, most=self._command_most())
        )
        self.redraw_keys()

    def _command_most(self) -> int:
        """Lines that the command may take: the checks need the room."""
        return 3 if self.size.height < _TALL else 4

    def _wish_lines(self, request: MoveRequest | None, width: int) -> list[Line]:
        guest = self.state.guest(self._guest)
        if request is None or guest is None:
            return [EMPTY]
        keys = {action.id: action.shown_key() for action in self.actions}
        return wish_picture(request, guest, driver_of(self.state, guest), keys.__getitem__, width)

    # -- checks -------------------------------------------------------------------------------------

    @on(Grid.Highlighted)
    def do_check_again(self) -> None:
        """Ask all the questions (anew)."""
        self._checks, self._preflight, self._trouble = [], None, ""
        self._asked = request = self._request()
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

    # -- what the user wishes ------------------------------------------------------------------------

    def _want(self, wish: Wish) -> None:
        """Another plan: its checks."""
        self._wish = wish
        self.do_check_again()

    def do_plan_mode(self) -> None:
        """The next one that fits."""
        guest, request = self.state.guest(self._guest), self._request()
        if guest and request:
            fitting = fitting_modes(guest, driver_of(self.state, guest))
            self._want(replace(self._wish, mode=after(fitting, request.mode)))

    def do_plan_copy_disks(self) -> None:
        """Yes or no."""
        self._want(replace(self._wish, copy_disks=not self._wish.copy_disks))

    def do_plan_post_copy(self) -> None:
        """Yes or no."""
        self._want(replace(self._wish, postcopy=not self._wish.postcopy))

    def do_plan_last_resort(self) -> None:
        """The next one that the driver has."""
        resorts = last_resorts(self._guest.driver)
        self._want(replace(self._wish, last_resort=after(resorts, self._wish.last_resort)))

    def do_plan_bandwidth(self) -> None:
        """Type a limit."""
        self.run_worker(self._ask_bandwidth(), group="ask", exclusive=True)

    async def _ask_bandwidth(self) -> None:
        answer = await self.app.push_screen_wait(bandwidth_dialog(self._wish.bandwidth_mib_s))
        if answer is not None:
            self._want(replace(self._wish, bandwidth_mib_s=number_in(answer)))

    def do_plan_downtime(self) -> None:
        """Type a limit."""
        self.run_worker(self._ask_downtime(), group="ask", exclusive=True)

    async def _ask_downtime(self) -> None:
        answer = await self.app.push_screen_wait(downtime_dialog(self._wish.max_downtime_ms))
        if answer is not None:
            most_ms = number_in(answer) or DEFAULT_MAX_DOWNTIME_MS
            self._want(replace(self._wish, max_downtime_ms=most_ms))

    def do_plan_echo(self) -> None:
        """Type an address."""
        self.run_worker(self._ask_echo(), group="ask", exclusive=True)

    async def _ask_echo(self) -> None:
        answer = await self.app.push_screen_wait(echo_dialog(self._wish.echo_address))
        if answer is not None:
            self._want(replace(self._wish, echo_address=answer.strip()))

    def do_copy_command(self) -> None:
        """The virsh command, into the terminal's clipboard."""
        if self._preflight:
            copy(self.app, self._preflight.command)

    def do_back(self) -> None:
        """Nothing has been done."""
        self.app.pop_screen()
