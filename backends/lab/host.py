"""A libvirt host of the lab: libvirtd, sshd, and the guests they look after."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from backends.lab import cgroups, configuration
from backends.lab.channels import SSH_PORT
from backends.lab.errors import LabError
from backends.lab.host_faults import QEMU_PROCESS, HostFaults
from backends.lab.layout import CONTAINERS_IN_HOST, TCP_PORT
from backends.lab.node import Node
from backends.lab.overlay import overlay_in_use

FORGET_TIMEOUT_S = 6.0
"""Ending a guest takes a fraction of a second."""
QEMU, LXC = "qemu", "lxc"
"""The drivers that every host has."""
UNDEFINE_ALL = "--managed-save --snapshots-metadata --checkpoints-metadata --nvram"


@dataclass(frozen=True, slots=True)
class Host(Node):
    """One of h1, h2, h3."""

    @property
    def faults(self) -> HostFaults:
        """What can be made to go wrong inside it."""
        return HostFaults(self)

    def boot(self, lock: int, *, old_qemu: bool = False) -> None:
        """Start the host; its daemons answer once `wait_ready` returns. `old_qemu`: with the machine's own QEMU."""
        layout = self.layout
        overlay = overlay_in_use(layout) and not old_qemu
        configuration.write(layout, self.name)
        for folder in ("images", "console", "lun"):
            (layout.shared / folder).mkdir(parents=True, exist_ok=True)
        self.start(
            resources.files(__package__).joinpath("host_init.sh").read_text(),
            [
                str(layout.boot),
                str(layout.qemu) if overlay else "",
                " ".join(cgroups.controllers()),
            ],
            lock,
        )

    @property
    def has_old_qemu(self) -> bool:
        """Was it booted with the machine's own QEMU, while its lab has a newer one for it?"""
        pid = self.pid()
        if pid is None or not overlay_in_use(self.layout):
            return False
        return str(self.layout.qemu) not in Path(f"/proc/{pid}/cmdline").read_text().split("\0")

    def wait_ready(self) -> None:
        """Return once sshd and libvirtd take connections."""
        self.wait_for(lambda: self._answers(SSH_PORT) and self._answers(TCP_PORT), "its daemons to answer")

    def wait_served(self) -> None:
        """Return once libvirtd answers questions: just after a crash of it, its ports may still be the old one's."""
        self.wait_for(
            lambda: self.exec("virsh", "--quiet", "list", timeout_s=5, check=False).returncode == 0,
            "libvirtd to answer",
        )

    def _answers(self, port: int) -> bool:
        try:
            socket.create_connection((self.address, port), timeout=1).close()
        except OSError:
            return False
        return True

    def virsh(
        self,
        *arguments: str,
        stdin: str = "",
        timeout_s: float = 30,
        check: bool = True,
        driver: str = QEMU,
    ) -> str:
        """Run virsh on the host's own libvirtd; returns what it printed.

        Raises:
            LabError: virsh failed (with `check`) or took longer than `timeout_s`.
        """
        command = ("virsh", "--quiet", "--connect", f"{driver}:///system", *arguments)
        return self.exec(*command, stdin=stdin, timeout_s=timeout_s, check=check).stdout.strip()

    def guests(self) -> dict[str, str]:
        """Names of the host's machines with the state that virsh gives them."""
        return self._listed(QEMU)

    def containers(self) -> dict[str, str]:
        """Names of the host's containers with their states. A host that never had one is not asked."""
        return self._listed(LXC) if self.containers_folder.exists() else {}

    def _listed(self, driver: str) -> dict[str, str]:
        rows = (line.split(maxsplit=2) for line in self.virsh("list", "--all", driver=driver).splitlines())
        return {name: state for _, name, state in rows}

    @property
    def containers_folder(self) -> Path:
        """Where the files of its containers are, as the machine sees it; not there before it has one."""
        return self.layout.node(self.name) / str(CONTAINERS_IN_HOST.relative_to("/"))

    def clear(self) -> None:
        """End and forget every guest and container, empty the storage pools, and forget those that were added.

        A guest whose post-copy broke off holds its job for ever, and libvirt 9 with it: then the daemon goes, too.
        """
        try:
            self._forget_guests()
        except LabError:
            self.exec("pkill", "-KILL", "-f", QEMU_PROCESS, check=False)
            self.faults.kill_daemon()
            self.wait_served()
            self._forget_guests()
        self._forget_containers()
        self.exec("find", *map(str, configuration.POOLS.values()), "-mindepth", "1", "-delete")
        refresh = [f"pool-refresh {pool}" for pool in configuration.POOLS]
        told = self.virsh("; ".join([*refresh, "pool-list --all --name"]), check=False)
        self._forget_pools(line.strip() for line in told.splitlines())

    def _forget_pools(self, lines: Iterable[str]) -> None:
        """Those that tests and users have added, of the lines that name one."""
        added = [name for name in lines if name and " " not in name and name not in configuration.POOLS]
        if added:
            commands = [f"pool-destroy {name}; pool-undefine {name}" for name in added]
            self.virsh("; ".join(commands), check=False)

    def _forget_guests(self) -> None:
        """What is tried and is not so (ending a guest that is off, forgetting a transient one) is no error here."""
        commands = [f"destroy {name}; undefine {name} {UNDEFINE_ALL}" for name in self.guests()]
        if commands:
            self.virsh("; ".join(commands), timeout_s=FORGET_TIMEOUT_S, check=False)

    def _forget_containers(self) -> None:
        """One that is paused is ended all the same: libvirt kills it as it thaws."""
        commands = [f"destroy {name}; undefine {name}" for name in self.containers()]
        if commands:
            self.virsh("; ".join(commands), timeout_s=FORGET_TIMEOUT_S, check=False, driver=LXC)
        if left := self.containers():
            raise LabError(f"{self.name} keeps containers: {', '.join(left)}")
        shutil.rmtree(self.containers_folder, ignore_errors=True)
