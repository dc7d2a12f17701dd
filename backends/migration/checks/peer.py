"""Can the source's daemon log in to the destination's? A peer-to-peer move needs it."""

from __future__ import annotations

from dataclasses import dataclass

from backends.errors import FerryError
from backends.migration import virsh
from backends.migration.checks.context import Context
from backends.model.move import Check, Verdict
from backends.untrusted import clean

LOGIN_DEADLINE_S = 10.0
_TITLE = "the source reaches the destination"
_ID = "peer.login"


@dataclass(frozen=True, slots=True)
class Peer:
    """The URI to use, and how sure it is."""

    uri: str
    check: Check


async def find(context: Context) -> Peer:
    """Try, on the source itself, what its daemon will do."""
    driver = context.request.guest.driver
    uris = virsh.peer_uris(context.destination_view.spec, context.destination_view.facts, driver)
    source, destination = context.source.host, context.destination.host
    if not uris:
        return Peer(
            "", Check(_ID, _TITLE, Verdict.REFUSE, f"no address of {destination}", _mend(destination))
        )
    if context.source.shell is None:
        evidence = f"not tried: {source} is reached by libvirt alone"
        return Peer(uris[0], Check(_ID, _TITLE, Verdict.UNKNOWN, evidence))
    failures = []
    for uri in uris:
        failure = await _try(context, uri)
        if failure is None:
            return Peer(uri, Check(_ID, _TITLE, Verdict.OK, f"{source} logged in to {uri}"))
        failures.append(f"{uri}: {failure}")
    return Peer(uris[0], Check(_ID, _TITLE, Verdict.WARNING, "; ".join(failures), _mend(destination)))


def _mend(destination: str) -> str:
    return (
        f"let root on the source log in to {destination} with a key (and know its host key), or set peer_uri"
    )


async def _try(context: Context, uri: str) -> str | None:
    """None when it works, else the reason."""
    assert context.source.shell is not None
    separator = "&" if "?" in uri else "?"
    quiet = f"{uri}{separator}no_tty=1" if "+ssh" in uri else uri
    try:
        answer = await context.source.shell.run(
            ("virsh", "--connect", quiet, "hostname"), deadline_s=LOGIN_DEADLINE_S
        )
    except FerryError as error:
        return error.cause
    if answer.status == 0:
        return None
    return clean(" ".join(answer.err.split()) or f"virsh ended with status {answer.status}", limit=300)
