"""Blocking one kind of traffic of a node while the rest goes on: QEMU's transfers, or the daemons' talk.

tc(8)'s u32 filters find the packets by their ports on the machine's end of the node's cable and send them to an
interface that is down: the kernel of a small machine has no other way to drop them. Nobody is told: the packets are
just gone, as behind a firewall.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from backends.lab.layout import TCP_PORT, Layout
from backends.lab.process import run

MIGRATION_PORTS = (49152, 49215)
"""First and last port that libvirt gives to incoming transfers, memory and disks (qemu.conf, migration_port_min)."""
SSH_PORT = 22
TLS_PORT = 16514


class Channel(StrEnum):
    """A kind of traffic."""

    MIGRATION = "migration"
    """Memory and disks, from QEMU to QEMU."""
    CONTROL = "control"
    """SSH and libvirt's own ports: what daemons and this program say to a host."""


# Ports as u32 matches them, value and mask; and the order of filters. A client of SSH may have been given a port of
# libvirt's range for its own end, so SSH passes by before the migration ports are looked at.
_CONTROL = tuple((port, 0xFFFF) for port in (SSH_PORT, TCP_PORT, TLS_PORT))
_MIGRATION = ((MIGRATION_PORTS[0], 0xFFC0),)
_PREFERENCE = {Channel.CONTROL: 10, Channel.MIGRATION: 30}
_PASS_SSH = 20


@dataclass(frozen=True, slots=True)
class Channels:
    """The filters on the cables of one lab."""

    layout: Layout

    @property
    def void(self) -> str:
        """The interface that swallows what is blocked."""
        return f"{self.layout.tag}-void"

    def block(self, node: str, channel: Channel, *, peer: str = "") -> None:
        """Drop this traffic to and from `node`; with `peer`, only that between the two.

        Raises:
            LabError: the node has no cable, or the kernel has no such filters.
        """
        if channel in self.blocked(node):
            return
        self._prepare(node)
        commands = [*self._filters(node, channel, peer)]
        if channel is Channel.MIGRATION:
            commands = [*self._pass_ssh(node), *commands]
        run(["tc", "-batch", "-"], stdin="\n".join(commands) + "\n")

    def unblock(self, node: str) -> None:
        """Let everything pass again."""
        link = self.layout.link(node)
        if "clsact" in run(["tc", "qdisc", "show", "dev", link], check=False).stdout:
            run(["tc", "qdisc", "del", "dev", link, "clsact"])

    def blocked(self, node: str) -> tuple[Channel, ...]:
        """What is blocked at a node now; nothing where there is no node."""
        shown = run(
            ["tc", "-json", "filter", "show", "dev", self.layout.link(node), "egress"], check=False
        ).stdout
        found = {int(row["pref"]) for row in json.loads(shown or "[]")}
        return tuple(channel for channel, preference in _PREFERENCE.items() if preference in found)

    def _prepare(self, node: str) -> None:
        if not run(["ip", "link", "show", self.void], check=False).stdout:
            run(["ip", "link", "add", self.void, "type", "ifb"])
        link = self.layout.link(node)
        if "clsact" not in run(["tc", "qdisc", "show", "dev", link]).stdout:
            run(["tc", "qdisc", "add", "dev", link, "clsact"])

    def _filters(self, node: str, channel: Channel, peer: str) -> Iterator[str]:
        ports = _MIGRATION if channel is Channel.MIGRATION else _CONTROL
        drop = f"action mirred egress redirect dev {self.void}"
        for way, end in (("egress", "src"), ("ingress", "dst")):
            between = f" match ip {end} {self.layout.address(peer)}/32" if peer else ""
            for side in ("sport", "dport"):
                for port, mask in ports:
                    match = f"match ip protocol 6 0xff match ip {side} {port} {mask:#x}{between}"
                    yield self._filter(node, way, _PREFERENCE[channel], f"{match} {drop}")

    def _pass_ssh(self, node: str) -> Iterator[str]:
        for way in ("egress", "ingress"):
            for side in ("sport", "dport"):
                match = f"match ip protocol 6 0xff match ip {side} {SSH_PORT} 0xffff"
                yield self._filter(node, way, _PASS_SSH, f"{match} flowid 1:1")

    def _filter(self, node: str, way: str, preference: int, rest: str) -> str:
        return f"filter add dev {self.layout.link(node)} {way} protocol ip pref {preference} u32 {rest}"
