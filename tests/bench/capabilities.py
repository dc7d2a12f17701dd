"""What asking hosts for their capabilities costs: time and commands for 3 hosts and for 50, and nothing when idle."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from backends.api import FerryError, embedded_hosts, load_config, open_fleet
from backends.lab.errors import LabError
from backends.lab.lab import Lab
from backends.lab.layout import HOSTS, Layout
from backends.lab.process import run
from backends.model.capability import HostCapabilities
from backends.model.host import HostName
from backends.service.fleet import FleetService
from tests.bench.counted import commands_heard
from tests.bench.crowd import HUSH_S
from tests.bench.figures import Figure, spread
from tests.bench.options import COMMAND, Options, Tell, lab_environment
from tests.bench.terminal import Terminal
from tests.lab_fixture import own_lab
from tests.watching import all_up, until

MANY = 50
"""Hosts of a large fleet."""
AIM_COMMANDS = 3.0
"""Commands on one host for all that is told of it."""
AIM_IDLE = 0.0
LOGIN_DEADLINE_S = 180.0
"""For all of them: sshd drops logins that come too many at once (sshd_config(5), MaxStartups); they are tried again."""
FIRST_MINUTE_S = 65.0
"""For a minute after a login the time since then is told in seconds."""
PAGE_S = 10.0
"""From a key until all hosts have been asked and everything is painted."""
BY_HAND = "virsh capabilities && virsh domcapabilities && virsh nodeinfo && cat /proc/cpuinfo /proc/meminfo"
"""What an administrator types to learn a part of it."""


def capabilities(options: Options, tell: Tell) -> Iterable[Figure]:
    """Needs the lab; brings up one of its own."""
    with own_lab() as lab:
        tell("bringing up a lab")
        lab.up()
        yield from asyncio.run(_few(lab, options.pairs, tell))
        yield from _by_hand(lab, options.pairs, tell)
        yield from asyncio.run(_many(lab, tell))
        yield from asyncio.run(_many_without_ssh(tell))
        yield from _idle(lab, options.idle_s, tell)


# The hosts -------------------------------------------------------------------------------------


@contextmanager
def lab_config(layout: Layout, count: int) -> Iterator[Path]:
    """A configuration with so many names for the hosts of the lab, each in turn; it lasts as long as the block."""
    with tempfile.TemporaryDirectory(prefix="virt-ferry-bench-") as folder:
        config = Path(folder, "config.toml")
        hosts = islice(cycle(HOSTS), count)
        config.write_text(
            "".join(
                f'[hosts.host-{number:02}]\ntarget = "root@{host}"\nssh_config = "{layout.ssh_config}"\n'
                for number, host in enumerate(hosts, 1)
            )
        )
        yield config


class Surveys:
    """Asks all hosts of a fleet at once, again and again, and counts what that runs on them."""

    def __init__(self, fleet: FleetService) -> None:
        self._fleet = fleet
        self._counts: Counter[HostName] = Counter()
        self.seconds: list[float] = []
        self.most_commands = 0
        """On one host, for one survey."""

    def hear(self, host: HostName, _: Sequence[str]) -> None:
        """For `commands_heard`."""
        self._counts[host] += 1

    async def take(self) -> None:
        """Once. Raises LabError when a host does not answer, or tells another number of commands than were heard."""
        self._counts.clear()
        began_s = time.monotonic()
        try:
            answers = await asyncio.gather(*map(self._fleet.survey, self._fleet.state.hosts))
        except FerryError as error:
            raise LabError(str(error)) from error
        self.seconds.append(time.monotonic() - began_s)
        self._check(answers)
        self.most_commands = max(self.most_commands, *self._counts.values(), 0)

    def _check(self, answers: Sequence[HostCapabilities]) -> None:
        for answer in answers:
            heard = self._counts[answer.host]
            if answer.commands != heard:
                raise LabError(f"{answer.host} was asked by {heard} commands, not by {answer.commands}")


# Three -----------------------------------------------------------------------------------------


async def _few(lab: Lab, rounds: int, tell: Tell) -> list[Figure]:
    """The first survey of a lab just up, then more; between them one command on each host."""
    with lab_config(lab.layout, len(HOSTS)) as config:
        async with open_fleet(load_config(config).specs()) as fleet:
            assert isinstance(fleet, FleetService)
            await until(fleet, all_up, LOGIN_DEADLINE_S)
            surveys, trips = Surveys(fleet), []
            with commands_heard(surveys.hear):
                for turn in range(rounds + 1):
                    tell(f"survey {turn} of {rounds}")
                    trips.append(await _trip(fleet))
                    await surveys.take()
    first, *later = surveys.seconds
    return [
        Figure(name="first survey of 3 hosts", value=first, unit="s", note="of a lab just up"),
        Figure(name="survey of 3 hosts", value=median(later), unit="s", note=spread(later)),
        Figure(name="one command on each of them", value=median(trips), unit="s", note=spread(trips)),
        Figure(name="survey over one command", value=median(later) / median(trips), unit="x"),
        _commands("commands on a host, of 3", surveys),
    ]


async def _trip(fleet: FleetService) -> float:
    """Seconds for `true` on all hosts at once, over the connections that are open."""
    shells = [fleet._supervisor(host).reached().shell for host in fleet.state.hosts]
    began_s = time.monotonic()
    await asyncio.gather(*(shell.run(("true",)) for shell in shells if shell is not None))
    return time.monotonic() - began_s


def _commands(name: str, surveys: Surveys) -> Figure:
    return Figure(name=name, value=surveys.most_commands, unit="commands", at_most=AIM_COMMANDS)


# By hand ---------------------------------------------------------------------------------------


def _by_hand(lab: Lab, rounds: int, tell: Tell) -> Iterator[Figure]:
    """The whole command, login included, and in turn with it what an administrator would type."""
    environment = {**os.environ, **lab_environment(lab.layout)}
    ours, theirs = [], []
    for turn in range(rounds):
        tell(f"round {turn + 1} of {rounds}: the command, and ssh with virsh")
        began_s = time.monotonic()
        run([COMMAND, "capabilities", "--lab", "--json"], timeout_s=60, env=environment)
        ours.append(time.monotonic() - began_s)
        began_s = time.monotonic()
        asyncio.run(_typed(lab.layout))
        theirs.append(time.monotonic() - began_s)
    yield Figure(
        name="virt-ferry capabilities, 3 hosts",
        value=median(ours),
        unit="s",
        peer=median(theirs),
        note=f"{spread(ours)}; peer: ssh with virsh, all at once",
    )
    yield Figure(name="the command over ssh with virsh", value=median(ours) / median(theirs), unit="x")


async def _typed(layout: Layout) -> None:
    """One ssh to each host, all at once."""
    await asyncio.gather(
        *(
            asyncio.to_thread(run, [str(layout.ssh_command), f"root@{host}", BY_HAND], timeout_s=60)
            for host in HOSTS
        )
    )


# Fifty -----------------------------------------------------------------------------------------


async def _many(lab: Lab, tell: Tell) -> list[Figure]:
    """Fifty names and connections of their own, behind which stand three hosts and this one machine."""
    with lab_config(lab.layout, MANY) as config:
        tell(f"logging in to {MANY} hosts")
        began_s = time.monotonic()
        async with open_fleet(load_config(config).specs()) as fleet:
            assert isinstance(fleet, FleetService)
            await until(fleet, all_up, LOGIN_DEADLINE_S)
            logins_s = time.monotonic() - began_s
            tell(f"survey of {MANY} hosts")
            surveys = Surveys(fleet)
            with commands_heard(surveys.hear):
                await surveys.take()
    note = f"{MANY} names of 3 hosts, all on this machine"
    return [
        Figure(name=f"login to {MANY} hosts", value=logins_s, unit="s", note=note),
        Figure(name=f"survey of {MANY} hosts", value=surveys.seconds[0], unit="s", note=note),
        _commands(f"commands on a host, of {MANY}", surveys),
    ]


async def _many_without_ssh(tell: Tell) -> list[Figure]:
    """Fifty of libvirt's in-process test hosts: what is left when no host takes its time."""
    tell(f"survey of {MANY} test hosts")
    async with embedded_hosts(MANY, 8) as specs, open_fleet(specs) as fleet:
        assert isinstance(fleet, FleetService)
        await until(fleet, all_up, LOGIN_DEADLINE_S)
        surveys = Surveys(fleet)
        await surveys.take()
    name = f"survey of {MANY} hosts by libvirt alone"
    return [Figure(name=name, value=surveys.seconds[0], unit="s", note="test hosts")]


# Idle ------------------------------------------------------------------------------------------


def _idle(lab: Lab, idle_s: float, tell: Tell) -> Iterator[Figure]:
    """The program on the list of hosts, then on a host's page; nobody presses a key and nothing changes."""
    with lab_config(lab.layout, len(HOSTS)) as config:
        tally = config.with_name("commands")
        theirs, ours = os.pipe()
        child = [sys.executable, "-m", "tests.bench.capabilities_child", str(config), str(theirs), str(tally)]
        with Terminal(child, keep_open=[theirs]) as terminal, os.fdopen(ours, "w", buffering=1) as orders:
            os.close(theirs)
            tell("waiting for the hosts")
            terminal.until(lambda shown: shown.shows("hosts 3 up"), "all hosts are up", LOGIN_DEADLINE_S)
            terminal.press("2")
            terminal.settle(PAGE_S)
            orders.write("hush\n")
            terminal.settle(HUSH_S)
            tell("waiting until the hosts have been up for a minute")
            terminal.settle(FIRST_MINUTE_S)
            yield from _nothing_happens(terminal, "hosts", tally, idle_s, tell)
            terminal.press("\r")
            terminal.settle(PAGE_S)
            yield from _nothing_happens(terminal, "a host's page", tally, idle_s, tell)


def _nothing_happens(
    terminal: Terminal, where: str, tally: Path, idle_s: float, tell: Tell
) -> Iterator[Figure]:
    tell(f"doing nothing for {idle_s:g} s on {where}")
    commands, lines = len(tally.read_text().splitlines()), terminal.lines
    pieces = terminal.settle(idle_s)
    ran = tally.read_text().splitlines()[commands:]
    changed = [new.strip() for old, new in zip(lines, terminal.lines, strict=True) if old != new]
    yield Figure(
        name=f"idle on {where}, to the terminal",
        value=sum(len(piece.data) for piece in pieces) * 60 / idle_s,
        unit="B/min",
        at_most=AIM_IDLE,
        note="; ".join(
            [
                f"{len(pieces)} paints in {idle_s:g} s, hosts hushed",
                *(f"changed: ...{line[-20:]}" for line in changed[:1]),
            ]
        ),
    )
    yield Figure(
        name=f"idle on {where}, on the hosts",
        value=len(ran),
        unit="commands",
        at_most=AIM_IDLE,
        note="; ".join(sorted(set(ran)))[:80],
    )
