"""Keys act on the screen that the keys before them made.

Textual hands each key to the widget that has the focus when the key is read, not when the key before it
has done its work. On a slow line keys arrive in bursts, and then `/p` would pause a guest instead of
filtering for a `p`. `KeysInOrder` hands over the next key only when the last one has gone all its way and
the focus it moved has settled.

A key is followed by a message on the same way (from the focused widget up to the app, each with a queue of
its own), so that the arrival of the message proves that the key has been dealt with.
"""

from __future__ import annotations

import asyncio

from textual import events
from textual.app import App, ReturnType
from textual.message import Message
from textual.widget import Widget

_ROUNDS_MOST = 6
"""Rounds in which focus and screen may still change after one key; two are enough for most keys."""

_ROUND_LIMIT_S = 0.25
"""A widget that is busy for longer than this does not hold up the keyboard."""


class KeysInOrder(App[ReturnType]):
    """An app that deals with one key after another. Derive from it beside other bases of an app."""

    class Arrived(Message):
        """Follows a key; nothing else is meant by it."""

        def __init__(self, done: asyncio.Event) -> None:
            super().__init__()
            self.done = done

    _keys: asyncio.Queue[events.Key | events.Paste] | None = None

    async def on_event(self, event: events.Event) -> None:
        """Keys and pasted text wait for their turn; all else goes on at once."""
        if self._keys is not None and isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._keys.put_nowait(event)
        else:
            await super().on_event(event)

    def on_mount(self) -> None:
        """From now on, keys are dealt with one at a time."""
        self._keys = asyncio.Queue()
        self.run_worker(self._deal_with_keys(self._keys), group="keys")

    def on_keys_in_order_arrived(self, message: Arrived) -> None:
        """The key before this message has been dealt with."""
        message.done.set()

    async def _deal_with_keys(self, keys: asyncio.Queue[events.Key | events.Paste]) -> None:
        while True:
            await super().on_event(await keys.get())
            await self._settle()

    async def _settle(self) -> None:
        """Until two rounds find the same widget with the focus on the same screen."""
        before: Widget | None = None
        for _ in range(_ROUNDS_MOST):
            receiver = self.focused or self.screen
            done = asyncio.Event()
            receiver.post_message(self.Arrived(done))
            try:
                async with asyncio.timeout(_ROUND_LIMIT_S):
                    await done.wait()
            except TimeoutError:
                return
            if receiver is before and receiver is (self.focused or self.screen):
                return
            before = receiver
