"""iSCSI targets that a portal offers to a host: logging in and out."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.host import HostName
from backends.model.storage import IscsiLogin, IscsiTarget
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.dialogs.iscsi import LoginDialog, logout_dialog
from tui.screens.place import PlaceScreen
from tui.toasts import complain
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim, spread
from tui.words.host import can_be_asked
from tui.words.iscsi import target_columns, target_lines


class IscsiScreen(PlaceScreen):
    """A row is a target; below, its portals and LUNs. Logging in and out are owned by the app."""

    PLACE = Place.ISCSI
    CSS = "IscsiScreen #detail { height: 8; border-top: solid $border-blurred; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.ISCSI)

    def __init__(self, host: HostName, portal: str) -> None:
        super().__init__()
        self._host = host
        self._portal = portal
        self._targets: tuple[IscsiTarget, ...] | None = None
        self._error: FerryError | None = None
        self._busy = ""
        """What is being done, for the heading."""

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield LineView(id="heading")
        yield Grid(target_columns(glyphs), key=lambda target: target.iqn, sort="iqn", glyphs=glyphs)
        yield LineView(id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table has the keys; the portal is asked."""
        self.grid.focus()
        self.do_discover_again()

    @property
    def grid(self) -> Grid[IscsiTarget]:
        """The targets."""
        return self.query_one(Grid)

    def now(self) -> Now:
        """With the target under the cursor."""
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            host=self.state.hosts.get(self._host),
            asking=bool(self._busy),
            iscsi=self.grid.highlighted,
        )

    # -- asking -------------------------------------------------------------------------------------

    def do_discover_again(self) -> None:
        """Ask the portal anew; an answer that is still under way is of no more use."""
        self._busy = "asking the portal"
        self.run_worker(self._discover(), group="targets", exclusive=True)
        self._draw_all()

    async def _discover(self) -> None:
        try:
            self._targets = await self.session.fleet.iscsi_targets(self._host, self._portal)
            self._error = None
        except FerryError as error:
            self._error = error
        self._busy = ""
        self._draw_all()
        self.redraw_keys()

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        self._draw_all()
        super().resync()

    def follow(self, update: Update) -> None:
        """That the host is silent now is told."""
        if self._host in update.hosts_with_new_link():
            self._draw_heading()
        super().follow(update)

    def _draw_all(self) -> None:
        self.grid.placeholder = self._nothing_here()
        self.grid.show(self._targets or ())
        self._draw_heading()
        self._draw_detail()

    def _nothing_here(self) -> str:
        """What an empty table says."""
        if self._busy:
            return f"Asking {self._portal} from {self._host} what it offers ..."
        if error := self._error:
            return f"The portal could not be asked: {error}" + (f"\n\n{error.hint}" if error.hint else "")
        return f"{self._portal} offers no target to {self._host}."

    def _draw_heading(self) -> None:
        left: Line = (
            Cell(" ISCSI TARGETS ", Tone.TITLE), dim(f" at {self._portal}, as "), Cell(self._host), dim(" sees them")
        )  # fmt: skip
        right: Line = ()
        view = self.state.hosts.get(self._host)
        if self._busy:
            right = (Cell(f"{self._busy} ... ", Tone.BUSY),)
        elif view is None or not can_be_asked(view):
            right = (Cell(f"{self._host} is silent now ", Tone.DOUBT),)
        elif self._error and self._targets is not None:
            right = (Cell("not asked anew ", Tone.ALARM),)
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])

    def _draw_detail(self) -> None:
        target, glyphs = self.grid.highlighted, self.session.settings.glyphs
        error = self._error if self._targets else None
        self.query_one("#detail", LineView).draw(lambda width: target_lines(target, error, glyphs, width))

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._draw_detail()
        self.redraw_keys()

    # -- what the user does --------------------------------------------------------------------------

    @on(Grid.Selected)
    def _enter(self) -> None:
        self.action_perform("iscsi-login")

    def do_iscsi_login(self) -> None:
        """Ask for user and secret, and log in."""
        if target := self.grid.highlighted:
            self.app.run_worker(self._log_in(target))

    async def _log_in(self, target: IscsiTarget) -> None:
        login = await self.app.push_screen_wait(LoginDialog(target))
        if login:
            fleet = self.session.fleet
            await self._change(
                "logging in", fleet.iscsi_login(self._host, login), f"is logged in to {target.iqn}"
            )

    def do_iscsi_logout(self) -> None:
        """Log out, after a confirmation."""
        if target := self.grid.highlighted:
            self.app.run_worker(self._log_out(target))

    async def _log_out(self, target: IscsiTarget) -> None:
        if not await self.app.push_screen_wait(logout_dialog(target)):
            return
        login = IscsiLogin(target.iqn, target.portals[0] if target.portals else "")
        fleet = self.session.fleet
        await self._change(
            "logging out", fleet.iscsi_logout(self._host, login), f"is logged out of {target.iqn}"
        )

    async def _change(self, doing: str, call: Awaitable[None], done: str) -> None:
        """Do it, tell what came of it, and look anew, if the user is still here."""
        app, host = self.app, self._host
        self._busy = doing
        if self.is_attached:
            self._draw_heading()
        try:
            await call
        except FerryError as error:
            complain(app, error)
        else:
            app.notify(f"{host} {done}", timeout=5, markup=False)
        self._busy = ""
        if self.is_attached:
            self.do_discover_again()

    def do_back(self) -> None:
        """To the storage."""
        self.app.pop_screen()
