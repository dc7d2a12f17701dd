"""The lab's network: one bridge on the machine, one cable per node, and a way to spoil each cable.

Needs the `ip` and `tc` commands (iproute2). A cable is a pair of linked interfaces: `lab77-h1` on the
machine, `eth0` in the host.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from backends.lab.channels import Channels
from backends.lab.errors import LabError
from backends.lab.layout import HOSTS, STORAGE, Layout
from backends.lab.process import run

ROUTE_METRIC = "4000"
"""Worse than the bridge's own route, so it only counts while the bridge is away."""


@dataclass(frozen=True, slots=True)
class Network:
    """Creates, spoils and removes the lab's interfaces."""

    layout: Layout

    @property
    def channels(self) -> Channels:
        """Filters for one kind of traffic alone."""
        return Channels(self.layout)

    def create(self, lock: int) -> None:
        """Make the bridge and a route that keeps lab traffic from ever leaving the machine."""
        layout = self.layout
        route = ("unreachable", layout.network, "metric", ROUTE_METRIC)
        if not _ip("route", "show", "type", *route).stdout.strip():
            _ip("route", "add", *route, lock=lock)
        if layout.bridge not in self.links():
            _ip(
                "link",
                "add",
                layout.bridge,
                "type",
                "bridge",
                "forward_delay",
                "0",
                "stp_state",
                "0",
                lock=lock,
            )
            _ip("addr", "add", f"{layout.gateway}/24", "dev", layout.bridge, lock=lock)
            _ip("link", "set", layout.bridge, "up", lock=lock)

    def plug(self, node: str, pid: int, lock: int) -> None:
        """Connect the network namespace of process `pid` to the bridge.

        A host gets its own bridge br0 for its guests, with a fixed MAC address: otherwise neighbours would
        not find a host again for up to half a minute after it was crashed and booted.
        """
        link = self.layout.link(node)
        self.unplug(node)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid), lock=lock)
        _ip("link", "set", link, "master", self.layout.bridge, "up", lock=lock)
        carrier = "eth0" if node == STORAGE else "br0"
        commands = ["link set lo up"]
        if node in HOSTS:
            mac = f"52:54:00:77:ff:{self.layout.number(node):02x}"
            commands += [
                f"link add br0 address {mac} type bridge forward_delay 0 stp_state 0",
                "link set eth0 master br0 up",
            ]
        commands += [f"addr add {self.layout.address(node)}/24 dev {carrier}", f"link set {carrier} up"]
        run(
            ["nsenter", "-t", str(pid), "-n", "ip", "-batch", "-"],
            stdin="\n".join(commands) + "\n",
            keep_open=(lock,),
        )

    def unplug(self, node: str) -> None:
        """Remove a node's cable if it is there."""
        if self.layout.link(node) in self.links():
            self._delete(self.layout.link(node))

    def remove(self) -> None:
        layout = self.layout
        present = self.links()
        for link in (*(layout.link(node) for node in (*HOSTS, STORAGE)), self.channels.void, layout.bridge):
            if link in present:
                self._delete(link)
        route = ("unreachable", layout.network, "metric", ROUTE_METRIC)
        if _ip("route", "show", "type", *route).stdout.strip():
            _ip("route", "del", *route)

    def _delete(self, link: str) -> None:
        """Remove a link. One that goes by itself meanwhile, with its node's namespace, is gone all the same."""
        done = _ip("link", "del", link, check=False)
        if link in self.links():
            raise LabError(f"{link} does not go away: {done.stderr.strip()}")

    def links(self) -> set[str]:
        """Names of the machine's interfaces that belong to this lab."""
        names: set[str] = {link["ifname"] for link in json.loads(_ip("-json", "link", "show").stdout)}
        return {name for name in names if name.startswith(f"{self.layout.tag}-")}

    # Faults -----------------------------------------------------------------------------------

    def cut(self, node: str) -> None:
        """Pull the cable: packets vanish both ways, nobody is told."""
        self.require_cable(node)
        _ip("link", "set", self.layout.link(node), "down")

    def heal(self, node: str) -> None:
        self.require_cable(node)
        _ip("link", "set", self.layout.link(node), "up")

    def is_cut(self, node: str) -> bool:
        link = self.layout.link(node)
        return (
            link in self.links()
            and "UP" not in json.loads(_ip("-json", "link", "show", link).stdout)[0]["flags"]
        )

    def limit(self, node: str, rate: str) -> None:
        """Limit traffic TO a node to `rate` as tc(8) writes it, such as `160mbit`; `off` lifts the limit."""
        self.require_cable(node)
        link = self.layout.link(node)
        if rate == "off":
            if self.rate(node):
                run(["tc", "qdisc", "del", "dev", link, "root"])
        elif re.fullmatch(r"\d+(\.\d+)?[kmgt]?(bit|bps)", rate):
            shape = ("tbf", "rate", rate, "burst", "64kb", "latency", "200ms")
            run(["tc", "qdisc", "replace", "dev", link, "root", *shape])
        else:
            raise LabError(f"{rate!r} is not a rate", hint="Write it like 160mbit or 2gbit, or off.")

    def rate(self, node: str) -> str:
        """The limit on traffic to a node as tc prints it, or an empty string."""
        if self.layout.link(node) not in self.links():
            return ""
        shown = run(["tc", "qdisc", "show", "dev", self.layout.link(node), "root"]).stdout
        found = re.search(r"\btbf\b.*\brate (\S+)", shown)
        return found[1] if found else ""

    def require_cable(self, node: str) -> None:
        """Raises LabError when there is none: the node is off."""
        if self.layout.link(node) not in self.links():
            raise LabError(f"{node} is down", hint=f"Boot it: virt-ferry lab boot {node}")


def _ip(*arguments: str, lock: int | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    keep: Sequence[int] = () if lock is None else (lock,)
    return run(["ip", *arguments], keep_open=keep, check=check)
