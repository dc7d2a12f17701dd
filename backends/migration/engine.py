"""All moves of this program. Each is a task of the engine's, never of a screen; readers see it in the fleet's state."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from backends.errors import ActionError, FerryError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.inventory import read_guest
from backends.migration import preflight
from backends.migration.checks.context import Context
from backends.migration.live import LiveMove
from backends.migration.preflight import OnCheck
from backends.model.host import HostName
from backends.model.move import Check, Move, MoveId, MoveRequest, Phase, Preflight, Verdict


class Engine:
    """Starts moves and hands commands to them. All methods run on the event loop's thread."""

    def __init__(self, supervisors: Mapping[HostName, Supervisor], board: Board) -> None:
        self._supervisors = supervisors
        self._board = board
        self._moves: dict[MoveId, LiveMove] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Own the moves' tasks until cancelled. What libvirt does for them goes on without us."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.Event().wait()

    async def preflight(self, request: MoveRequest, on_check: OnCheck | None) -> Preflight:
        """Ask all questions. Where a host cannot be asked at all, that is the one answer."""

        def refuse(id_: str, title: str, evidence: str, mend: str = "") -> Preflight:
            check = Check(id_, title, Verdict.REFUSE, evidence, mend)
            if on_check is not None:
                on_check(check)
            return preflight.refused(request, check)

        if request.guest.host == request.destination:
            return refuse(
                "host.identity", "two different hosts", "the guest is there already", "choose another host"
            )
        try:
            source = self._supervisor(request.guest.host).current()
            guest = await read_guest(source.connection(request.guest.driver), request.guest)
        except FerryError as error:
            return refuse("host.source", "the source answers", str(error), error.hint)
        if guest is None:
            return refuse("guest.state", "guest state", f"{request.guest.host} does not know this guest")
        try:
            destination = self._supervisor(request.destination).current()
            destination.connection(request.guest.driver)
        except FerryError as error:
            return refuse("host.destination", "the destination answers", str(error), error.hint)
        hosts = self._board.state.hosts
        context = Context(
            request, guest, hosts[request.guest.host], hosts[request.destination], source, destination
        )
        return await preflight.run(context, on_check)

    def start(self, checked: Preflight, *, accept_doubts: bool) -> MoveId:
        """Raises ActionError when the checks refuse it, when doubts were not accepted, or when it moves already."""
        request = checked.request
        self._must_be_free(checked, accept_doubts=accept_doubts)
        assert self._group is not None, "the engine runs as long as the fleet is open"
        move = Move(MoveId(secrets.token_hex(4)), request, Phase.READY, datetime.now(UTC), checked)
        running = LiveMove(
            move,
            self._board,
            source=self._supervisor(request.guest.host),
            destination=self._supervisor(request.destination),
        )
        self._moves[move.id] = running
        self._group.create_task(running.run(), name=f"move-{move.id}")
        return move.id

    def _must_be_free(self, checked: Preflight, *, accept_doubts: bool) -> None:
        request = checked.request
        if checked.refused:
            worst = checked.checks[0]
            raise ActionError(f"{worst.title}: {worst.evidence}", operation="move", hint=worst.mend)
        if checked.doubtful and not accept_doubts:
            raise ActionError(
                "the checks leave doubts that were not accepted",
                operation="move",
                hint="read them, then accept them",
            )
        if self._board.state.move_of(request.guest) is not None:
            raise ActionError(f"{request.name} is being moved already", operation="move")

    async def abort(self, move: MoveId) -> None:
        """Ask for the end of a transfer."""
        await self._move(move).abort()

    async def set_bandwidth(self, move: MoveId, mib_s: int) -> None:
        """Limit a transfer."""
        await self._move(move).set_bandwidth(mib_s)

    async def set_max_downtime(self, move: MoveId, downtime_ms: int) -> None:
        """Set a transfer's downtime limit."""
        await self._move(move).set_max_downtime(downtime_ms)

    async def start_postcopy(self, move: MoveId) -> None:
        """Switch over now."""
        raise NotImplementedError

    async def pause_guest(self, move: MoveId) -> None:
        """Pause the guest during its transfer."""
        raise NotImplementedError

    def _move(self, move: MoveId) -> LiveMove:
        running = self._moves.get(move)
        if running is None or running.move.phase.final:
            raise ActionError("this move has ended", operation="move")
        return running

    def _supervisor(self, host: HostName) -> Supervisor:
        supervisor = self._supervisors.get(host)
        if supervisor is None:
            raise ActionError("no such host in this fleet", host=host)
        return supervisor
