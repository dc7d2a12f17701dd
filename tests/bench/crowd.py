"""10,000 guests on 100 of libvirt's in-process test hosts: time, memory, bytes and keys."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TextIO

from backends.embedded import node_xml
from tests.bench.figures import Figure, in_milliseconds, latency
from tests.bench.options import COMMAND, Options, Tell
from tests.bench.process import main_thread_cpu_ms, output_of, peak_memory_mib
from tests.bench.start import first_paint
from tests.bench.terminal import Piece, Terminal, time_keys

HOSTS, GUESTS_EACH = 100, 100
FULL = f"GUESTS  {HOSTS * GUESTS_EACH}"

# The nearest peer (virtui-manager) with 10,000 guests on one test host, measured once on such a machine.
PEER_LIST_S = 3.6
PEER_MEMORY_MIB = 237.0
PEER_CELL_B = 8_000.0
PEER_IDLE_B = 491_000.0

AIM_PAINT_S = 1.0
AIM_MEMORY_MIB = 100.0
AIM_CELL_B = 100.0
AIM_IDLE_B = 0.0
AIM_KEY_MS = 50.0

SETTLE_S = 15.0
"""After the full list: definitions are still being read, and every host gets its second sample."""
HUSH_S = 5.0
"""Two sample intervals and some: from then on no host is asked any more."""
CELLS = 40
"""Changed cells, of which the median is told."""
CELL_WINDOW_S = 0.25
"""Longer than the program holds back samples (tui.bridge.SAMPLE_GAP_S) and a paint together."""


def crowd(options: Options, tell: Tell) -> Iterable[Figure]:
    """The installed program first, then the same with an order line (see crowd_child)."""
    with _config() as config:
        yield from _as_installed(config, options, tell)
        yield from _hushed(config, options, tell)


# The hosts ------------------------------------------------------------------------------------


@contextmanager
def _config() -> Iterator[Path]:
    """A configuration file with all the hosts; it lasts as long as the block."""
    with tempfile.TemporaryDirectory(prefix="virt-ferry-bench-") as folder:
        config = Path(folder, "config.toml")
        with config.open("w") as text:
            for number in range(1, HOSTS + 1):
                host = Path(folder, f"test-{number}.xml")
                host.write_text(node_xml(number, GUESTS_EACH))
                text.write(f'[hosts.test-{number}]\ntarget = "test://{host}"\n')
        yield config


# As installed ---------------------------------------------------------------------------------


def _as_installed(config: Path, options: Options, tell: Tell) -> Iterator[Figure]:
    tell("the hosts alone")
    files = sorted(map(str, config.parent.glob("*.xml")))
    hosts_mib = float(output_of([sys.executable, "-m", "tests.bench.hosts_alone", *files]))
    with Terminal([COMMAND, "--config", str(config)]) as terminal:
        tell("waiting for the full list")
        paint_s = terminal.until(first_paint, "the first paint") - terminal.started_s
        list_s = terminal.until(lambda shown: shown.shows(FULL), FULL, 60) - terminal.started_s
        yield Figure(name="start to first paint", value=paint_s, unit="s", at_most=AIM_PAINT_S)
        yield Figure(name="start to all 10,000 guests", value=list_s, unit="s", peer=PEER_LIST_S)
        terminal.settle(SETTLE_S)
        tell(f"doing nothing for {options.idle_s:g} s")
        pieces = terminal.settle(options.idle_s)
        yield _minute("idle minute, hosts sampled", pieces, options.idle_s, at_most=AIM_IDLE_B)
        yield from _keys(terminal, options, tell)
        yield from _memory(peak_memory_mib(terminal.process.pid), hosts_mib)


def _minute(name: str, pieces: Iterable[Piece], span_s: float, *, at_most: float | None = None) -> Figure:
    sizes = [len(piece.data) for piece in pieces]
    return Figure(
        name=name,
        value=sum(sizes) * 60 / span_s,
        unit="B",
        at_most=at_most,
        peer=PEER_IDLE_B,
        note=f"{len(sizes)} paints in {span_s:g} s",
    )


def _keys(terminal: Terminal, options: Options, tell: Tell) -> Iterator[Figure]:
    for key in ("down", "page down"):
        tell(f"{options.keys} times {key}")
        times = time_keys(terminal, [key] * options.keys)
        yield from latency(f"key to paint, {key}", times, p99_at_most_ms=AIM_KEY_MS)


def _memory(total_mib: float, hosts_mib: float) -> Iterator[Figure]:
    yield Figure(
        name="peak memory (RSS)", value=total_mib, unit="MiB", at_most=AIM_MEMORY_MIB, peer=PEER_MEMORY_MIB
    )
    yield Figure(
        name="the test hosts' share", value=hosts_mib, unit="MiB", note="the same 100 opened by libvirt alone"
    )
    yield Figure(
        name="the program's share",
        value=total_mib - hosts_mib,
        unit="MiB",
        at_most=AIM_MEMORY_MIB,
        note="what it would take with the hosts elsewhere",
    )


# With an order line ---------------------------------------------------------------------------


def _hushed(config: Path, options: Options, tell: Tell) -> Iterator[Figure]:
    theirs, ours = os.pipe()
    argv = [sys.executable, "-m", "tests.bench.crowd_child", str(config), str(theirs)]
    with Terminal(argv, keep_open=[theirs]) as terminal, os.fdopen(ours, "w", buffering=1) as orders:
        os.close(theirs)
        tell("waiting for the full list again")
        terminal.until(lambda shown: shown.shows(FULL), FULL, 60)
        terminal.settle(SETTLE_S)
        orders.write("hush\n")
        terminal.settle(HUSH_S)
        tell(f"doing nothing for {options.idle_s:g} s, and nothing changes")
        pieces = terminal.settle(options.idle_s)
        yield _minute("idle minute, hosts hushed", pieces, options.idle_s, at_most=AIM_IDLE_B)
        tell(f"changing {CELLS} cells")
        host, name = _a_visible_guest(terminal)
        costs = [_change_a_cell(terminal, orders, host, name, turn) for turn in range(CELLS)]
    yield from _cell(costs)


def _a_visible_guest(terminal: Terminal) -> tuple[str, str]:
    """Host and name in the first row without the cursor."""
    for line in terminal.lines:
        words = line.partition("│")[2].split()
        if len(words) > 3 and words[1].startswith("test-") and words[0] != terminal.row:
            return words[1], words[0]
    raise AssertionError("no guest on the screen")


def _change_a_cell(
    terminal: Terminal, orders: TextIO, host: str, name: str, turn: int
) -> tuple[int, float, float]:
    """Bytes on the line, milliseconds on the processor, and seconds to the paint, for one changed figure."""
    share = f"{20 + turn}%"
    pid = terminal.process.pid
    cpu_ms, bytes_before = main_thread_cpu_ms(pid), terminal.total_bytes
    ordered_s = time.monotonic()
    orders.write(f"cpu {host} {name} {(20 + turn) / 100}\n")
    painted_s = terminal.until(lambda shown: any(name in x and share in x for x in shown.lines), share, 5)
    terminal.settle(max(0.0, ordered_s + CELL_WINDOW_S - painted_s))
    return terminal.total_bytes - bytes_before, main_thread_cpu_ms(pid) - cpu_ms, painted_s - ordered_s


def _cell(costs: list[tuple[int, float, float]]) -> Iterator[Figure]:
    sent, cpu_ms, delay_s = zip(*costs, strict=True)
    yield Figure(
        name="one changed cell, bytes",
        value=median(sent),
        unit="B",
        at_most=AIM_CELL_B,
        peer=PEER_CELL_B,
        note=f"{len(costs)} changes, {min(sent)} to {max(sent)} B",
    )
    yield Figure(name="one changed cell, processor", value=median(cpu_ms), unit="ms", note="main thread")
    yield Figure(
        name="one changed cell, until painted",
        value=median(in_milliseconds(delay_s)),
        unit="ms",
        note="samples are held back up to 100 ms",
    )
