"""What looking for crashes costs, also on a host with many guests' logs, and how soon one is known while following."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from statistics import median

from backends.api import FerryError, load_config, open_fleet
from backends.lab.errors import LabError
from backends.lab.guest_xml import GuestSpec
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.layout import HOSTS
from backends.model.crash import CrashKind, CrashRecord, HostCrashes, Source
from backends.model.fleet import FleetState
from backends.model.host import HostName
from backends.service.fleet import FleetService
from tests.bench.capabilities import LOGIN_DEADLINE_S, MANY, lab_config
from tests.bench.counted import commands_heard
from tests.bench.figures import Figure, spread
from tests.bench.host_cost import Cost, cost_of
from tests.bench.options import Options, Tell
from tests.lab_fixture import own_lab
from tests.watching import all_up, until

LOGS = 1_000
"""Guests' logs of the crowded host."""
CROWDED = "h1"
QUIET = "h3"
"""No guest runs there while its cost is measured."""
FOLDER = "/var/log/libvirt/qemu"

AIM_LOOK_S = 3.0
"""For all that is told of the crashes of three hosts."""
AIM_COMMANDS = 1.0
"""On one host, for one look."""
AIM_KNOWN_S = 3.0
"""From the event until the record is in the state, its cause known."""
EVENTS = 5
DEADLINE_S = 30.0
"""A record that is not there by then does not come."""
_BAD_ENDS = (CrashKind.ENDED, CrashKind.NOT_STARTED)
SETTLED_S = 5.0
"""After following has begun: first looks are over."""


def crashes(options: Options, tell: Tell) -> Iterable[Figure]:
    """Needs the lab; brings up one of its own."""
    with own_lab() as lab:
        tell("bringing up a lab, with a crash on each host")
        lab.up()
        for host in HOSTS:
            _crash_one(lab, host)
        yield from asyncio.run(_few(lab, options.pairs, tell))
        yield from asyncio.run(_many(lab, tell))
        yield from asyncio.run(_idle(lab, options.idle_s, tell))
        yield from asyncio.run(_kills(lab, tell))
        yield from asyncio.run(_appended(lab, "1 log", tell))
        tell(f"making {LOGS} logs on {CROWDED}")
        _crowd(lab.host(CROWDED))
        yield from asyncio.run(_crowded(lab, options.pairs, tell))
        yield from asyncio.run(_appended(lab, f"{LOGS:,} logs", tell))


# What happens on the hosts ---------------------------------------------------------------------


def _crash_one(lab: Lab, host: str) -> None:
    name = f"lost-{host}"
    lab.guest(GuestSpec(name=name, memory_mib=96), host=host)
    _kill(lab.host(host), name)


def _kill(host: Host, name: str) -> None:
    """The guest's process, as the kernel does when it has no memory left."""
    host.exec("sh", "-c", f"kill -KILL $(cat /run/libvirt/qemu/{name}.pid)")


def _crowd(host: Host) -> None:
    """Each a copy of the log of the guest that was lost there, the crash of long ago: written to just now."""
    script = (
        f"cd {FOLDER} && sed 's/^20[0-9][0-9]-/2020-/' lost-{host.name}.log > /tmp/old.log\n"
        f"for number in $(seq -f %04.0f {LOGS}); do cp /tmp/old.log crowd-$number.log; done"
    )
    host.exec("sh", "-e", "-c", script, timeout_s=120)


def _append(host: Host, name: str) -> None:
    """What libvirt writes when QEMU's monitor is gone (qemuDomainLogAppendMessage, src/qemu/qemu_domain.c)."""
    lines = (
        "qemu-system-x86_64: -drive file=/x.img: Could not open '/x.img': No such file or directory\n"
        "$(date -u +%Y-%m-%d\\ %H:%M:%S.%3N)+0000: shutting down, reason=crashed\n"
    )
    host.exec("bash", "-c", f'printf "%s" "{lines}" >> {FOLDER}/{name}.log')


# Looks -----------------------------------------------------------------------------------------

APART_S = 0.7
"""Who asks sooner is told of the look before."""


@asynccontextmanager
async def _fleet(lab: Lab, names: int = len(HOSTS)) -> AsyncIterator[FleetService]:
    """All hosts up; `names`: so many names for them."""
    with lab_config(lab.layout, names) as config:
        async with open_fleet(load_config(config).specs()) as fleet:
            assert isinstance(fleet, FleetService)
            await until(fleet, all_up, LOGIN_DEADLINE_S)
            await until(fleet, _all_looked_at, LOGIN_DEADLINE_S)  # there are guests that have crashed
            yield fleet


class Looks:
    """Looks at hosts again and again, and counts what that runs on them."""

    def __init__(self, fleet: FleetService) -> None:
        self._fleet = fleet
        self._counts: Counter[HostName] = Counter()
        self.seconds: list[float] = []
        self.most_commands = 0
        """On one host, in one round."""
        self.last: Sequence[HostCrashes] = ()

    def hear(self, host: HostName, _: Sequence[str]) -> None:
        """For `commands_heard`."""
        self._counts[host] += 1

    async def take(self, hosts: Iterable[HostName]) -> None:
        """At all of these at once. Raises LabError when one does not answer."""
        await asyncio.sleep(APART_S)
        self._counts.clear()
        began_s = time.monotonic()
        try:
            self.last = await asyncio.gather(*map(self._fleet.crashes, hosts))
        except FerryError as error:
            raise LabError(str(error)) from error
        self.seconds.append(time.monotonic() - began_s)
        self.most_commands = max(self.most_commands, *self._counts.values(), 0)

    def require(self, kinds: Iterable[CrashKind]) -> None:
        """Raises LabError when a host does not tell of one of these."""
        for found in self.last:
            if missing := set(kinds) - {record.kind for record in found.records}:
                raise LabError(f"{found.host} does not tell: {', '.join(each.value for each in missing)}")


async def _few(lab: Lab, rounds: int, tell: Tell) -> list[Figure]:
    """One host, then three at once."""
    async with _fleet(lab) as fleet:
        hosts = list(fleet.state.hosts)
        alone, together = Looks(fleet), Looks(fleet)
        quiet = lab.host(QUIET)
        with commands_heard(alone.hear):
            before = cost_of(quiet)
            for turn in range(rounds):
                tell(f"look {turn + 1} of {rounds} at one host")
                await alone.take(hosts[2:])
            each = (cost_of(quiet) - before) / rounds
        with commands_heard(together.hear):
            for turn in range(rounds):
                tell(f"look {turn + 1} of {rounds} at 3 hosts")
                await together.take(hosts)
        together.require([CrashKind.ENDED])
    return [
        *_look_figures("1 host", alone),
        *_cost_figures("a look at 1 host", each),
        *_look_figures("3 hosts", together),
    ]


def _look_figures(of: str, looks: Looks) -> Iterator[Figure]:
    yield Figure(
        name=f"look at {of}",
        value=median(looks.seconds),
        unit="s",
        at_most=AIM_LOOK_S,
        note=spread(looks.seconds),
    )
    yield Figure(
        name=f"commands on a host, look at {of}",
        value=looks.most_commands,
        unit="commands",
        at_most=AIM_COMMANDS,
    )


def _cost_figures(of: str, cost: Cost) -> Iterator[Figure]:
    yield Figure(name=f"bytes for {of}", value=cost.bytes, unit="B", note="both ways, with all headers")
    yield Figure(name=f"processor of the host for {of}", value=cost.cpu_ms, unit="ms")


async def _many(lab: Lab, tell: Tell) -> list[Figure]:
    """Fifty names and connections of their own, behind which stand three hosts and this one machine."""
    tell(f"logging in to {MANY} hosts")
    async with _fleet(lab, MANY) as fleet:
        looks = Looks(fleet)
        tell(f"look at {MANY} hosts")
        with commands_heard(looks.hear):
            await looks.take(fleet.state.hosts)
        looks.require([CrashKind.ENDED])
    note = f"{MANY} names of 3 hosts, all on this machine"
    return [Figure(name=f"look at {MANY} hosts", value=looks.seconds[0], unit="s", note=note)]


async def _crowded(lab: Lab, rounds: int, tell: Tell) -> list[Figure]:
    async with _fleet(lab) as fleet:
        looks, host = Looks(fleet), lab.host(CROWDED)
        before = cost_of(host)
        with commands_heard(looks.hear):
            for turn in range(rounds):
                tell(f"look {turn + 1} of {rounds} at the crowded host")
                await looks.take([HostName("host-01")])
        each = (cost_of(host) - before) / rounds
        looks.require([CrashKind.ENDED])
    of = f"a host with {LOGS:,} logs"
    return [*_look_figures(of, looks), *_cost_figures(f"a look at {of}", each)]


# Following -------------------------------------------------------------------------------------


async def _idle(lab: Lab, idle_s: float, tell: Tell) -> list[Figure]:
    """Nothing happens: what following costs beside what a fleet costs that is only open."""
    host = lab.host(QUIET)
    async with _fleet(lab) as fleet:
        await asyncio.sleep(SETTLED_S)
        tell(f"{idle_s:g} s of a fleet that is only open")
        opened = await _minute(host, idle_s)
        async with fleet.follow_crashes():
            await asyncio.sleep(SETTLED_S)
            tell(f"{idle_s:g} s of following")
            counts: Counter[HostName] = Counter()
            with commands_heard(lambda name, _: counts.update([name])):
                followed = await _minute(host, idle_s)
    return [
        Figure(
            name="bytes a minute of idle following, a host",
            value=followed.bytes,
            unit="B",
            note=f"a fleet that is only open: {opened.bytes:,.0f} B",
        ),
        Figure(
            name="processor of the host for that",
            value=followed.cpu_ms,
            unit="ms",
            note=f"a fleet that is only open: {opened.cpu_ms:,.0f} ms",
        ),
        Figure(
            name="commands a minute of idle following, a host",
            value=max(counts.values(), default=0) * 60 / idle_s,
            unit="commands",
        ),
    ]


async def _minute(host: Host, idle_s: float) -> Cost:
    before = cost_of(host)
    await asyncio.sleep(idle_s)
    return (cost_of(host) - before) / (idle_s / 60)


@asynccontextmanager
async def _followed(lab: Lab) -> AsyncIterator[FleetService]:
    async with _fleet(lab) as fleet, fleet.follow_crashes():
        await asyncio.sleep(SETTLED_S)
        yield fleet


def _all_looked_at(state: FleetState) -> bool:
    return all(view.crashes is not None and view.crashes.commands for view in state.hosts.values())


async def _time_to(fleet: FleetService, happen: Callable[[], None], name: str) -> tuple[float, float]:
    """Seconds from the beginning of the event until it is in the state, and until the guest's log is in its record."""

    def of_it(state: FleetState) -> Iterator[CrashRecord]:
        for view in state.hosts.values():
            for record in view.crashes.records if view.crashes else ():
                if record.name == name and record.kind in _BAD_ENDS:
                    yield record

    def is_read(state: FleetState) -> bool:
        return any(each.source is Source.QEMU_LOG for record in of_it(state) for each in record.evidence)

    began_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(happen))
        await until(fleet, lambda state: any(of_it(state)), DEADLINE_S)
        told_s = time.monotonic() - began_s
        await until(fleet, is_read, DEADLINE_S)
    return told_s, time.monotonic() - began_s


async def _kills(lab: Lab, tell: Tell) -> list[Figure]:
    """Processes of running guests are killed: libvirt tells it, and the log, too."""
    seconds = []
    async with _followed(lab) as fleet:
        for number in range(EVENTS):
            tell(f"guest {number + 1} of {EVENTS} that is killed")
            name = f"killed-{number}"
            await asyncio.to_thread(lab.guest, GuestSpec(name=name, memory_mib=96), host="h2")
            seconds.append(await _time_to(fleet, partial(_kill, lab.host("h2"), name), name))
    told, read = zip(*seconds, strict=True)
    return [
        _known("a guest's process is killed", told),
        _known("what its log says of that", read),
    ]


async def _appended(lab: Lab, of: str, tell: Tell) -> list[Figure]:
    """Lines come into a log of a guest that libvirt does not tell of."""
    seconds = []
    async with _followed(lab) as fleet:
        for number in range(EVENTS):
            tell(f"log {number + 1} of {EVENTS} that grows")
            name = f"ghost-{len(of)}-{number}"
            seconds.append(await _time_to(fleet, partial(_append, lab.host(CROWDED), name), name))
    return [_known(f"a log grows on a host with {of}", [read_s for _, read_s in seconds])]


def _known(what: str, seconds: Sequence[float]) -> Figure:
    return Figure(
        name=f"worst time until it is known: {what}",
        value=max(seconds),
        unit="s",
        at_most=AIM_KNOWN_S,
        note=f"median {median(seconds):.2f} s, {spread(seconds)}",
    )
