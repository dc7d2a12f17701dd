"""All questions before a move, asked at once, each with a deadline; the answers worst first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from backends.errors import FerryError
from backends.migration import virsh
from backends.migration.checks import destination, disks, guest, peer
from backends.migration.checks.context import Context
from backends.model.move import Check, MoveRequest, Preflight, Verdict

CHECK_DEADLINE_S = 25.0

OnCheck = Callable[[Check], None]
_CHECKS: tuple[tuple[str, str, Callable[[Context], Awaitable[list[Check]]]], ...] = (
    ("guest.state", "guest state", guest.state),
    ("host.identity", "two different hosts", destination.identity),
    ("host.driver", "the driver can migrate", destination.driver),
    ("guest.name", "name and UUID are free", destination.name),
    ("host.memory", "memory", destination.memory),
    ("host.cpu", "processor", destination.cpu),
    ("disk.shared", "disks are shared", disks.shared),
)


async def run(context: Context, on_check: OnCheck | None) -> Preflight:
    """Ask everything. A question that cannot be answered is UNKNOWN, never a silent yes."""
    hear = on_check or (lambda _check: None)

    async def ask(id_: str, title: str, check: Callable[[Context], Awaitable[list[Check]]]) -> list[Check]:
        try:
            async with asyncio.timeout(CHECK_DEADLINE_S):
                answers = await check(context)
        except (FerryError, TimeoutError) as error:
            answers = [Check(id_, title, Verdict.UNKNOWN, str(error) or "no answer in time")]
        for answer in answers:
            hear(answer)
        return answers

    peer_uri = ""

    async def ask_peer(context: Context) -> list[Check]:
        nonlocal peer_uri
        found = await peer.find(context)
        peer_uri = found.uri
        return [found.check]

    groups = await asyncio.gather(
        *(ask(*check) for check in _CHECKS), ask("peer.login", "the source reaches the destination", ask_peer)
    )
    request = context.request
    command = virsh.migrate_command(
        request,
        context.source_view.spec.virsh_uri(request.guest.driver),
        peer_uri,
        persistent=context.guest.persistent,
    )
    return Preflight(request, worst_first([c for group in groups for c in group]), command, peer_uri)


def worst_first(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Stable within one verdict."""
    return tuple(sorted(checks, key=lambda check: -check.verdict.severity))


def refused(request: MoveRequest, check: Check) -> Preflight:
    """The answer when nothing else can be asked."""
    return Preflight(request, (check,), command="")
