"""One of three real hosts hangs: do the keys stay quick, and is the silence told and taken back in time?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from statistics import median

from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from tests.bench.figures import Figure, latency, percentile, spread
from tests.bench.options import COMMAND, Options, Tell, lab_environment
from tests.bench.terminal import Terminal, time_keys
from tests.lab_fixture import own_lab

AIM_KEY_MS = 50.0
AIM_STALE_S = 10.0
"""A frozen host is stale within this (backends/fleet); libvirt's keepalive and the sample's deadline make it so."""
AIM_FIRST_SIGHT_RATIO = 1.2
"""As fast as without a frozen host, but for the noise of such a machine."""
PEER_FIRST_SIGHT_S = 31.0
"""virtui-manager with one frozen host of three, measured once on such a machine; it then dies after 20 s."""

FROZEN = "h1"
GUESTS = {"h1": ("ant", "bee"), "h2": ("cow", "dog"), "h3": ("elk", "fox")}
OTHER_HOSTS = ("h2", "h3")
OTHERS = (*GUESTS["h2"], *GUESTS["h3"])
LEAST_KEYS_SPAN_S = 14.0
"""The keys while a host is frozen go on past the moment at which it is called stale."""
FIRST_SIGHTS = 3
BACK_DEADLINE_S = 60.0


def frozen(options: Options, tell: Tell) -> Iterable[Figure]:
    """Needs the lab; brings up one of its own."""
    with own_lab() as lab:
        tell("bringing up a lab")
        lab.up()
        for host, names in GUESTS.items():
            for name in names:
                lab.guest(GuestSpec(name=name, memory_mib=96), host=host)
        yield from _running(lab, options, tell)
        yield from _starting(lab, tell)


def program(lab: Lab) -> Terminal:
    """The program on the hosts of this lab."""
    return Terminal([COMMAND, "--lab"], lab_environment(lab.layout))


def _running(lab: Lab, options: Options, tell: Tell) -> Iterator[Figure]:
    """Frozen and thawed while the program looks on."""
    keys = list(islice(cycle(("down", "up")), options.keys))
    with program(lab) as terminal:
        terminal.until(
            lambda shown: shown.shows("hosts 3 up") and shown.shows("guests 6 running"),
            "all hosts and guests",
        )
        tell(f"{len(keys)} keys")
        healthy = time_keys(terminal, keys)
        stale = terminal.sight(lambda shown: shown.shows("1 stale"))
        loads = _loads_seen(terminal)
        tell(f"{len(keys)} keys while {FROZEN} is frozen")
        lab.freeze(FROZEN)
        frozen_s = time.monotonic()
        pause_s = max(0.03, LEAST_KEYS_SPAN_S / len(keys))
        try:
            hanging = time_keys(terminal, keys, pause_s=pause_s)
            terminal.until(lambda _: stale.at_s is not None, f"{FROZEN} is stale")
        finally:
            lab.thaw(FROZEN)
        thawed_s = time.monotonic()
        redrawn = len(loads) - len(OTHER_HOSTS)
        tell(f"waiting for {FROZEN} to come back")
        back_s = terminal.until(lambda shown: shown.shows("hosts 3 up"), f"{FROZEN} is back", BACK_DEADLINE_S)
    assert stale.at_s is not None
    yield from latency("key to paint, all well", healthy)
    yield from latency(f"key to paint, {FROZEN} frozen", hanging, p99_at_most_ms=AIM_KEY_MS)
    yield Figure(
        name="p99 frozen over p99 well", value=percentile(hanging, 0.99) / percentile(healthy, 0.99), unit="x"
    )
    yield Figure(name="frozen to shown stale", value=stale.at_s - frozen_s, unit="s", at_most=AIM_STALE_S)
    yield Figure(
        name="the others' load redrawn meanwhile",
        value=redrawn,
        unit="times",
        note="they are sampled every 2 s",
    )
    yield Figure(name="thawed to shown up", value=back_s - thawed_s, unit="s")


def _loads_seen(terminal: Terminal) -> set[str]:
    """All that is shown of the other hosts' load from now on, each picture once."""
    seen: set[str] = set()

    def look(shown: Terminal) -> bool:
        for line in shown.lines:
            pane, _, _ = line.partition("│")
            if any(f" {host} " in pane for host in OTHER_HOSTS):
                seen.add(pane)
        return False

    terminal.sight(look)
    return seen


def _starting(lab: Lab, tell: Tell) -> Iterator[Figure]:
    """Started while one host is frozen: how long until the others' guests are there."""
    healthy, hanging = [], []
    for turn in range(FIRST_SIGHTS):
        tell(f"start {turn + 1} of {FIRST_SIGHTS}, well and with {FROZEN} frozen")
        healthy.append(_first_sight(lab))
        lab.freeze(FROZEN)
        try:
            hanging.append(_first_sight(lab))
        finally:
            lab.thaw(FROZEN)
    yield Figure(
        name="start to others' guests, all well", value=median(healthy), unit="s", note=spread(healthy)
    )
    yield Figure(
        name=f"start to others' guests, {FROZEN} frozen",
        value=median(hanging),
        unit="s",
        peer=PEER_FIRST_SIGHT_S,
        note=spread(hanging),
    )
    yield Figure(
        name="frozen over well",
        value=median(hanging) / median(healthy),
        unit="x",
        at_most=AIM_FIRST_SIGHT_RATIO,
    )


def _first_sight(lab: Lab) -> float:
    with program(lab) as terminal:
        seen_s = terminal.until(lambda shown: all(shown.shows(name) for name in OTHERS), "the others' guests")
        return seen_s - terminal.started_s
