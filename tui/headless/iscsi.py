"""`virt-ferry iscsi`: what a portal offers to a host, logging it in and out, looking anew at its LUNs."""

from __future__ import annotations

from backends.model.fleet import FleetState
from backends.model.host import HostName
from backends.model.storage import IscsiLogin, IscsiTarget
from tui.headless.chap import ChapOptions, read_secret
from tui.headless.exits import Exit
from tui.headless.output import Ink, Output
from tui.headless.session import HostOptions, settled_fleet
from tui.headless.storage_lines import RescanLine, iscsi_line, target_line

_TITLES = ("TARGET", "LOGGED IN", "CHAP", "LUNS", "PORTALS")
_YES = {True: "yes", False: "no", None: "?"}
_LOGGED_IN_INK = {True: Ink.GOOD, False: Ink.PLAIN, None: Ink.DOUBT}


async def targets(options: HostOptions, host: str, portal: str, *, json: bool) -> Exit:
    """Ask by discovery. Raises FerryError when the host or the portal does not answer."""
    out = Output()
    async with settled_fleet(options.with_hosts((host,))) as (fleet, state):
        found = await fleet.iscsi_targets(_first(state), portal)
    if json:
        for target in found:
            out.json(target_line(target))
    elif found:
        out.table(_TITLES, [_row(target) for target in found])
    else:
        out.line(f"{portal} offers no targets to {host}")
    return Exit.SUCCEEDED


async def log_in(
    options: HostOptions, host: str, portal: str, iqn: str, chap: ChapOptions, *, json: bool
) -> Exit:
    """Log in. The secret is asked for first, so that nothing waits for it with links open."""
    login = IscsiLogin(iqn, portal, chap.user, await read_secret(chap))
    out = Output()
    async with settled_fleet(options.with_hosts((host,))) as (fleet, state):
        name = _first(state)
        await fleet.iscsi_login(name, login)
    if json:
        out.json(iscsi_line(name, login, logged_in=True))
    else:
        out.line(f"{name} is logged in to {iqn} at {portal}")
    return Exit.SUCCEEDED


async def log_out(options: HostOptions, host: str, portal: str, iqn: str, *, json: bool) -> Exit:
    """Log out. Raises ActionError while a guest that is active has a disk there."""
    login = IscsiLogin(iqn, portal)
    out = Output()
    async with settled_fleet(options.with_hosts((host,))) as (fleet, state):
        name = _first(state)
        await fleet.iscsi_logout(name, login)
    if json:
        out.json(iscsi_line(name, login, logged_in=False))
    else:
        out.line(f"{name} is logged out of {iqn} at {portal}")
    return Exit.SUCCEEDED


async def rescan(options: HostOptions, host: str, iqn: str, *, json: bool) -> Exit:
    """After a LUN has grown on its storage. Raises FerryError."""
    out = Output()
    async with settled_fleet(options.with_hosts((host,))) as (fleet, state):
        name = _first(state)
        done = await fleet.iscsi_rescan(name, iqn)
    if json:
        out.json(RescanLine(name, iqn, done))
    elif done:
        for words in done:
            out.line(f"{name}: {words}")
    else:
        out.line(f"{name} has no LUN{f' of {iqn}' if iqn else ''} to look at")
    return Exit.SUCCEEDED


def _first(state: FleetState) -> HostName:
    """The host that was named comes before all that other options name."""
    return next(iter(state.hosts))


def _row(target: IscsiTarget) -> tuple[str | tuple[str, Ink], ...]:
    return (
        target.iqn,
        (_YES[target.logged_in], _LOGGED_IN_INK[target.logged_in]),
        _YES[target.chap],
        ", ".join(target.luns) or ("?" if target.logged_in is None else "-"),
        ", ".join(target.portals),
    )
