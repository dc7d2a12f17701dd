"""Are the networks and bridges of the guest's cards on the destination, too?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum

from backends.hypervisor.guest_needs import Plug
from backends.hypervisor.networks import NetworkState, read_networks
from backends.migration.checks.context import Context
from backends.model.move import Check, Verdict
from backends.remote.shell import Answer, Shell
from backends.untrusted import clean

_INTERFACES = "/sys/class/net"
_ADMIN_UP = 0x1
"""IFF_UP of the flags of an interface (linux/if.h)."""
_BY_INTERFACE = ("bridge", "direct")
_FLAGS, _BRIDGE = "flags", "bridge/stp_state"


class Interface(Enum):
    """A network interface of a host."""

    MISSING = "missing"
    DOWN = "down"
    UP = "up"
    NO_BRIDGE = "no bridge"
    """There, and nothing can be plugged into it."""
    UNKNOWN = "unknown"


async def there(context: Context) -> list[Check]:
    """One check for each network or bridge."""
    plugs = list(dict.fromkeys((await context.needs()).plugs))
    networks = [plug.name for plug in plugs if plug.kind == "network"]
    interfaces = [plug.name for plug in plugs if plug.kind in _BY_INTERFACE]
    states, found = await asyncio.gather(
        _networks(context, networks), read_interfaces(context.destination.shell, interfaces)
    )
    host = context.destination.host
    checks = [network_verdict(name, states[name], host) for name in networks]
    checks += [
        interface_verdict(plug, found[plug.name], host) for plug in plugs if plug.kind in _BY_INTERFACE
    ]
    return checks or [Check("net.none", "networks", Verdict.OK, "no card that needs a network of the host's")]


async def _networks(context: Context, names: list[str]) -> Mapping[str, NetworkState]:
    return await read_networks(context.destination_connection, names) if names else {}


async def read_interfaces(shell: Shell | None, names: list[str]) -> Mapping[str, Interface]:
    """From sysfs. Raises FerryError where the host does not answer."""
    if not names:
        return {}
    if shell is None:
        return dict.fromkeys(names, Interface.UNKNOWN)
    files = [f"{_INTERFACES}/{name}/{file}" for name in ("lo", *names) for file in (_FLAGS, _BRIDGE)]
    return parse_interfaces(await shell.run(("grep", "-sH", "-e", "", "--", *files)), names)


def parse_interfaces(answer: Answer, names: list[str]) -> Mapping[str, Interface]:
    """From `grep -H`, which names what is there. Without the loopback's line nothing is known. Pure."""
    lines = dict(
        line.removeprefix(f"{_INTERFACES}/").rsplit(":", 1) for line in answer.out.splitlines() if ":" in line
    )
    if f"lo/{_FLAGS}" not in lines:
        return dict.fromkeys(names, Interface.UNKNOWN)
    return {name: _interface(name, lines) for name in names}


def _interface(name: str, lines: Mapping[str, str]) -> Interface:
    flags = lines.get(f"{name}/{_FLAGS}")
    if flags is None:
        return Interface.MISSING
    if not int(flags, 16) & _ADMIN_UP:
        return Interface.DOWN
    return Interface.UP if f"{name}/{_BRIDGE}" in lines else Interface.NO_BRIDGE


def network_verdict(name: str, state: NetworkState, host: str) -> Check:
    """Pure. libvirt starts no guest without its networks."""
    shown, title = clean(name), "network is there"
    id_ = f"net.{shown}"
    match state:
        case NetworkState.ACTIVE:
            return Check(id_, title, Verdict.OK, f"network {shown} is active on {host}")
        case NetworkState.INACTIVE:
            evidence, mend = f"network {shown} is not active on {host}", f"there: virsh net-start {shown}"
            return Check(id_, title, Verdict.REFUSE, evidence, mend)
        case NetworkState.MISSING:
            mend = f"define it there as on the source: virsh net-dumpxml {shown}"
            return Check(id_, title, Verdict.REFUSE, f"{host} has no network {shown}", mend)
        case NetworkState.UNKNOWN:
            return Check(id_, title, Verdict.UNKNOWN, f"{host} does not tell whether it has network {shown}")


def interface_verdict(plug: Plug, state: Interface, host: str) -> Check:
    """Pure. QEMU starts with no tap that cannot be plugged in; Open vSwitch keeps its bridges elsewhere."""
    what = "bridge" if plug.kind == "bridge" else "interface"
    shown, title = clean(plug.name), f"{what} is there"
    id_ = f"net.{shown}"
    if plug.openvswitch and state is not Interface.DOWN:
        verdict = Verdict.UNKNOWN if state in (Interface.MISSING, Interface.UNKNOWN) else Verdict.OK
        words = "not seen" if verdict is Verdict.UNKNOWN else "there"
        return Check(id_, title, verdict, f"Open vSwitch bridge {shown} is {words} on {host}")
    match state:
        case Interface.DOWN:
            mend = f"there: ip link set {shown} up"
            return Check(id_, title, Verdict.WARNING, f"{what} {shown} is down on {host}", mend)
        case Interface.MISSING:
            mend = "create it there, or change the guest's card first: virsh update-device"
            return Check(id_, title, Verdict.REFUSE, f"{host} has no {what} {shown}", mend)
        case Interface.NO_BRIDGE if what == "bridge":
            mend = f"make a bridge of that name on {host}"
            return Check(id_, title, Verdict.REFUSE, f"{shown} on {host} is no bridge", mend)
        case Interface.UNKNOWN:
            return Check(id_, title, Verdict.UNKNOWN, f"not seen whether {host} has {what} {shown}")
        case _:
            return Check(id_, title, Verdict.OK, f"{what} {shown} is up on {host}")
