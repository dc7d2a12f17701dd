"""What it costs to open a log of 5 GiB on a host, to page through it, to follow it, and to search all of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from statistics import median

import psutil

from backends.crashes.reading import HostLog, log_of
from backends.errors import FerryError
from backends.lab.errors import LabError
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.remote.ssh import SshShell
from tests.bench.figures import Figure, latency, spread
from tests.bench.host_cost import cost_of
from tests.bench.options import Options, Tell
from tests.lab_fixture import own_lab

SIZE_GIB = 5
HOST = "h1"
LOG = "/var/tmp/large.log"
NULS = "/var/tmp/nuls.log"
PACKED = "/var/tmp/large.log.gz"
LINE = "2026-01-31 12:00:00.000+0000: 1234: info : virObjectUnref:331 : OBJECT_UNREF: obj=0x7f2d1c00b5a0"
"""Of libvirtd's log when it tells everything."""
FIRST, LAST = "the first line of all", "the last line of all"
MAKING_DEADLINE_S = 180.0
SCREEN = 60
"""Lines."""
PAGES = 500
NEW_LINES = 1_000
PACKED_MIB = 100

AIM_FIRST_SCREEN_S = 0.5
AIM_FIRST_SCREEN_KIB = 512.0
AIM_MEMORY_MIB = 16.0
AIM_NEW_OVERHEAD = 1.5
"""Times the new lines themselves: what asks for them, and what the layers below add."""


def logs(options: Options, tell: Tell) -> Iterable[Figure]:
    """Needs the lab; brings up one of its own, and takes 5 GiB of disk while it runs."""
    with own_lab() as lab:
        tell("bringing up a lab")
        lab.up()
        tell(f"writing {SIZE_GIB} GiB")
        _write(lab.host(HOST))
        try:
            yield from asyncio.run(_figures(lab, options.pairs, tell))
        except FerryError as error:
            raise LabError(str(error)) from error
        finally:
            lab.host(HOST).exec("rm", "-f", LOG, NULS, PACKED)


def _write(host: Host) -> None:
    script = (
        f"{{ echo {FIRST}; yes '{LINE}' | head -c {SIZE_GIB}G; echo; echo {LAST}; }} >{LOG}\n"
        f"truncate -s 2G {NULS}\n"
        f"head -c {PACKED_MIB}M {LOG} | gzip -1 >{PACKED}\n"
    )
    host.exec("sh", "-e", "-c", script, timeout_s=MAKING_DEADLINE_S)


async def _figures(lab: Lab, rounds: int, tell: Tell) -> list[Figure]:
    spec = next(spec for spec in lab_specs(lab.layout) if spec.name == HOST)
    shell = await SshShell.open(spec, None)
    try:
        async with log_of(shell, HOST, NULS) as log:  # whatever is loaded once is loaded by then
            await log.before(log.size_bytes, 1)
        host = lab.host(HOST)
        return [
            *await _opening(shell, host, rounds, tell),
            *await _looking(shell, host, tell),
            *await _others(shell, tell),
        ]
    finally:
        await shell.close()


async def _opening(shell: SshShell, host: Host, rounds: int, tell: Tell) -> list[Figure]:
    seconds, sizes = [], []
    for turn in range(rounds):
        tell(f"opening, {turn + 1} of {rounds}")
        before, began_s = cost_of(host).bytes, time.monotonic()
        async with log_of(shell, HOST, LOG) as log:
            lines = await log.before(log.size_bytes, SCREEN)
            seconds.append(time.monotonic() - began_s)
            sizes.append((cost_of(host).bytes - before) / 1024)
        _must(lines[-1].text == LAST and len(lines) == SCREEN, "the last lines are not those of the log")
    return [
        Figure(
            name=f"{SIZE_GIB} GiB opened, last {SCREEN} lines on hand",
            value=median(seconds),
            unit="s",
            at_most=AIM_FIRST_SCREEN_S,
            note=spread(seconds),
        ),
        Figure(name="bytes for it", value=max(sizes), unit="KiB", at_most=AIM_FIRST_SCREEN_KIB, note="most"),
    ]


async def _looking(shell: SshShell, host: Host, tell: Tell) -> list[Figure]:
    """One log: paged, followed, searched; and what that takes of our memory."""
    process = psutil.Process()
    before = process.memory_info().rss
    async with log_of(shell, HOST, LOG) as log:
        tell(f"{PAGES} pages up")
        pages = [figure async for figure in _paging(log)]
        most = process.memory_info().rss
        tell("following")
        new = await _following(log, host)
        tell("searching")
        searched = [
            await _searching(log, text, begins) for text, begins in ((FIRST.upper(), 1), ("no such text", 0))
        ]
        most = max(most, process.memory_info().rss)
    memory = Figure(
        name="memory for it all", value=(most - before) / 2**20, unit="MiB", at_most=AIM_MEMORY_MIB
    )
    return [*latency("page up", pages), *new, *searched, memory]


async def _paging(log: HostLog) -> AsyncIterator[float]:
    at = log.size_bytes
    for _ in range(PAGES):
        began_s = time.monotonic()
        at = (await log.before(at, SCREEN))[0].begin
        yield time.monotonic() - began_s


async def _following(log: HostLog, host: Host) -> list[Figure]:
    end = (await log.before(log.size_bytes, SCREEN))[-1].end
    host.exec("sh", "-c", f"yes '{LINE}' | head -n {NEW_LINES} >>{LOG}")
    before, began_s = cost_of(host).bytes, time.monotonic()
    await log.refresh()
    lines = await log.after(end, 2 * NEW_LINES)
    took_s, came = time.monotonic() - began_s, cost_of(host).bytes - before
    _must(len(lines) == NEW_LINES, "the new lines are not there")
    idle = cost_of(host).bytes
    await log.refresh()
    return [
        Figure(
            name=f"following {NEW_LINES} new lines",
            value=came / 1024,
            unit="KiB",
            at_most=AIM_NEW_OVERHEAD * NEW_LINES * (len(LINE) + 1) / 1024,
            note=f"{took_s * 1000:.0f} ms",
        ),
        Figure(name="following while nothing comes, each time", value=cost_of(host).bytes - idle, unit="B"),
    ]


async def _searching(log: HostLog, text: str, matches: int) -> Figure:
    began_s = time.monotonic()
    last = [found async for found in log.search(text)][-1]
    _must(last.finished and len(last.begins) == matches, f"{len(last.begins)} matches of {text}")
    took_s = time.monotonic() - began_s
    return Figure(
        name=f"searching all of it, {matches} found",
        value=took_s,
        unit="s",
        note=f"{SIZE_GIB / took_s:.1f} GiB/s",
    )


async def _others(shell: SshShell, tell: Tell) -> list[Figure]:
    tell("2 GiB of NULs")
    began_s = time.monotonic()
    async with log_of(shell, HOST, NULS) as log:
        page = await log.before(log.size_bytes // 2, SCREEN)
        _must(len(page) > 1, "no page of NULs")
        nuls_s = time.monotonic() - began_s
    tell(f"{PACKED_MIB} MiB compressed")
    began_s = time.monotonic()
    async with log_of(shell, HOST, PACKED) as log:
        await log.before(log.size_bytes, SCREEN)
        _must(log.size_bytes == PACKED_MIB * 2**20, "the compressed log has another size")
        packed_s = time.monotonic() - began_s
    return [
        Figure(name="2 GiB of NULs opened, a page of it", value=nuls_s, unit="s", note=f"{len(page)} pieces"),
        Figure(name=f"{PACKED_MIB} MiB in gzip opened, the last page", value=packed_s, unit="s"),
    ]


def _must(holds: bool, trouble: str) -> None:
    if not holds:
        raise LabError(trouble)
