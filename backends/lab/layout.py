"""Where a lab keeps its files and what its parts are called.

Every name on the machine (bridge, network links, cgroups, addresses) comes from the lab's subnet and
every file from its folder, so two labs with different subnets and folders can run side by side.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import platformdirs

from backends.lab.errors import LabError

HOSTS = ("h1", "h2", "h3")
STORAGE = "st"
NODES = (*HOSTS, STORAGE)
CLIENT = "client"
"""What the hosts call the machine itself, where the program runs."""

DEFAULT_SUBNET = "10.77.0"
TCP_PORT = 16509
"""libvirt's registered port for unencrypted TCP (libvirtd.conf, tcp_port)."""
ISCSI_PORT = 3260

# What a host sees, whatever the machine's own paths are.
SHARED_IN_HOST = PurePosixPath("/var/lib/libvirt/shared")
LOCAL_IMAGES_IN_HOST = PurePosixPath("/var/lib/libvirt/images")
BOOT_IN_HOST = PurePosixPath("/var/lib/libvirt/boot")
CONTAINERS_IN_HOST = PurePosixPath("/var/lib/libvirt/containers")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths, addresses and names of one lab.

    `root` holds everything that belongs to this lab; `prepared` holds what all labs of a user share
    because it never changes (guest kernel and initrd, the hosts' QEMU).
    """

    root: Path
    subnet: str
    prepared: Path

    def __post_init__(self) -> None:
        if not re.fullmatch(r"10\.(?:[1-9]?\d|1\d\d|2[0-4]\d|25[0-5])\.0", self.subnet):
            raise LabError(
                f"{self.subnet!r} is not a lab subnet", hint="Use the form 10.N.0, such as 10.78.0."
            )
        if re.search(r"[\s:,\\]", f"{self.root}{self.prepared}"):
            raise LabError(
                f"the lab's folder {str(self.root)!r} has a space, colon, comma or backslash in its path",
                hint="Mount options cannot carry those. Set VIRT_FERRY_LAB to another folder.",
            )

    @classmethod
    def from_environment(cls) -> Self:
        """The lab that VIRT_FERRY_LAB (folder) and VIRT_FERRY_LAB_NET (subnet) describe."""
        cache = Path(platformdirs.user_cache_dir("virt-ferry"))
        return cls(
            root=Path(os.environ.get("VIRT_FERRY_LAB") or cache / "lab").absolute(),
            subnet=os.environ.get("VIRT_FERRY_LAB_NET") or DEFAULT_SUBNET,
            prepared=cache / "prepared",
        )

    # Names on the machine ---------------------------------------------------------------------

    @property
    def tag(self) -> str:
        """Prefix of all that the lab creates on the machine: `lab77` for 10.77.0."""
        return "lab" + self.subnet.split(".")[1]

    @property
    def bridge(self) -> str:
        return f"{self.tag}-br"

    def link(self, node: str) -> str:
        """The machine's end of a node's network cable."""
        return f"{self.tag}-{node}"

    def cgroup(self, node: str) -> str:
        return f"virt-ferry-{self.tag}-{node}"

    # Addresses --------------------------------------------------------------------------------

    @property
    def network(self) -> str:
        return f"{self.subnet}.0/24"

    @property
    def gateway(self) -> str:
        """The machine's own address on the lab's bridge: where the program and the tests run."""
        return f"{self.subnet}.254"

    def address(self, node: str) -> str:
        """Of a node, or of `client`: the machine itself."""
        if node == CLIENT:
            return self.gateway
        return f"{self.subnet}.{10 if node == STORAGE else self.number(node)}"

    @staticmethod
    def number(node: str) -> int:
        """1, 2, 3 for h1, h2, h3."""
        return HOSTS.index(node) + 1

    # Files ------------------------------------------------------------------------------------

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def nodes(self) -> Path:
        return self.root / "nodes"

    def node(self, name: str) -> Path:
        """A node's private files; `etc`, `root` and `var` inside are its /etc, /root and /var."""
        return self.nodes / name

    @property
    def shared(self) -> Path:
        """Seen by every host as /var/lib/libvirt/shared."""
        return self.root / "shared"

    def console(self, guest: str) -> Path:
        """What a guest's serial console printed, on whichever host it ran."""
        return self.shared / "console" / f"{guest}.log"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def client_key(self) -> Path:
        return self.keys / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.keys / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """For `ssh -F` and for asyncssh: host names, the client key, the known hosts."""
        return self.keys / "config"

    @property
    def ssh_command(self) -> Path:
        """`ssh -F config` as one program, for libvirt URIs' `?command=`."""
        return self.keys / "ssh"

    @property
    def boot(self) -> Path:
        """Guest kernel and initrd; seen by every host as /var/lib/libvirt/boot."""
        return self.prepared / "boot"

    @property
    def qemu(self) -> Path:
        """QEMU packages unpacked beside the system, to be laid over the hosts' /usr."""
        return self.prepared / "qemu"
