"""A terminal that stops reading must not stop the program.

Textual's driver queues 30 writes and then waits, on the event loop: with an SSH client asleep, hosts and moves would go
unwatched. Here writes never wait. Whoever draws asks `behind` first and skips a picture that could not be seen in time.

This reaches into `LinuxDriver._writer_thread`, which is not public; `tests/terminal/test_stalled_terminal.py` tells
when a new Textual has other ideas.
"""

from __future__ import annotations

from textual.drivers.linux_driver import LinuxDriver

MAX_UNSENT = 12
"""Writes. One picture is three of them."""
GOOD_BYE_S = 1.0
"""How long the end of the program waits for a terminal that does not read."""


class PatientDriver(LinuxDriver):
    """See the module."""

    def start_application_mode(self) -> None:
        """Lift the limit of the queue as soon as there is one."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None:
            self._writer_thread._queue.maxsize = 0

    @property
    def behind(self) -> bool:
        """Has the terminal not yet taken what was written before?"""
        return self._writer_thread is not None and self._writer_thread._queue.qsize() > MAX_UNSENT

    @property
    def stuck(self) -> bool:
        """After the end: is the writer still waiting for the terminal?"""
        return self._writer_thread is not None and self._writer_thread.is_alive()

    def close(self) -> None:
        """End the writer; one that is stuck in a write ends with the process."""
        if self._writer_thread is not None:
            self._writer_thread._queue.put(None)
            self._writer_thread.join(GOOD_BYE_S)
