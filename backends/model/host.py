"""A virtualization host: how it is reached, whether it answers, what it is and how busy it is."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NewType

HostName = NewType("HostName", str)
"""The name a host goes by in this program: its alias, unique in the fleet, already safe to show."""


class Reach(Enum):
    """By which road a host is reached."""

    SSH = "ssh"
    """asyncssh carries commands, files and libvirt's RPC."""
    LOCAL = "local"
    """This machine: commands run here, libvirt is opened directly."""
    URI = "uri"
    """A plain libvirt URI: libvirt alone, no commands and no files."""


@dataclass(frozen=True, slots=True)
class HostSpec:
    """What the configuration says about one host."""

    name: HostName
    reach: Reach
    target: str
    """`user@host[:port]` or an ssh alias for SSH, the libvirt URI for URI, empty for LOCAL."""
    drivers: tuple[str, ...] = ()
    """libvirt drivers to open (`qemu`, `xen`, `lxc`); empty: all that answer."""
    ssh_config: str | None = None
    """Another file in the place of ~/.ssh/config."""
    peer_uri: str | None = None
    """The libvirt URI by which the other hosts' daemons reach this one, where the usual one does not fit."""

    @property
    def ssh_command(self) -> str:
        """What a user types to log in by hand: `ssh -p 2222 root@h1`, as ssh(1) takes no `host:port`."""
        if self.reach is not Reach.SSH:
            return ""
        user, at, address = self.target.rpartition("@")
        bracketed = re.fullmatch(r"\[(.+)\](?::(\d+))?", address)
        host, port = (
            bracketed.groups() if bracketed else (address.partition(":")[0], address.partition(":")[2])
        )
        options = [*(["-F", self.ssh_config] if self.ssh_config else []), *(["-p", port] if port else [])]
        return shlex.join(["ssh", *options, f"{user}{at}{host}"])

    def virsh_uri(self, driver: str) -> str:
        """How virsh on the user's machine reaches one driver of this host."""
        match self.reach:
            case Reach.SSH:
                return f"{driver}+ssh://{self.target}/system"
            case Reach.LOCAL:
                return f"{driver}:///system"
            case Reach.URI:
                return self.target


class Link(Enum):
    """Does the host answer?"""

    CONNECTING = "connecting"
    UP = "up"
    DEGRADED = "degraded"
    """The host answers over SSH, its libvirt does not."""
    STALE = "stale"
    """It answered before and is silent now: what is shown is the last that was known."""
    DOWN = "down"
    """A definite no: refused, unknown name, failed login, changed host key."""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The link of one host, with the reason in words."""

    link: Link
    since: datetime
    reason: str = ""
    hint: str = ""
    """What the user can do about it; empty where there is nothing to do but wait."""
    next_attempt: datetime | None = None

    @property
    def answers(self) -> bool:
        """True while what is known of the host's guests is current."""
        return self.link is Link.UP


@dataclass(frozen=True, slots=True)
class Driver:
    """One libvirt driver that answers on a host."""

    name: str
    """libvirt's scheme: `qemu`, `xen`, `lxc`, `test`, ..."""
    hypervisor: str
    """As virConnectGetType says: `QEMU`, `Xen`, `LXC`, `TEST`."""
    libvirt_version: str
    hypervisor_version: str
    """Empty where the driver has none (LXC)."""
    migrates: bool = True
    """Does it say that it can migrate guests at all (capabilities, migration_features)?"""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What does not change while a connection lasts."""

    hostname: str
    uuid: str
    """The host UUID of libvirt's capabilities; empty where there is none."""
    arch: str
    cpu_model: str
    cpus: int
    """Logical processors that are online."""
    memory_bytes: int
    drivers: tuple[Driver, ...] = ()


@dataclass(frozen=True, slots=True)
class HostLoad:
    """How busy a host is, as of one sample."""

    cpu: float | None
    """Share of all processors in use since the sample before, 0..1."""
    memory_used_bytes: int | None
    memory_total_bytes: int | None = None
    """From the same reading as what is used; a host's facts may count it in another way."""
    cpu_history: tuple[float, ...] = field(default=())
    """The newest samples of `cpu`, oldest first; at most HISTORY of them."""

    HISTORY = 30
