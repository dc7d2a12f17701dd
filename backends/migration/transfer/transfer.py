"""What all ways of carrying a guest over have in common."""

from __future__ import annotations

import abc

from backends.errors import FerryError, UnsupportedError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.jobs import JobStatistics
from backends.migration.record import MoveRecord


class Transfer(abc.ABC):
    """One transfer. Runs as a task of the engine's; knobs are turned from other tasks on the same event loop."""

    def __init__(self, record: MoveRecord, source: Supervisor, destination: Supervisor) -> None:
        self.completed: JobStatistics | None = None
        """The hypervisor's figures of the whole, where it gives them."""
        self.untouched = False
        """It failed before anything was done to a host: the guest is what it was."""
        self._record = record
        self._request = record.move.request
        self._uuid = record.move.request.guest.uuid
        self._source = source
        self._destination = destination

    @abc.abstractmethod
    async def run(self) -> FerryError | None:
        """Carry the guest over. Never raises FerryError.

        None: it went through. LinkError: our link to a host is lost, and nothing is known. Any other error: the word of
        a host about why it failed.
        """

    async def reattach(self) -> None:  # noqa: B027 - some have nothing that runs without us
        """Watch a transfer that runs without us, as long as it runs: the hosts' own, or one of an earlier program."""

    async def abort(self) -> None:  # noqa: B027 - some are done at once
        """Ask for the end: the outcome tells whether it came in time. Raises FerryError."""

    async def set_bandwidth(self, mib_s: int) -> None:
        """Limit the transfer from now on. Raises FerryError."""
        raise self._lacks(f"limited to {mib_s} MiB/s")

    async def set_max_downtime(self, milliseconds: int) -> None:
        """The most that the guest may stand still, from now on. Raises FerryError."""
        raise self._lacks(f"given a downtime limit of {milliseconds} ms")

    async def start_postcopy(self) -> None:
        """Switch over now. Raises FerryError."""
        raise self._lacks("switched to post-copy")

    async def pause_guest(self) -> None:
        """Let the guest stand still until it has arrived. Raises FerryError."""
        raise self._lacks("sped up by a pause")

    def _lacks(self, knob: str) -> UnsupportedError:
        return UnsupportedError(
            f"a move in mode {self._request.mode.value} cannot be {knob}", operation="move"
        )
