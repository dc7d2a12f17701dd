"""One node of the lab: a process tree in namespaces of its own, with a power switch and a cable.

Nothing about a running node is kept in a file: the kernel's cgroups and namespaces are asked each time,
so what is said here is also true after the lab's owner was killed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from backends.lab.cgroups import Cgroup
from backends.lab.errors import LabError
from backends.lab.layout import Layout
from backends.lab.network import Network
from backends.lab.process import run, wait_until

START_TIMEOUT_S = 30
"""A node starts in a fraction of a second; this is for a machine that is busy with other things."""
OPEN_FILES = 8192
"""libvirtd and QEMU need more than a shell's usual 1024 once there are many guests."""

# Until it sits in its cgroups, where `down` looks, the new process holds the lab's lock as standard output.
LAUNCH = """
set -e
for folder in $CGROUPS; do echo $$ > "$folder/cgroup.procs"; done
exec > "$LOG" 2>&1
ulimit -n "$OPEN_FILES" || :
exec unshare --mount --uts --net --ipc --pid --cgroup --fork --kill-child sh "$INIT" "$@"
"""


class Power(StrEnum):
    """What a node is doing."""

    OFF = "off"
    RUNNING = "running"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Node:
    """The machinery that hosts and the storage node have in common."""

    layout: Layout
    name: str

    @property
    def address(self) -> str:
        return self.layout.address(self.name)

    @property
    def network(self) -> Network:
        return Network(self.layout)

    @property
    def cgroup(self) -> Cgroup:
        return Cgroup(self.layout.cgroup(self.name))

    @property
    def log(self) -> Path:
        """What the node's process 1 had to say."""
        return self.layout.node(self.name) / "init.log"

    # Power ------------------------------------------------------------------------------------

    def pid(self) -> int | None:
        """The machine's number for the node's process 1, if the node is on.

        Raises:
            LabError: a node of this name runs, but it belongs to a lab in another folder.
        """
        for pid in self.cgroup.pids():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            # Just after it was made, process 1 still is a copy of unshare.
            if _own_numbers(status)[-1:] == ["1"] and arguments[0] == "sh":
                self._require_own(arguments)
                return pid
        return None

    def _require_own(self, arguments: Sequence[str]) -> None:
        if arguments[2:4] != [self.name, str(self.layout.root)]:
            raise LabError(
                f"{self.name} on {self.layout.subnet} belongs to another lab",
                hint="Give this one a subnet of its own: VIRT_FERRY_LAB_NET=10.78.0",
            )

    def abandoned(self) -> bool:
        """Whether the node's owner was killed before it was plugged in: process 1 still waits on its pipe."""
        pid = self.pid()
        return pid is not None and Path(f"/proc/{pid}/fd/0").readlink().name.startswith("pipe:")

    def power(self) -> Power:
        if self.pid() is None:
            return Power.OFF
        return Power.FROZEN if self.cgroup.frozen else Power.RUNNING

    def start(self, script: str, arguments: Sequence[str], lock: int) -> None:
        """Run `script` as process 1 of new namespaces, with the node's cable plugged in."""
        self.cgroup.create()
        init = self.layout.node(self.name) / "init.sh"
        init.parent.mkdir(parents=True, exist_ok=True)
        # A shell reads its script as it goes: replace one that may be running, never change it.
        init.unlink(missing_ok=True)
        init.write_text(script)
        with subprocess.Popen(
            ["setsid", "--fork", "sh", "-c", LAUNCH, "launch", self.name, str(self.layout.root), *arguments],
            stdin=subprocess.PIPE,
            stdout=lock,
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/root",
                "LANG": "C.UTF-8",
                "CGROUPS": " ".join(map(str, self.cgroup.folders)),
                "LOG": str(self.log),
                "INIT": str(init),
                "OPEN_FILES": str(OPEN_FILES),
            },
        ) as launched:
            self.wait_for(lambda: self.pid() is not None, "its namespaces")
            self.cgroup.leave_root_free()
            self.network.plug(self.name, self.require_on(), lock)
            launched.communicate(b"\n", timeout=START_TIMEOUT_S)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Return once `condition` holds.

        Raises:
            LabError: it does not; with the node's own words why, if it left any.
        """
        try:
            wait_until(condition, timeout_s=START_TIMEOUT_S, what=what)
        except LabError as error:
            said = self.log.read_text(errors="replace").strip() if self.log.exists() else ""
            raise LabError(f"{self.name} does not start: {said or error}") from error

    def crash(self) -> None:
        """Cut the power: everything in the node dies at once."""
        self.cgroup.kill()
        self.network.unplug(self.name)

    def freeze(self) -> None:
        """Hang the node: its processes stop, its connections stay open and silent."""
        self.require_on()
        self.cgroup.freeze()

    def thaw(self) -> None:
        self.require_on()
        self.cgroup.thaw()

    # Commands ---------------------------------------------------------------------------------

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv` as a command of the machine that runs inside the node."""
        environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        environment.append(f"TERM={os.environ.get('TERM', 'dumb')}")
        inside = ["nsenter", "-t", str(self.require_on()), "-m", "-u", "-n", "-i", "-p", "-C", "-r", "-w"]
        return [*inside, "--", "env", "-i", *environment, *argv]

    def exec(
        self, *argv: str, stdin: str = "", timeout_s: float = 20, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the node, as root, and return its output.

        Raises:
            LabError: the node is off, or the command failed (with `check`) or outlasted `timeout_s`.
        """
        return run(self.command(argv), stdin=stdin, timeout_s=timeout_s, check=check)

    def require_on(self) -> int:
        """The node's process 1.

        Raises:
            LabError: the node is off.
        """
        pid = self.pid()
        if pid is None:
            raise LabError(
                f"{self.name} is off", hint=f"Boot it: virt-ferry lab boot {shlex.quote(self.name)}"
            )
        return pid


def _own_numbers(status: str) -> list[str]:
    """A process's numbers from the machine's PID namespace inwards; only nested ones have more than one."""
    line = next((line for line in status.splitlines() if line.startswith("NSpid:")), "")
    numbers = line.split()[1:]
    return numbers if len(numbers) > 1 else []
