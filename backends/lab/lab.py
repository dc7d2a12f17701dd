"""The lab as a whole: three libvirt hosts and a storage node on one machine."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from backends.lab import keys
from backends.lab.cgroups import Cgroup
from backends.lab.channels import Channel
from backends.lab.container import ContainerSpec, define_container
from backends.lab.errors import LabError
from backends.lab.guest import Guest, define
from backends.lab.guest_xml import GuestSpec
from backends.lab.host import Host
from backends.lab.layout import CLIENT, HOSTS, NODES, STORAGE, Layout
from backends.lab.lock import exclusive
from backends.lab.network import Network
from backends.lab.node import Power
from backends.lab.prepare import prepare
from backends.lab.process import run
from backends.lab.storage_node import StorageNode

DEMO_FLEET = (
    ("h1", GuestSpec(name="web-01", dirty_mib_s=1)),
    ("h1", GuestSpec(name="web-02", dirty_mib_s=2)),
    ("h2", GuestSpec(name="db-primary", dirty_mib_s=12, write_kib_s=256)),
    ("h2", GuestSpec(name="batch-3", dirty_mib_s=6)),
    ("h3", GuestSpec(name="build-7", dirty_mib_s=4, write_kib_s=64)),
)
DEMO_SHUT_OFF = ("h3", GuestSpec(name="old-router"))


@dataclass(frozen=True, slots=True)
class UpReport:
    """What `up` did: which nodes it started, and which it found running."""

    started: tuple[str, ...]
    adopted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node as it is now; `guests` and `containers` map names to virsh's states, empty unless the node runs."""

    name: str
    address: str
    power: Power
    cut: bool
    rate: str
    blocked: tuple[Channel, ...]
    guests: dict[str, str]
    containers: dict[str, str]


class Lab:
    """Starts, spoils and removes a lab. Calls block; each has a deadline. Holds no state of its own."""

    def __init__(self, layout: Layout | None = None) -> None:
        self.layout = layout or Layout.from_environment()
        self.network = Network(self.layout)

    # Parts ------------------------------------------------------------------------------------

    @property
    def hosts(self) -> list[Host]:
        return [Host(self.layout, name) for name in HOSTS]

    @property
    def storage(self) -> StorageNode:
        return StorageNode(self.layout, STORAGE)

    @property
    def nodes(self) -> list[Host | StorageNode]:
        return [*self.hosts, self.storage]

    def host(self, name: str) -> Host:
        """Raises LabError if there is no such host."""
        self._require_name(name, HOSTS)
        return Host(self.layout, name)

    def node(self, name: str) -> Host | StorageNode:
        """Raises LabError if there is no such node."""
        self._require_name(name, NODES)
        return self.storage if name == STORAGE else self.host(name)

    @staticmethod
    def _require_name(name: str, names: tuple[str, ...]) -> None:
        if name not in names:
            raise LabError(f"there is no {name!r} in the lab", hint=f"There are: {', '.join(names)}")

    # Life -------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Fetch and build what every lab needs; instant when it is there.

        Raises:
            LabError: no lab can run on this machine, or something could not be fetched or built.
        """
        prepare(self.layout)

    def up(self) -> UpReport:
        """Start what does not run, keep what does. From nothing, the hosts start empty.

        Raises:
            LabError: no lab can run here, or a node did not start.
        """
        self.prepare()
        with exclusive(self.layout.lock) as lock:
            running = self._adopt()
            if not running:
                self._forget()
            keys.create(self.layout)
            self.network.create(lock)
            started = [node for node in self.nodes if node not in running]
            for node in started:
                node.boot(lock)
            for node in self.nodes:
                if node.power() is Power.RUNNING and not self.network.is_cut(node.name):
                    node.wait_ready()
        return UpReport(tuple(node.name for node in started), tuple(node.name for node in running))

    def _adopt(self) -> list[Host | StorageNode]:
        """The nodes that run; one whose owner was killed before it was complete is ended instead."""
        running = []
        for node in self.nodes:
            if node.abandoned():
                node.crash()
            elif node.power() is not Power.OFF:
                running.append(node)
        return running

    def down(self) -> None:
        """Remove everything the lab has on the machine; its folder keeps the logs until the next `up`.

        Works whatever state the lab is in, also when its owner was killed in the middle of `up`.

        Raises:
            LabError: not root, or something refused to go away.
        """
        if os.geteuid() != 0:
            raise LabError("the lab needs root")
        with exclusive(self.layout.lock):
            for node in self.nodes:
                node.pid()  # refuses if another folder's lab has this subnet
            for node in self.nodes:
                node.crash()
            self.network.remove()
            for name in NODES:
                Cgroup(self.layout.cgroup(name)).remove()
            self._detach_loop_devices()

    def _forget(self) -> None:
        for folder in (self.layout.nodes, self.layout.shared):
            shutil.rmtree(folder, ignore_errors=True)
        (self.layout.root / "guests").unlink(missing_ok=True)

    def _detach_loop_devices(self) -> None:
        """Loop devices belong to the machine: one that a host attached to its own file outlives it."""
        shown = run(["losetup", "--list", "--json", "--output", "NAME,BACK-INO,BACK-MAJ:MIN"]).stdout
        if not shown.strip():
            return
        # By number and not by name: the names are those that the host saw.
        ours = {_file_numbers(path) for path in self.layout.root.rglob("*") if path.is_file()}
        for device in json.loads(shown)["loopdevices"]:
            if (int(device["back-ino"]), device["back-maj:min"].strip()) in ours:
                run(["losetup", "--detach", device["name"]])

    def status(self) -> list[NodeStatus]:
        return [self._status(node) for node in self.nodes]

    def _status(self, node: Host | StorageNode) -> NodeStatus:
        power = node.power()
        host = node if isinstance(node, Host) and power is Power.RUNNING else None
        return NodeStatus(
            name=node.name,
            address=node.address,
            power=power,
            cut=self.network.is_cut(node.name),
            rate=self.network.rate(node.name),
            blocked=self.network.channels.blocked(node.name),
            guests=host.guests() if host else {},
            containers=host.containers() if host else {},
        )

    # Faults -----------------------------------------------------------------------------------

    def crash(self, name: str) -> None:
        """Power failure: the node and all its guests are gone at once."""
        with exclusive(self.layout.lock):
            self.node(name).crash()

    def boot(self, name: str, *, old_qemu: bool = False) -> None:
        """Switch a node on and wait until it answers.

        With `old_qemu` a host gets the machine's own QEMU instead of the newer one that the lab's hosts have: it knows
        fewer processor features, and must not be trusted with a guest that writes memory.

        Raises:
            LabError: it is on already, the lab is down, or it did not start.
        """
        node = self.node(name)
        with exclusive(self.layout.lock) as lock:
            if node.power() is not Power.OFF:
                raise LabError(f"{name} is on already")
            if self.layout.bridge not in self.network.links():
                raise LabError("the lab is down", hint="Start it: virt-ferry lab up")
            if isinstance(node, Host):
                node.boot(lock, old_qemu=old_qemu)
            else:
                node.boot(lock)
            node.wait_ready()

    def freeze(self, name: str) -> None:
        """The node hangs: nothing answers, no connection is closed."""
        self.node(name).freeze()

    def thaw(self, name: str) -> None:
        self.node(name).thaw()

    def cut(self, name: str) -> None:
        """Pull the node's network cable."""
        self.network.cut(self.node(name).name)

    def heal(self, name: str) -> None:
        """Put the node's network cable back."""
        self.network.heal(self.node(name).name)

    def rate(self, name: str, rate: str) -> None:
        """Limit traffic TO a node, as tc writes rates: `160mbit`; `off` lifts the limit."""
        self.network.limit(self.node(name).name, rate)

    def block(self, name: str, channel: Channel, *, peer: str = "") -> None:
        """Drop one kind of traffic to and from a node; with `peer`, only that between the two.

        The peer may also be `client`, the machine on which the program runs.
        """
        self.network.require_cable(self.node(name).name)
        if peer:
            self._require_name(peer, (*NODES, CLIENT))
        self.network.channels.block(name, channel, peer=peer)

    def unblock(self, name: str) -> None:
        """Let all traffic of a node pass again."""
        self.network.channels.unblock(self.node(name).name)

    def repair(self) -> None:
        """Undo every fault: boot, thaw, plug in, unthrottle and unblock all nodes, and heal what is in them."""
        with exclusive(self.layout.lock) as lock:
            spoiled: list[Host | StorageNode] = []
            for node in self.nodes:
                if isinstance(node, Host) and node.has_old_qemu:
                    node.crash()
                if node.power() is Power.OFF:
                    node.boot(lock)
                    spoiled.append(node)
                elif node.power() is Power.FROZEN or self.network.is_cut(node.name):
                    node.thaw()
                    self.network.heal(node.name)
                    spoiled.append(node)
                self.network.limit(node.name, "off")
                self.network.channels.unblock(node.name)
            for host in self.hosts:
                host.faults.heal()
            for node in spoiled:
                node.wait_ready()

    # Guests -----------------------------------------------------------------------------------

    def guest(
        self, spec: GuestSpec, *, host: str = "h1", transient: bool = False, wait: bool = True
    ) -> Guest:
        """Create and start a guest; returns when it runs, or at once without `wait`.

        Raises:
            LabError: libvirt refused, or the guest did not boot.
        """
        made = define(spec, self.host(host), transient=transient)
        if wait:
            made.wait_ready()
        return made

    def container(self, spec: ContainerSpec, *, host: str = "h1", start: bool = True) -> None:
        """Create a container, and start it unless told otherwise; returns when it runs.

        Raises:
            LabError: libvirt refused, or it did not start.
        """
        define_container(spec, self.host(host), start=start)

    def populate(self) -> list[Guest]:
        """Start the demo fleet (five guests, and one that is off); keeps those that exist."""
        existing = {name for host in self.hosts for name in host.guests()}
        started = [define(spec, self.host(host)) for host, spec in DEMO_FLEET if spec.name not in existing]
        host, shut_off = DEMO_SHUT_OFF
        if shut_off.name not in existing:
            define(shut_off, self.host(host), start=False)
        for made in started:
            made.wait_ready()
        return started

    def where(self, name: str) -> Host:
        """The host on which a guest runs.

        Raises:
            LabError: it runs nowhere.
        """
        for host in self.hosts:
            if host.power() is Power.RUNNING and host.guests().get(name) == "running":
                return host
        raise LabError(f"no guest called {name!r} runs in the lab")

    def clear(self) -> None:
        """End and forget every guest and container on every host, and empty the hosts' storage pools."""
        for host in self.hosts:
            host.clear()


def _file_numbers(path: Path) -> tuple[int, str]:
    """Inode and device of a file, as losetup prints them."""
    status = path.stat()
    return status.st_ino, f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
