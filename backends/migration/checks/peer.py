"""Can the source's daemon log in to the destination, and to no other host? A peer-to-peer move needs it.

The trial is what the daemon will do, with the keys of the account that we have on the source; the daemon's are root's.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from enum import Enum

from backends.errors import ActionError, FerryError
from backends.hypervisor.host_facts import read_capabilities
from backends.migration import virsh
from backends.migration.checks.context import Context
from backends.model.host import HostFacts
from backends.model.move import Check, Route, Verdict
from backends.remote.shell import Answer, Shell
from backends.untrusted import clean

LOGIN_DEADLINE_S = 10.0
_TITLE = "the source reaches the destination"
_ID = "peer.login"
_NO_COMMAND = (126, 127)
"""Exit status of env(1) for a command that cannot be run, and for one that is not there."""
_NOT_CONNECTED = "failed to connect to the hypervisor"
"""virsh's own words, in the C locale, for whatever keeps it from opening the URI."""
_DIRECT_COSTS = (
    "it cannot log in, so this program drives the move: if it ends meanwhile, the move is rolled back, "
    "or the guest may be left paused on either host"
)
_IDENTITY = re.compile(r"uid=(\d+)(?:\(([^)]*)\))?")


@dataclass(frozen=True, slots=True)
class Peer:
    """The URI to use, and how sure it is."""

    uri: str
    check: Check
    route: Route = Route.PEER_TO_PEER


class Reached(Enum):
    """Whom a URI led to, best first."""

    DESTINATION = "the destination"
    SOMEBODY = "a host that tells neither its UUID nor its name"
    NOT_TRIED = "not tried"
    NOBODY = "nobody"
    ANOTHER = "another host"


@dataclass(frozen=True, slots=True)
class Trial:
    """One URI, tried on the source."""

    uri: str
    reached: Reached
    words: str = ""
    """What was seen there, or why nothing was; safe to show."""


async def find(context: Context) -> Peer:
    """Try, on the source itself, what its daemon will do; asked once. Raises FerryError."""
    return await context.once.get("peer", lambda: _find(context))


async def login(context: Context) -> list[Check]:
    """The check that belongs to it."""
    return [(await find(context)).check]


async def _find(context: Context) -> Peer:
    driver = context.request.guest.driver
    facts = context.destination_view.facts
    uris = virsh.peer_uris(context.destination_view.spec, facts, driver)
    source, destination = context.source.host, context.destination.host
    if not uris:
        check = Check(_ID, _TITLE, Verdict.REFUSE, f"no address of {destination}", _mend(source, destination))
        return Peer("", check)
    shell = context.source.shell
    if shell is None:
        evidence = f"not tried: {source} is reached by libvirt alone"
        return Peer(uris[0], Check(_ID, _TITLE, Verdict.UNKNOWN, evidence))
    name, trials = await asyncio.gather(account(shell), _try_all(shell, uris, facts))
    return judge(trials, name, source, destination)


def judge(trials: list[Trial], account: str, source: str, destination: str) -> Peer:
    """The best URI and what is to be thought of it. `account` is empty for root, who the daemon is. Pure."""
    best = min(trials, key=lambda trial: list(Reached).index(trial.reached))
    mend = _mend(source, destination)
    is_root_needed = bool(account) and "ssh" in best.uri.partition("://")[0]
    as_account = f"; tried as {account}, the daemon of {source} logs in as root" if is_root_needed else ""

    def peer(verdict: Verdict, evidence: str, mend: str = "", route: Route = Route.PEER_TO_PEER) -> Peer:
        return Peer(best.uri, Check(_ID, _TITLE, verdict, evidence, mend), route)

    strangers = [trial for trial in trials if trial.reached is Reached.ANOTHER]
    match best.reached:
        case Reached.DESTINATION:
            verdict = Verdict.UNKNOWN if as_account else Verdict.OK
            return peer(verdict, f"{source} logged in to {best.uri}{as_account}", mend if as_account else "")
        case _ if strangers:
            evidence = "; ".join(f"{trial.uri} leads to another host: {trial.words}" for trial in strangers)
            own = f"set peer_uri of {destination} to an address that is its own"
            return Peer("", Check(_ID, _TITLE, Verdict.REFUSE, evidence, own))
        case Reached.SOMEBODY:
            evidence = (
                f"{source} logged in to {best.uri}, whether that is {destination} is not known: {best.words}"
            )
            return peer(Verdict.UNKNOWN, f"{evidence}{as_account}", mend if as_account else "")
        case Reached.NOT_TRIED:
            return peer(
                Verdict.UNKNOWN,
                f"not tried, no virsh on {source}: {best.words}",
                f"install virsh on {source}",
            )
        case _:
            failures = "; ".join(f"{trial.uri}: {trial.words}" for trial in trials)
            if as_account:
                return peer(Verdict.UNKNOWN, f"{failures}{as_account}", mend)
            return peer(Verdict.WARNING, f"{_DIRECT_COSTS} ({failures})", mend, Route.DIRECT)


def _mend(source: str, destination: str) -> str:
    return f"let root on {source} log in to {destination} with a key (and know its host key), or set peer_uri"


async def account(shell: Shell) -> str:
    """Who we are on a host; empty for root."""
    try:
        answer = await shell.run(("id",))
    except FerryError:
        return "an account that is not known"
    return account_of(answer)


def account_of(answer: Answer) -> str:
    """From what `id` says (POSIX: `uid=0(root) gid=...`). Pure."""
    identity = _IDENTITY.search(answer.out)
    if identity is None:
        return "an account that is not known"
    return "" if int(identity[1]) == 0 else clean(identity[2] or f"uid {identity[1]}")


async def _try_all(shell: Shell, uris: tuple[str, ...], facts: HostFacts | None) -> list[Trial]:
    """One after another, until one leads to the destination."""
    trials: list[Trial] = []
    for uri in uris:
        trials.append(await _try(shell, uri, facts))
        if trials[-1].reached in (Reached.DESTINATION, Reached.NOT_TRIED):
            break
    return trials


async def _try(shell: Shell, uri: str, facts: HostFacts | None) -> Trial:
    try:
        answer = await _virsh(shell, uri, "capabilities")
        seen = uuid_of(answer)
        if seen and facts and facts.uuid:
            return compare(uri, seen, facts.uuid, "host UUID")
        if answer.status in _NO_COMMAND:
            return Trial(uri, Reached.NOT_TRIED, _reason(answer))
        if _NOT_CONNECTED in answer.err:
            return Trial(uri, Reached.NOBODY, _reason(answer))
        name = await _virsh(shell, uri, "hostname")  # capabilities are not every driver's, the name is
    except FerryError as error:
        return Trial(uri, Reached.NOBODY, error.cause)
    if name.status != 0:
        return Trial(uri, Reached.NOBODY, _reason(name))
    seen = clean(name.out.strip())
    if seen and facts and facts.hostname:
        return compare(uri, seen, facts.hostname, "host name")
    return Trial(uri, Reached.SOMEBODY, "there is no UUID and no host name to compare")


def compare(uri: str, seen: str, expected: str, what: str) -> Trial:
    """Is it the destination that answered? Pure."""
    if seen.lower() == expected.lower():
        return Trial(uri, Reached.DESTINATION)
    return Trial(uri, Reached.ANOTHER, f"its {what} is {seen}, the destination's is {expected}")


def uuid_of(answer: Answer) -> str:
    """The host UUID of `virsh capabilities`; empty where it says none. Pure."""
    if answer.status != 0:
        return ""
    try:
        return read_capabilities(answer.out.strip()).uuid
    except ActionError:
        return ""


async def _virsh(shell: Shell, uri: str, command: str) -> Answer:
    separator = "&" if "?" in uri else "?"
    quiet = f"{uri}{separator}no_tty=1" if "+ssh" in uri else uri
    return await shell.run(
        ("env", "LC_ALL=C", "virsh", "--connect", quiet, command), deadline_s=LOGIN_DEADLINE_S
    )


def _reason(answer: Answer) -> str:
    words = " ".join(answer.err.split())
    return clean(words, limit=300) or f"virsh ended with status {answer.status}"
