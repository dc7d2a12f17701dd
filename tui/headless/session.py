"""From the words on a command line to an open fleet and the guest that is meant."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from backends.api import (
    Config,
    Fleet,
    embedded_hosts,
    lab_hosts,
    load_config,
    open_fleet,
    parse_host,
    require_unique,
)
from backends.model.fleet import FleetState
from backends.model.guest import Guest
from backends.model.host import HostName, HostSpec, Link
from tui.headless.exits import UsageError
from tui.headless.questions import TerminalAsker

SETTLE_S = 15.0
"""How long a command waits for slow hosts; a frozen one is called stale after 10 s, well before."""

NO_HOSTS_HINT = """\
name them:           virt-ferry root@h1 root@h2
or write them into   the configuration file, [hosts.h1] and target = "root@h1"
or try it out with   virt-ferry --lab   (real hosts on this machine, see: virt-ferry lab --help)
                     virt-ferry --embedded   (libvirt's test hosts, inside this program)"""


Flag = Annotated[bool, Parameter(negative="", show_default=False)]
"""A switch that is off unless it is named."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class HostOptions:
    """Which hosts are meant; the same for every command."""

    host: Annotated[tuple[str, ...], Parameter(name=["--host", "-H"], negative="", show_default=False)] = ()
    """A host (repeat it for more): its name in the configuration, user@host, an ssh alias, a libvirt URI, or local."""
    lab: Flag = False
    """The hosts of the lab on this machine."""
    embedded: Flag = False
    """libvirt's test hosts inside this program, for a first look; they cannot migrate."""
    config: Path | None = None
    """Another configuration file than the usual one."""

    def with_hosts(self, hosts: Sequence[str]) -> HostOptions:
        """These, too: hosts can be named without an option."""
        return replace(self, host=(*hosts, *self.host))


@asynccontextmanager
async def chosen_hosts(options: HostOptions, config: Config) -> AsyncIterator[tuple[HostSpec, ...]]:
    """The hosts of the options, else those of the configuration. Raises UsageError if there are none."""
    if options.embedded and (options.lab or options.host):
        raise UsageError("--embedded shows hosts of its own", "leave it out, or name no other hosts")
    if options.embedded:
        async with embedded_hosts() as specs:
            yield specs
        return
    specs = _named_hosts(options, config)
    if not specs:
        raise UsageError("no hosts are known", NO_HOSTS_HINT)
    require_unique(specs)
    yield specs


def _named_hosts(options: HostOptions, config: Config) -> tuple[HostSpec, ...]:
    """Who names a host that the lab or the configuration has means that one; without a name all of them are meant."""
    lab = lab_hosts() if options.lab else ()
    known = {spec.name: spec for spec in lab or config.specs()}
    named = tuple(known.get(HostName(text)) or parse_host(text) for text in options.host)
    is_chosen = any(spec in lab for spec in named)
    return named if is_chosen else named + lab or config.specs()


@asynccontextmanager
async def settled_fleet(
    options: HostOptions, *, described: bool = False
) -> AsyncIterator[tuple[Fleet, FleetState]]:
    """A fleet whose hosts have answered, or have been waited for. Silent hosts are told on standard error.

    `described`: the guests' disks are needed, too.
    """
    config = load_config(options.config)
    async with (
        chosen_hosts(options, config) as specs,
        open_fleet(specs, asker=TerminalAsker()) as fleet,
    ):
        state = await fleet.settled(SETTLE_S, described=described)
        for line in silent_hosts(state):
            sys.stderr.write(f"virt-ferry: {line}\n")
        yield fleet, state


def silent_hosts(state: FleetState) -> list[str]:
    """A line for each host that does not answer (fully), with the reason."""
    lines = []
    for view in state.hosts.values():
        if view.link.link is not Link.UP:
            reason = f": {view.link.reason}" if view.link.reason else ""
            hint = f" ({view.link.hint})" if view.link.hint else ""
            lines.append(f"{view.spec.name} is {view.link.link.value}{reason}{hint}")
    return lines


def find_guest(state: FleetState, text: str) -> Guest:
    """The one guest that `NAME`, `UUID`, `HOST/NAME` or `HOST/UUID` means. Raises UsageError."""
    host, slash, rest = text.partition("/")
    known_host = bool(slash) and HostName(host) in state.hosts
    wanted = rest if known_host else text
    found = [
        guest
        for guest in state.guests()
        if wanted in (guest.name, guest.key.uuid) and (not known_host or guest.key.host == host)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"no guest {text!r}", "virt-ferry guests lists them; NAME, UUID or HOST/NAME")
    candidates = "\n".join(f"{guest.key.host}/{guest.name}  uuid {guest.key.uuid}" for guest in found)
    raise UsageError(f"{text!r} can mean {len(found)} guests", candidates)


def find_host(state: FleetState, name: str) -> HostName:
    """The host with this name. Raises UsageError."""
    host = HostName(name)
    if host not in state.hosts:
        raise UsageError(f"no host {name!r}", f"known hosts: {', '.join(state.hosts)}")
    return host
