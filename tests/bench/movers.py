"""The ways to move a guest that are compared. Each does the whole move and says how long it took."""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import dataclass
from typing import Protocol

import msgspec

from backends.api import Fleet
from backends.lab.errors import LabError
from backends.lab.lab import Lab
from backends.lab.process import run
from backends.model.fleet import FleetState
from backends.model.guest import Guest, GuestState
from backends.model.host import HostName
from backends.model.move import MoveRequest, Outcome, Result
from tests.bench.options import COMMAND, lab_environment
from tests.watching import until

MOVE_DEADLINE_S = 120.0
DOWNTIME = re.compile(r"Total downtime:\s+(\d+)\s+ms")


@dataclass(frozen=True, slots=True)
class Moved:
    """One move by one mover."""

    total_s: float
    """From the order until the mover said that it was done."""
    downtime_ms: int
    """How long the guest stood still, by libvirt's own word."""


class Mover(Protocol):
    """Moves a guest, and can be told apart from the others by its name."""

    name: str

    async def move(self, guest: str, source: str, destination: str) -> Moved:
        """Move it. Raises LabError when it did not arrive."""
        ...


class Virsh:
    """`virsh migrate` on the source host itself, or from this machine over SSH, as an administrator would."""

    def __init__(self, lab: Lab, *, remote: bool) -> None:
        self.name = "virsh over ssh" if remote else "virsh on the host"
        self._lab = lab
        self._remote = remote

    async def move(self, guest: str, source: str, destination: str) -> Moved:
        """What virsh leaves on the source is removed afterwards, and not counted."""
        peer = f"qemu+ssh://root@{destination}/system"
        began_s = time.monotonic()
        await asyncio.to_thread(
            self._virsh, source, "migrate", "--live", "--p2p", "--persistent", guest, peer
        )
        total_s = time.monotonic() - began_s
        on_source = self._lab.host(source).virsh
        job = await asyncio.to_thread(on_source, "domjobinfo", guest, "--completed")
        await asyncio.to_thread(on_source, "undefine", guest)
        found = DOWNTIME.search(job)
        if found is None:
            raise LabError(f"virsh tells no downtime: {job}")
        return Moved(total_s, int(found[1]))

    def _virsh(self, host: str, *command: str) -> None:
        if not self._remote:
            self._lab.host(host).virsh(*command, timeout_s=MOVE_DEADLINE_S)
            return
        uri = f"qemu+ssh://root@{host}/system?command={self._lab.layout.ssh_command}"
        run(["virsh", "--quiet", "--connect", uri, *command], timeout_s=MOVE_DEADLINE_S)


class Engine:
    """The engine inside an open fleet: what a move costs in the running program, without its checks."""

    name = "engine"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.checks_s: list[float] = []
        """How long the checks before each move took."""

    async def move(self, guest: str, source: str, destination: str) -> Moved:
        """From start_move to the outcome."""
        found = await self._settled(guest, source, destination)
        began_s = time.monotonic()
        checked = await self._fleet.preflight(MoveRequest(found.key, guest, HostName(destination)))
        started_s = time.monotonic()
        self.checks_s.append(started_s - began_s)
        move = self._fleet.start_move(checked, accept_doubts=True)
        state = await until(self._fleet, lambda s: s.moves[move].outcome is not None, MOVE_DEADLINE_S)
        total_s = time.monotonic() - started_s
        return Moved(total_s, _downtime(state.moves[move].outcome))

    async def _settled(self, name: str, source: str, destination: str) -> Guest:
        """The guest, once the fleet has heard where the mover before left it."""

        def on(state: FleetState, host: str) -> list[Guest]:
            return [g for g in state.hosts[HostName(host)].guests.values() if g.name == name]

        state = await until(
            self._fleet,
            lambda s: any(g.state is GuestState.RUNNING for g in on(s, source)) and not on(s, destination),
        )
        return on(state, source)[0]


def _downtime(outcome: Outcome | None) -> int:
    if outcome is None or outcome.result is not Result.SUCCEEDED or outcome.downtime_ms is None:
        raise LabError(f"the engine's move ended as {outcome}")
    return outcome.downtime_ms


class Process:
    """`virt-ferry migrate` as a whole process: start, login to all hosts, checks, move, proof."""

    name = "virt-ferry migrate"

    def __init__(self, lab: Lab) -> None:
        self._environment = {**os.environ, **lab_environment(lab.layout)}

    async def move(self, guest: str, source: str, destination: str) -> Moved:
        """As a script would."""
        command = [COMMAND, "migrate", f"{source}/{guest}", "--to", destination, "--json", "--lab"]
        began_s = time.monotonic()
        done = await asyncio.to_thread(
            run, [*command, "--accept-doubts"], timeout_s=MOVE_DEADLINE_S, env=self._environment, check=False
        )
        total_s = time.monotonic() - began_s
        if done.returncode != 0 or not done.stdout:
            raise LabError(f"virt-ferry migrate ended with {done.returncode}: {done.stdout}{done.stderr}")
        outcome = msgspec.json.decode(done.stdout.splitlines()[-1], type=_OutcomeLine)
        return Moved(total_s, outcome.downtime_ms)


class _OutcomeLine(msgspec.Struct):
    """What is needed of the last line of `--json`."""

    downtime_ms: int
