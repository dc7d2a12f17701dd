"""iSCSI: at which portal to look, how to log in, and whether to log out."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from backends.model.host import HostName
from backends.model.storage import IscsiLogin, IscsiTarget
from tui.dialogs.ask import AskDialog
from tui.dialogs.choice import ChoiceDialog, confirm
from tui.dialogs.dialog import BodyView, Dialog
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, dim, line, wrap


def portal_dialog(host: HostName, value: str) -> AskDialog:
    """An address, with a port where it is not 3260."""
    words = (
        f"At which address is {host} to look for iSCSI targets? A name or an address, with a port where it is not"
        " 3260: 10.0.0.1, nas:3261, [fd00::1]:3260."
    )
    return AskDialog(f"iSCSI portal, asked from {host}", lambda width: wrap(words, width), value=value)


class LoginDialog(Dialog[IscsiLogin | None]):
    """Ends with how to log in, or None when the user went back. The secret is not shown, and goes nowhere else."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, target: IscsiTarget) -> None:
        super().__init__(f"log {target.host} in?")
        self._target = target
        self._user = Input(placeholder="CHAP user; nothing: without CHAP", max_length=256)
        self._secret = Input(placeholder="CHAP secret", password=True, max_length=256)
        for field in (self._user, self._secret):
            field.cursor_blink = False

    def content(self) -> list[Widget]:
        """The target, user and secret."""
        keys = line(dim("enter takes it, tab goes to the next line, esc goes back"))
        return [
            BodyView(self._body, id="body"),
            self._user,
            self._secret,
            LineView(self._trouble, id="hint"),
            LineView(lambda _: [keys], id="keys"),
        ]

    def room_below_body(self) -> int:
        """Air, two lines, trouble, keys."""
        return 7

    def on_mount(self) -> None:
        """Ready to type."""
        self._user.focus()

    def _body(self, width: int) -> list[Line]:
        target = self._target
        needs = {True: "It asks for a CHAP user and secret.", False: "It asks for no CHAP user."}
        lines = [
            *wrap(target.iqn, width, Tone.TITLE),
            line(dim(f"{', '.join(target.portals)}, from "), Cell(target.host)),
            EMPTY,
            *wrap("Its LUNs appear on the host as disks. Nothing on them is changed.", width),
        ]
        if target.chap is not None:
            lines += wrap(needs[target.chap], width, Tone.DOUBT if target.chap else Tone.DIM)
        return lines

    def _trouble(self, width: int) -> list[Line]:
        if bool(self._user.value) != bool(self._secret.value):
            missing = "the secret" if self._user.value else "the user"
            return wrap(f"CHAP needs both: {missing} is missing", width, Tone.DOUBT)
        return [line(dim("with CHAP" if self._user.value else "without CHAP"))]

    @on(Input.Changed)
    def _changed(self) -> None:
        self.query_one("#hint", LineView).draw()

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self._user and self._user.value:
            self._secret.focus()
        elif bool(self._user.value) == bool(self._secret.value):
            portal = self._target.portals[0] if self._target.portals else ""
            self.dismiss(IscsiLogin(self._target.iqn, portal, self._user.value, self._secret.value))

    def action_cancel(self) -> None:
        """Nothing."""
        self.dismiss(None)


def logout_dialog(target: IscsiTarget) -> ChoiceDialog[bool]:
    """Its LUNs go from the host."""
    luns = f" ({', '.join(target.luns)})" if target.luns else ""
    words = (
        f"Its LUNs{luns} vanish from {target.host}. What is mounted from them or used by a guest there fails; that a"
        " running guest has a disk there is a reason to refuse."
    )

    def body(width: int) -> list[Line]:
        return [*wrap(target.iqn, width, Tone.TITLE), EMPTY, *wrap(words, width)]

    return confirm(
        f"log {target.host} out?",
        body,
        no="no, stay logged in",
        yes=f"yes, log {target.host} out of it",
    )
