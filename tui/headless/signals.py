"""What ctrl-c, SIGTERM and a lost terminal do while a command is at work."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


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


@dataclass(slots=True)
class Interruption:
    """Has somebody asked for the end of it?"""

    happened: bool = False


@contextmanager
def interruptible(on_interrupt: Callable[[], None] | None = None) -> Iterator[Interruption]:
    """ctrl-c, SIGTERM and a lost terminal end the block at once, and only that; the first calls `on_interrupt`.

    Further ones change nothing: what the block does as it ends (take back what it has begun) is done in peace.
    """
    task = asyncio.current_task()
    assert task is not None
    interruption = Interruption()

    def end() -> None:
        if not interruption.happened:
            interruption.happened = True
            task.cancel()
            if on_interrupt:
                on_interrupt()

    try:
        with on_signals(end, end):
            yield interruption
    except asyncio.CancelledError:
        if not interruption.happened or task.cancelling() > 1:
            raise
    finally:
        if interruption.happened:
            task.uncancel()


def heed_no_more() -> None:
    """What has been told stands: a ctrl-c while the links are closed makes no other exit status of it."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, _too_late)


def _too_late() -> None:
    """Not heeded."""
