"""The program killed at random moments of a move, and started again: does the move end well, and is it shown soon?"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from unittest.mock import patch

from backends.api import Fleet, open_fleet
from backends.lab.errors import LabError
from backends.lab.guest import Guest
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.model.fleet import FleetState
from backends.model.host import HostName, Link
from backends.model.move import Move, MoveId, Origin, Phase, Result
from tests.bench.figures import Figure, spread
from tests.bench.options import COMMAND, Options, Tell, lab_environment
from tests.lab_fixture import own_lab
from tests.watching import until

GUEST = GuestSpec(name="orphan", dirty_mib_s=2)
BANDWIDTH_MIB_S = 24
"""With it a move takes about 5 s."""
LATEST_S = 5.0
"""After the start of a move: kills come at random moments before."""
SHOWN_WITHIN_S = 2.0
"""The promise: of the moment in which the source is up."""
END_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Kill:
    """One program killed, and what the next one showed."""

    after_s: float
    phase: str
    """The last that the killed program told."""
    shown_s: float
    """From the source being up to the move being shown, alive or ended."""
    origin: Origin
    well: bool
    """It ended where both hosts say the guest runs, and the guest lost no tick."""
    words: str


def killed(options: Options, tell: Tell) -> Iterable[Figure]:
    """Needs the lab; brings up one of its own, with a journal of its own."""
    with (
        own_lab() as lab,
        tempfile.TemporaryDirectory() as state,
        patch.dict(os.environ, XDG_STATE_HOME=state),
    ):
        tell("bringing up a lab")
        lab.up()
        guest = lab.guest(GUEST)
        kills = asyncio.run(_kills(lab, guest, random.Random(options.seed), options.count, tell))  # noqa: S311
    return _figures(kills)


def _figures(kills: list[Kill]) -> Iterable[Figure]:
    shown = [kill.shown_s for kill in kills]
    moments = ", ".join(
        f"{count} {phase}" for phase, count in Counter(kill.phase for kill in kills).most_common()
    )
    bad = "; ".join(kill.words for kill in kills if not kill.well)
    origins = Counter(kill.origin.value for kill in kills)
    yield Figure(name="kills", value=len(kills), unit="", note=moments)
    yield Figure(
        name="moves that did not end well",
        value=sum(not kill.well for kill in kills),
        unit="",
        at_most=0,
        note=bad,
    )
    yield Figure(name="shown after the host is up, median", value=median(shown), unit="s", note=spread(shown))
    yield Figure(
        name="shown after the host is up, worst",
        value=max(shown),
        unit="s",
        at_most=SHOWN_WITHIN_S,
        note=", ".join(f"{count} {origin}" for origin, count in origins.items()),
    )


async def _kills(lab: Lab, guest: Guest, chance: random.Random, count: int, tell: Tell) -> list[Kill]:
    found: list[Kill] = []
    source, destination = "h1", "h2"
    for number in range(count):
        after_s = chance.uniform(0.0, LATEST_S)
        tell(f"kill {number + 1} of {count}: {after_s:.1f} s after the start")
        with guest.watch() as ticks:
            phase = await asyncio.to_thread(_start_and_kill, lab, source, destination, after_s)
            shown_s, move = await _relaunched(lab, source)
            where = await asyncio.to_thread(lab.where, guest.name)
            await asyncio.to_thread(ticks.wait_for_more)
        intact = ticks.report().intact
        well = _is_true(move, where.name) and intact
        told = f"told {move.outcome}, is on {where.name}, {ticks.report()}"
        words = f"kill {number + 1} at {after_s:.2f} s ({phase}): {told}"
        found.append(Kill(after_s, phase, shown_s, move.origin, well, words))
        if where.name == destination:
            source, destination = destination, source
    return found


def _is_true(move: Move, where: str) -> bool:
    outcome = move.outcome
    if outcome is None or outcome.where != where:
        return False
    arrived = where == move.request.destination
    return (
        outcome.result is Result.SUCCEEDED if arrived else outcome.result in (Result.FAILED, Result.CANCELLED)
    )


def _start_and_kill(lab: Lab, source: str, destination: str, after_s: float) -> str:
    """Returns the last phase that was told. kill -9 comes `after_s` after the move has begun."""
    command = [COMMAND, "migrate", f"{source}/{GUEST.name}", "--to", destination, "--lab", "--json"]
    environment = {**os.environ, **lab_environment(lab.layout)}
    output = Path(tempfile.mkstemp()[1])
    with (
        output.open("w") as stdout,
        subprocess.Popen(
            [*command, "--bandwidth", str(BANDWIDTH_MIB_S), "--accept-doubts"], stdout=stdout, env=environment
        ) as process,
    ):
        try:
            _wait_for_start(output, process)
            time.sleep(after_s)  # the moment is the experiment
        finally:
            process.kill()
    phases = [event["phase"] for event in _events(output) if event["event"] == "phase"]
    output.unlink()
    return str(phases[-1])


def _wait_for_start(output: Path, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + 30
    while not any(event["event"] == "phase" for event in _events(output)):
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise LabError(f"the move did not start: {output.read_text()}")
        time.sleep(0.01)  # a file cannot be waited for


def _events(output: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in output.read_text().splitlines(keepends=True) if line.endswith("\n")]


async def _relaunched(lab: Lab, source: str) -> tuple[float, Move]:
    """Seconds until the move was shown, and the move at its end."""
    async with open_fleet(lab_specs(lab.layout)) as fleet:
        await until(fleet, lambda state: state.hosts[HostName(source)].link.link is Link.UP)
        up_s = time.monotonic()
        move = await _newest(fleet)
        shown_s = time.monotonic() - up_s
        if move.outcome is None:
            id_ = MoveId(move.id)
            state = await until(fleet, lambda state: state.moves[id_].outcome is not None, END_DEADLINE_S)
            move = state.moves[id_]
        return shown_s, move


async def _newest(fleet: Fleet) -> Move:
    """The move as it is shown: alive with its figures, at its end, or (ended before the kill) in the history."""

    def is_shown(state: FleetState) -> bool:
        return any(move.phase.final or _is_live(move) for move in state.moves.values())

    last = (await fleet.history(limit=1))[0]
    if last.phase.final and last.id not in fleet.state.moves:
        return last
    state = await until(fleet, is_shown)
    return next(iter(state.moves.values()))


def _is_live(move: Move) -> bool:
    return move.phase is not Phase.RECONCILING and move.progress is not None
