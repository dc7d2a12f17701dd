"""Do both ends of the way send packets of the same size? Where they do not, small talk works and bulk may stall."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from backends.migration.checks.context import Context
from backends.migration.checks.ports import addresses
from backends.model.move import Check, Verdict
from backends.remote.shell import Shell
from backends.untrusted import clean

_ID, _TITLE = "path.mtu", "packet size"
_LINK = re.compile(r"^\d+: ([^:@\s]+)[^\n]*? mtu (\d+)", re.MULTILINE)
_ADDRESS = re.compile(r"^\d+: (\S+)\s+inet6? ([0-9a-fA-F.:]+)/", re.MULTILINE)
_DEVICE = re.compile(r"\bdev (\S+)")


@dataclass(frozen=True, slots=True)
class Side:
    """The interface of one host that the way uses."""

    device: str
    mtu: int


async def same(context: Context) -> list[Check]:
    """From ip(8) on both hosts."""
    source, destination = context.source.shell, context.destination.shell
    if source is None or destination is None:
        return [Check(_ID, _TITLE, Verdict.NOTE, "not compared: a host is reached by libvirt alone")]
    ways, here, there, theirs = await asyncio.gather(
        addresses(context), _links(source), _links(destination), own_addresses(context)
    )
    address = ways[0] if ways else ""
    route = await _out(source, "ip", "-o", "route", "get", address) if address else ""
    return [
        mtu_verdict(
            side_of_route(route, here),
            side_of_address(theirs, address, there),
            context.source.host,
            context.destination.host,
        )
    ]


async def own_addresses(context: Context) -> str:
    """What `ip -o addr` says on the destination; asked once. Empty where it says nothing."""

    async def ask() -> str:
        shell = context.destination.shell
        return await _out(shell, "ip", "-o", "addr") if shell is not None else ""

    return await context.once.get("own addresses", ask)


async def _links(shell: Shell) -> Mapping[str, int]:
    return links(await _out(shell, "ip", "-o", "link"))


async def _out(shell: Shell, *command: str) -> str:
    answer = await shell.run(("env", "LC_ALL=C", *command))
    return answer.out if answer.status == 0 else ""


def links(text: str) -> Mapping[str, int]:
    """Interface -> MTU, from `ip -o link`. Pure."""
    return {name: int(mtu) for name, mtu in _LINK.findall(text)}


def side_of_route(route: str, mtus: Mapping[str, int]) -> Side | None:
    """From `ip -o route get`. Pure."""
    device = _DEVICE.search(route)
    return Side(clean(device[1]), mtus[device[1]]) if device and device[1] in mtus else None


def side_of_address(text: str, address: str, mtus: Mapping[str, int]) -> Side | None:
    """The interface that has the address, from `ip -o addr`. Pure."""
    for device, own in _ADDRESS.findall(text):
        if address and own == address and device in mtus:
            return Side(clean(device), mtus[device])
    return None


def mtu_verdict(source: Side | None, destination: Side | None, here: str, there: str) -> Check:
    """Pure. What routers between them can carry is not seen from here."""
    if source is None or destination is None:
        return Check(
            _ID, _TITLE, Verdict.NOTE, f"not compared: the way from {here} to {there} is not told by ip(8)"
        )
    words = f"{source.mtu} on {source.device} of {here}, {destination.mtu} on {destination.device} of {there}"
    if source.mtu == destination.mtu:
        return Check(_ID, _TITLE, Verdict.OK, f"MTU {words}")
    mend = "set the same MTU on both, and on the switches between"
    return Check(_ID, _TITLE, Verdict.WARNING, f"MTU {words}: large packets may be lost", mend)
