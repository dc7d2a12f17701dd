"""What all screens of one running program share."""

from __future__ import annotations

from dataclasses import dataclass, field

from textual.message_pump import MessagePump

from backends.api import Fleet
from backends.model.move import MoveId
from tui.bridge import Bridge
from tui.crashes import Crashes
from tui.dumps import Dumps
from tui.growths import Growths
from tui.lean_display import LeanDisplay
from tui.settings import Settings
from tui.type_ahead import KeysInOrder


@dataclass(frozen=True, slots=True)
class Session:
    """The fleet, the bridge to it, and the user's settings."""

    fleet: Fleet
    bridge: Bridge
    settings: Settings
    growths: Growths = field(default_factory=Growths)
    """Of disks, that go on whatever screen is in front."""
    dumps: Dumps = field(default_factory=Dumps)
    """Of guests' memory, likewise."""
    asked_for_crash: set[MoveId] = field(default_factory=set)
    """Moves that have failed and whose hosts were asked what crashes have left there."""
    crashes: Crashes = field(default_factory=Crashes)
    """Who is asked for them, and that they are followed."""


class SessionApp(KeysInOrder[None], LeanDisplay[None]):
    """An app that has a session. Screens know their app by this, so that they need not know `FerryApp`."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session


def session_of(node: MessagePump) -> Session:
    """The session of the app that a screen or widget belongs to."""
    app = node.app
    if not isinstance(app, SessionApp):
        raise TypeError(f"{type(app).__name__} has no session")
    return app.session
