"""What ctrl-c, SIGTERM and a lost terminal do while a command is at work."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_signals(on_interrupt: Callable[[], None], on_end: Callable[[], object]) -> Iterator[None]:
    """ctrl-c calls `on_interrupt`; SIGTERM and a lost terminal call `on_end`."""
    loop = asyncio.get_running_loop()
    handlers: dict[signal.Signals, Callable[[], object]] = {
        signal.SIGINT: on_interrupt,
        signal.SIGTERM: on_end,
        signal.SIGHUP: on_end,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def heed_no_more() -> None:
    """What has been told stands: a ctrl-c while the links are closed makes no other exit status of it."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, _too_late)


def _too_late() -> None:
    """Not heeded."""
