"""What asking hosts for their storage costs, also of one with many pools and volumes, and whether keys stay quick."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from statistics import median

from backends.api import FerryError, open_fleet
from backends.lab.errors import LabError
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.layout import HOSTS
from backends.lab.process import run
from backends.lab.specs import lab_specs
from backends.model.host import HostName
from backends.model.storage import StorageMap
from backends.service.fleet import FleetService
from tests.bench.counted import commands_heard
from tests.bench.figures import Figure, latency, spread
from tests.bench.options import COMMAND, Options, Tell, lab_environment
from tests.bench.terminal import Terminal, time_keys
from tests.lab_fixture import own_lab
from tests.watching import all_up, until

VOLUMES = 1_000
"""Of the large pool."""
POOLS = 50
"""Small ones, beside the large one and those that each host of the lab has."""
FEW = 20
"""Volumes of each small pool."""
CROWDED = "h1"
FOLDER = "/var/lib/libvirt/many"

AIM_ROUND_S = 3.0
"""For all that is told of the storage of three hosts: a table that one looks at in passing; the deadlines of what is
asked are ten times as long."""
AIM_COMMANDS = 1.0
"""On each host, for all that its files tell."""
AIM_KEY_MS = 50.0
LOGIN_DEADLINE_S = 60.0
ROUND_DEADLINE_S = 30.0
SETTLED_S = 0.5
"""The cursor stays on its row while rows find their places: from the topmost one there is a way down."""
KEYS_A_ROUND = 12
"""Keys between two questions: as many as there is time for while one is answered."""
START_DEADLINE_S = 120.0
"""libvirt looks into each of a pool's files when it starts it."""


def storage(options: Options, tell: Tell) -> Iterable[Figure]:
    """Needs the lab; brings up one of its own."""
    with own_lab() as lab:
        tell("bringing up a lab")
        lab.up()
        plain = asyncio.run(_rounds(lab, options.pairs, tell))
        yield from _figures("of 3 plain hosts", plain)
        tell(f"making {POOLS + 1} pools on {CROWDED}")
        _crowd(lab.host(CROWDED))
        crowded = asyncio.run(_rounds(lab, options.pairs, tell))
        crowded.require_all_volumes()
        yield from _figures(f"with {POOLS} pools, and one of {VOLUMES:,} volumes", crowded)
        yield Figure(name="crowded over plain", value=median(crowded.later) / median(plain.later), unit="x")
        yield from _by_hand(lab, options.pairs, tell)
        yield from _keys(lab, options.keys, tell)


# A crowded host --------------------------------------------------------------------------------


def _crowd(host: Host) -> None:
    """Sparse files: a volume costs its name and no room."""
    sizes = {"large": VOLUMES, **{f"small-{number:02}": FEW for number in range(1, POOLS + 1)}}
    script = "".join(
        f"mkdir -p {FOLDER}/{pool} && cd {FOLDER}/{pool} && seq -f 'disk-%04.0f.img' {count} | xargs truncate -s 1G\n"
        for pool, count in sizes.items()
    )
    host.exec("sh", "-e", "-c", script, timeout_s=START_DEADLINE_S)
    for pool in sizes:
        host.virsh("pool-define-as", pool, "dir", "--target", f"{FOLDER}/{pool}")
        host.virsh("pool-start", pool, timeout_s=START_DEADLINE_S)


# Rounds ----------------------------------------------------------------------------------------


class Rounds:
    """Asks all hosts of a fleet again and again, and counts what that runs on them."""

    def __init__(self, fleet: FleetService) -> None:
        self._fleet = fleet
        self._counts: Counter[HostName] = Counter()
        self.seconds: list[float] = []
        self.most_commands = 0
        """On one host, in one round."""
        self.last: StorageMap | None = None

    @property
    def later(self) -> Sequence[float]:
        """All but the first."""
        return self.seconds[1:]

    def hear(self, host: HostName, _: Sequence[str]) -> None:
        """For `commands_heard`."""
        self._counts[host] += 1

    async def take(self) -> None:
        """Once. Raises LabError when a host is left out, or a part of its pools is not told."""
        self._counts.clear()
        began_s = time.monotonic()
        try:
            found = await self._fleet.storage()
        except FerryError as error:
            raise LabError(str(error)) from error
        self.seconds.append(time.monotonic() - began_s)
        if found.left_out or len(found.hosts) != len(HOSTS):
            raise LabError(f"left out: {dict(found.left_out)}")
        self.most_commands = max(self.most_commands, *self._counts.values(), 0)
        self.last = found

    def require_all_volumes(self) -> None:
        """Raises LabError when a pool of the crowded host, or the number of its volumes, is missing."""
        assert self.last is not None
        told = {
            pool.name: pool.volumes
            for storage in self.last.storages
            for pool in storage.pools
            if pool.host == CROWDED
        }
        wanted = {"large": VOLUMES, **{f"small-{number:02}": FEW for number in range(1, POOLS + 1)}}
        wrong = {name: told.get(name) for name, count in wanted.items() if told.get(name) != count}
        if wrong:
            raise LabError(f"volumes of pools that are not told: {wrong}")


async def _rounds(lab: Lab, rounds: int, tell: Tell) -> Rounds:
    """The first round of a fleet that was just opened, then more."""
    async with open_fleet(lab_specs(lab.layout)) as fleet:
        assert isinstance(fleet, FleetService)
        await until(fleet, all_up, LOGIN_DEADLINE_S)
        asked = Rounds(fleet)
        with commands_heard(asked.hear):
            for turn in range(rounds + 1):
                tell(f"round {turn} of {rounds}")
                await asked.take()
    return asked


def _figures(of: str, asked: Rounds) -> Iterator[Figure]:
    yield Figure(name=f"first round {of}", value=asked.seconds[0], unit="s", at_most=AIM_ROUND_S)
    yield Figure(
        name=f"round {of}",
        value=median(asked.later),
        unit="s",
        at_most=AIM_ROUND_S,
        note=spread(asked.later),
    )
    yield Figure(
        name=f"commands on a host, {of}",
        value=asked.most_commands,
        unit="commands",
        at_most=AIM_COMMANDS,
    )


# By hand ---------------------------------------------------------------------------------------


def _by_hand(lab: Lab, rounds: int, tell: Tell) -> Iterator[Figure]:
    """What an administrator types to learn of the pools of the crowded host alone."""
    typed = [
        str(lab.layout.ssh_command),
        f"root@{CROWDED}",
        "virsh pool-list --all --details && virsh vol-list large --details",
    ]
    seconds = []
    for turn in range(rounds):
        tell(f"virsh, round {turn + 1} of {rounds}")
        began_s = time.monotonic()
        run(typed, timeout_s=ROUND_DEADLINE_S)
        seconds.append(time.monotonic() - began_s)
    yield Figure(
        name=f"ssh {CROWDED} virsh pool-list, vol-list",
        value=median(seconds),
        unit="s",
        note=spread(seconds),
    )


# Keys ------------------------------------------------------------------------------------------


def _keys(lab: Lab, count: int, tell: Tell) -> Iterator[Figure]:
    """The cursor goes up and down in mode 3 while nothing is asked, then while all hosts are asked again and again."""
    keys = list(islice(cycle(("down", "up")), KEYS_A_ROUND))
    quiet: list[float] = []
    asking: list[float] = []
    with Terminal([COMMAND, "--lab"], lab_environment(lab.layout)) as terminal:
        terminal.until(
            lambda shown: shown.shows(f"hosts {len(HOSTS)} up"), "all hosts are up", LOGIN_DEADLINE_S
        )
        terminal.press("3")
        terminal.until(_is_told, "the storage of all hosts", ROUND_DEADLINE_S)
        while len(asking) < count:
            tell(f"{len(asking)} of {count} keys")
            terminal.press("page up")
            terminal.settle(SETTLED_S)
            quiet += time_keys(terminal, keys)
            terminal.press("f")
            terminal.until(lambda shown: shown.shows("asking ..."), "the hosts are asked", ROUND_DEADLINE_S)
            asking += time_keys(terminal, keys)
            terminal.until(_is_told, "the answer of all hosts", ROUND_DEADLINE_S)
    yield from latency("key to paint in mode 3, nothing asked", quiet)
    yield from latency("key to paint in mode 3, hosts asked", asking, p99_at_most_ms=AIM_KEY_MS)


def _is_told(shown: Terminal) -> bool:
    return shown.shows("asked ") and shown.shows("local")
