"""`PlaceScreen`: what all screens of the program have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.screen import Screen

from backends.model.fleet import FleetState, Topic
from tui.actions.action import Action, Place
from tui.actions.reasons import Now
from tui.actions.registry import action_of, actions_at
from tui.bridge import Update
from tui.session import Session, session_of
from tui.widgets.chrome import Header, KeyLine

_ALL = frozenset(Topic)


class PlaceScreen(Screen[None]):
    """A screen with a header, a line of keys, and a subscription to the fleet.

    `resync` draws everything from the newest state; `follow` draws what changed. While the screen is
    covered, updates are dropped and it resyncs when it comes back.
    """

    PLACE: ClassVar[Place]

    def __init__(self) -> None:
        super().__init__()
        self._behind = False
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def session(self) -> Session:
        """What all screens share."""
        return session_of(self)

    @property
    def state(self) -> FleetState:
        """The newest picture of the fleet."""
        return self.session.bridge.state

    @property
    def actions(self) -> tuple[Action, ...]:
        """What can be done here."""
        return actions_at(self.PLACE, self.session.settings.keys)

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """Those of the footer."""
        return self.actions

    def key_for(self, action_id: str) -> str:
        """The key of an action of this place, as users write it; empty where there is none."""
        return next((action.shown_key() for action in self.actions if action.id == action_id), "")

    def now(self) -> Now:
        """What actions are judged by; screens with a selection add it."""
        return Now(self.state, read_only=self.session.settings.read_only)

    def resync(self) -> None:
        """Draw everything anew. Screens extend it."""
        self.redraw_chrome()

    def follow(self, update: Update) -> None:
        """Draw what changed. Screens extend it."""
        if any(topic is not Topic.SAMPLE and topic is not Topic.LOAD for topic, _ in update.dirty):
            self.redraw_chrome()

    def redraw_chrome(self) -> None:
        """Header and keys."""
        for header in self.query(Header):
            header.show(self.state, read_only=self.session.settings.read_only)
        self.redraw_keys()

    def redraw_keys(self) -> None:
        """The selection changed, and with it what can be done."""
        for keys in self.query(KeyLine):
            keys.show(self.shown_actions, self.now())

    def on_mount(self) -> None:
        """Listen from now on."""
        self._unsubscribe = self.session.bridge.subscribe(_ALL, self._hear)
        self.resync()

    def on_unmount(self) -> None:
        """Listen no longer."""
        if self._unsubscribe:
            self._unsubscribe()

    def on_screen_resume(self) -> None:
        """Catch up on what happened while another screen was in front."""
        if self._behind:
            self._behind = False
            self.resync()

    def _hear(self, update: Update) -> None:
        if not self.app.is_running:
            return  # the panes go before the screen does, when the program ends
        if self.is_current:
            self.follow(update)
        else:
            self._behind = True

    def action_perform(self, action_id: str) -> None:
        """Carry an action out, or say why it cannot be done now."""
        action = action_of(action_id)
        if reason := action.why_not(self.now()):
            self._refuse(f"not now: {action.label}: {reason}")
            return
        handler: Callable[[], None] = getattr(self, action.method, None) or getattr(self.app, action.method)
        handler()

    def _refuse(self, words: str) -> None:
        """In the line of keys; in a toast only what does not fit there, for toasts cover what they lie on."""
        for keys in self.query(KeyLine):
            if not keys.tell(words):
                self.app.notify(words, severity="warning", timeout=5, markup=False)
