"""One question for all hosts at once: those that answer are told, the others are told of on standard error."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from backends.api import FerryError
from backends.model.fleet import FleetState
from backends.model.host import HostName, Link

_REACHED = (Link.UP, Link.DEGRADED)
"""Of the others the reason has been told already (`headless.session.silent_hosts`)."""

T = TypeVar("T")


async def ask_each(state: FleetState, ask: Callable[[HostName], Awaitable[T]]) -> list[T | None]:
    """The answers in the order of the hosts; None for one that does not answer, whose trouble has been told."""

    async def answer(host: HostName) -> T | None:
        if state.hosts[host].link.link not in _REACHED:
            return None
        try:
            return await ask(host)
        except FerryError as error:
            tell_trouble(error)
            return None

    return list(await asyncio.gather(*map(answer, state.hosts)))


def tell_trouble(error: FerryError) -> None:
    """One line on standard error."""
    hint = f" ({error.hint})" if error.hint else ""
    sys.stderr.write(f"virt-ferry: {error}{hint}\n")


def tell_left_out(state: FleetState, left_out: Iterable[tuple[HostName, str]]) -> None:
    """Hosts that could not be asked, on standard error; but for those whose silence has been told already."""
    for host, reason in left_out:
        if state.hosts[host].link.link is Link.UP:
            sys.stderr.write(f"virt-ferry: {host} is left out: {reason}\n")
