"""By which way does the guest's memory travel, is it open, and can anybody read along?

libvirt's QEMU driver tells the source an address of the destination and a port of its range (qemu.conf, migration_host,
migration_port_min); the two QEMUs then talk over plain TCP, whatever carries libvirt's own talk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from backends.migration.checks.context import Context
from backends.model.move import Check, Verdict
from backends.probes.qemu_conf import QemuConf
from backends.remote.shell import Answer, Shell
from backends.untrusted import clean

CONNECT_DEADLINE_S = 2
"""A network that takes longer to say yes or no is not one to move guests over."""
_CONNECT = 'exec 3<>"/dev/tcp/$0/$1"'
"""bash(1), REDIRECTION. Host and port are arguments, so nothing in them is interpreted."""
_TIMED_OUT = 124
"""timeout(1)."""
_NO_COMMAND = (126, 127)


class Way(Enum):
    """How an attempt to connect ended, best first."""

    OPEN = "open"
    REFUSED = "open, nothing listens"
    """The host itself said that nothing listens there yet: so nothing stands between."""
    SILENT = "no answer"
    UNKNOWN = "not known"
    PROHIBITED = "prohibited"
    NO_NAME = "unknown name"

    @property
    def is_free(self) -> bool:
        """Would a QEMU that listens there be reached?"""
        return self in (Way.OPEN, Way.REFUSED)


_WAYS = (
    (": Connection refused", Way.REFUSED),
    (": No route to host", Way.PROHIBITED),
    (": Network is unreachable", Way.PROHIBITED),
    (": Permission denied", Way.PROHIBITED),
    (": Operation not permitted", Way.PROHIBITED),
    (": Name or service not known", Way.NO_NAME),
    (": Temporary failure in name resolution", Way.NO_NAME),
    (": No address associated with hostname", Way.NO_NAME),
)
"""strerror(3) and gai_strerror(3) in the C locale; bash repeats the first and says more words before the second."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One port of the destination, as seen from the source."""

    port: int
    way: Way
    words: str = ""
    """Why, safe to show."""


def address_of(context: Context, conf: QemuConf) -> str:
    """Where the destination's libvirt sends the source's QEMU: what qemu.conf says, else its own host name."""
    facts = context.destination_view.facts
    return conf.migration_host or (facts.hostname if facts else "")


async def memory_way(context: Context) -> list[Check]:
    """Try the first and the last port of the range from the source itself."""
    conf = await context.qemu_conf(context.destination)
    address = address_of(context, conf)
    own_conf = await context.qemu_conf(context.source)
    ends = context.source.host, context.destination.host
    forced = [host for host, its in zip(ends, (own_conf, conf), strict=True) if its.tls_forced]
    checks = [openness_verdict(address, forced, copies=context.request.copy_disks)]
    if not conf.migration_host and address.startswith("localhost"):
        return [*checks, localhost_verdict(address, ends[1])]
    shell = context.source.shell
    if shell is None or not address:
        why = f"{ends[0]} is reached by libvirt alone" if address else f"{ends[1]} tells no name of its own"
        return [*checks, Check("peer.ports", "migration ports", Verdict.UNKNOWN, f"not tried: {why}")]
    ways = await addresses(context) or (address.strip("[]"),)
    ports = (conf.first_port, conf.last_port)
    attempts = await asyncio.gather(*(_best(shell, ways, port) for port in ports))
    return [*checks, ports_verdict(list(attempts), address, *ends)]


async def addresses(context: Context) -> tuple[str, ...]:
    """What the source makes of the destination's name, as getent(1) does; asked once. Empty where it knows nothing."""

    async def ask() -> tuple[str, ...]:
        name, shell = address_of(context, await context.qemu_conf(context.destination)), context.source.shell
        if not name or shell is None:
            return ()
        answer = await shell.run(("env", "LC_ALL=C", "getent", "ahosts", name.strip("[]")))
        found = (line.split()[0] for line in answer.out.splitlines() if line.strip())
        return tuple(dict.fromkeys(found)) if answer.status == 0 else ()

    return await context.once.get("addresses", ask)


async def _best(shell: Shell, ways: tuple[str, ...], port: int) -> Attempt:
    """libvirt tries one address after another, so the best of them counts."""
    attempts = await asyncio.gather(*(connect(shell, address, port) for address in ways))
    return best(attempts)


def best(attempts: Sequence[Attempt]) -> Attempt:
    """Pure. A clear no of one family of addresses says nothing of the other."""
    return min(attempts, key=lambda attempt: list(Way).index(attempt.way))


async def connect(shell: Shell, address: str, port: int) -> Attempt:
    """Raises FerryError where the source does not answer."""
    command = ("timeout", str(CONNECT_DEADLINE_S), "bash", "-c", _CONNECT, address, str(port))
    return judge(port, await shell.run(("env", "LC_ALL=C", *command)))


def judge(port: int, answer: Answer) -> Attempt:
    """Pure."""
    words = clean(" ".join(answer.err.split()), limit=200)
    if answer.status == 0:
        return Attempt(port, Way.OPEN)
    if answer.status == _TIMED_OUT:
        return Attempt(port, Way.SILENT, f"no answer within {CONNECT_DEADLINE_S} s")
    if answer.status in _NO_COMMAND:
        return Attempt(port, Way.UNKNOWN, words)
    lines = [line.rstrip() for line in answer.err.splitlines()]
    for ending, way in _WAYS:
        if any(line.endswith(ending) for line in lines):
            return Attempt(port, way, ending.removeprefix(": "))
    return Attempt(port, Way.UNKNOWN, words)


def ports_verdict(attempts: list[Attempt], address: str, source: str, destination: str) -> Check:
    """Pure. Certain is only what the network itself said of all ports that were tried."""
    ports = " and ".join(str(attempt.port) for attempt in attempts)
    to = f"{clean(address)} port {ports}"
    first, last = attempts[0].port, attempts[-1].port
    mend = f"open TCP {first}-{last} on {destination} for {source}, or set migration_host in its qemu.conf"

    def check(verdict: Verdict, evidence: str, mend: str = "") -> Check:
        return Check("peer.ports", "migration ports", verdict, evidence, mend)

    ways = {attempt.way for attempt in attempts}
    words = "; ".join(dict.fromkeys(attempt.words for attempt in attempts if not attempt.way.is_free))
    if all(way.is_free for way in ways):
        return check(Verdict.OK, f"{source} reaches {to}")
    if ways == {Way.PROHIBITED}:
        return check(Verdict.REFUSE, f"{source} may not reach {to}: {words}", mend)
    if Way.NO_NAME in ways:
        mend = f"let {source} resolve {clean(address)} (its /etc/hosts or DNS), or set migration_host on {destination}"
        return check(Verdict.WARNING, f"{source} does not know {clean(address)}: {words}", mend)
    if ways == {Way.UNKNOWN}:
        return check(Verdict.UNKNOWN, f"not tried from {source}: {words}", "install bash and coreutils there")
    return check(Verdict.WARNING, f"from {source} to {to}: {words}; a firewall may stand between", mend)


def localhost_verdict(address: str, destination: str) -> Check:
    """libvirt's destination refuses to call itself localhost (qemuMigrationDstPrepareDirect). Pure."""
    evidence = f"{destination} calls itself {clean(address)}, which leads the source to itself"
    mend = f"give {destination} a host name, or set migration_host in its qemu.conf"
    return Check("peer.ports", "migration ports", Verdict.REFUSE, evidence, mend)


def openness_verdict(address: str, forced: Sequence[str], *, copies: bool) -> Check:
    """Pure. TLS between the QEMUs needs certificates on both hosts and a flag that this program does not set."""
    if forced:
        evidence = (
            f"{' and '.join(forced)} takes no migration without TLS, which this program does not ask for"
        )
        mend = "migrate_tls_force = 0 in its qemu.conf, or: virsh migrate --tls"
        return Check("peer.encryption", "encryption", Verdict.REFUSE, evidence, mend)
    what = "memory and disks travel" if copies else "memory travels"
    evidence = (
        f"{what} unencrypted over TCP to {clean(address) or 'the destination'}; SSH carries the control only"
    )
    return Check("peer.encryption", "encryption", Verdict.NOTE, evidence)
