"""What the program adds to a move: the same guest moved there and back by virsh and by virt-ferry in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from backends.api import open_fleet
from backends.lab.guest import Guest
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from tests.bench.figures import Figure, ratios, spread
from tests.bench.movers import Engine, Moved, Mover, Process, Virsh
from tests.bench.options import Options, Tell
from tests.lab_fixture import own_lab

TICK_MS = 20
"""The guest's stop is seen from outside to about this."""
GUEST = GuestSpec(name="mover", dirty_mib_s=2, arguments=(f"tick={TICK_MS}",))


@dataclass(frozen=True, slots=True)
class Watched:
    """One move, and how long the guest's ticks stopped meanwhile."""

    moved: Moved
    stop_ms: float
    intact: bool


Results = dict[str, list[Watched]]


def move(options: Options, tell: Tell) -> Iterable[Figure]:
    """Needs the lab; brings up one of its own."""
    with own_lab() as lab:
        tell("bringing up a lab")
        lab.up()
        guest = lab.guest(GUEST)
        return asyncio.run(_compared(lab, guest, options.pairs, tell))


async def _compared(lab: Lab, guest: Guest, rounds: int, tell: Tell) -> list[Figure]:
    async with open_fleet(lab_specs(lab.layout)) as fleet:
        virsh, engine = Virsh(lab, remote=False), Engine(fleet)
        remote, process = Virsh(lab, remote=True), Process(lab)
        results = await _moves((virsh, engine, remote, process), guest, rounds, tell)
    return [
        *_times(results),
        _ratio("engine over virsh on the host", results[engine.name], results[virsh.name]),
        _ratio("virt-ferry migrate over virsh over ssh", results[process.name], results[remote.name]),
        Figure(
            name="checks before a move", value=median(engine.checks_s), unit="s", note=spread(engine.checks_s)
        ),
        *_stops(results),
    ]


async def _moves(movers: Sequence[Mover], guest: Guest, rounds: int, tell: Tell) -> Results:
    """All in turn, there and back; who goes first changes each round, so that each goes both ways."""
    results: Results = {mover.name: [] for mover in movers}
    source, destination = "h1", "h2"
    for turn in range(rounds):
        first = turn % len(movers)
        for mover in (*movers[first:], *movers[:first]):
            tell(f"round {turn + 1} of {rounds}: {mover.name}, {source} to {destination}")
            results[mover.name].append(await _watched(guest, mover, source, destination))
            source, destination = destination, source
    return results


async def _watched(guest: Guest, mover: Mover, source: str, destination: str) -> Watched:
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)
        moved = await mover.move(guest.name, source, destination)
        await asyncio.to_thread(ticks.wait_for_more)
        report = ticks.report()
    return Watched(moved, report.largest_gap_s * 1000 - TICK_MS, intact=report.intact)


def _seconds(watched: Sequence[Watched]) -> list[float]:
    return [one.moved.total_s for one in watched]


def _times(results: Results) -> Iterator[Figure]:
    for name, watched in results.items():
        seconds = _seconds(watched)
        yield Figure(name=name, value=median(seconds), unit="s", note=spread(seconds))


def _ratio(name: str, ours: Sequence[Watched], theirs: Sequence[Watched]) -> Figure:
    pairs = ", ".join(f"{ratio:.2f}" for ratio in ratios(_seconds(ours), _seconds(theirs)))
    value = median(_seconds(ours)) / median(_seconds(theirs))
    return Figure(name=name, value=value, unit="x", note=f"round by round {pairs}")


def _stops(results: Results) -> Iterator[Figure]:
    """libvirt's word beside what the guest's ticks say."""
    for name, watched in results.items():
        seen = [one.stop_ms for one in watched]
        told = [float(one.moved.downtime_ms) for one in watched]
        lost = sum(not one.intact for one in watched)
        note = f"libvirt says {median(told):.0f} ms; {len(watched) - lost} of {len(watched)} lost no tick"
        yield Figure(name=f"guest stopped, {name}", value=median(seen), unit="ms", note=note)
