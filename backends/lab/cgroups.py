"""Control groups: how the lab knows its own processes, stops them for a while, and ends them.

Both layouts are served: version 1 (one tree per controller) and version 2 (one tree).
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backends.lab.errors import LabError
from backends.lab.process import wait_until

MOUNT = Path("/sys/fs/cgroup")
V1_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")
END_TIMEOUT_S = 20


def unified() -> bool:
    """Whether the machine runs cgroup version 2 only."""
    return (MOUNT / "cgroup.controllers").exists()


def controllers() -> tuple[str, ...]:
    """Version 1 controllers mounted on their own; none on a version 2 machine."""
    return () if unified() else tuple(name for name in V1_CONTROLLERS if (MOUNT / name).is_dir())


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The control groups of one node: a folder of the same name in each tree."""

    name: str

    @property
    def folders(self) -> list[Path]:
        return [MOUNT / self.name] if unified() else [MOUNT / tree / self.name for tree in controllers()]

    @property
    def _freezer(self) -> Path:
        """The tree that is asked who belongs to the node; every machine can have this one."""
        folder = MOUNT / self.name if unified() else MOUNT / "freezer" / self.name
        if not folder.parent.is_dir():
            raise LabError(
                "this machine has no cgroup freezer", hint="The lab needs cgroups mounted under /sys."
            )
        return folder

    def create(self) -> None:
        for folder in self.folders:
            folder.mkdir(exist_ok=True)
            if folder.parent.name == "cpuset":  # a version 1 cpuset starts empty and takes no process
                for file in ("cpuset.cpus", "cpuset.mems"):
                    (folder / file).write_text((folder.parent / file).read_text())
                (folder / "cgroup.clone_children").write_text("1")

    def leave_root_free(self) -> None:
        """Version 2 lets a group have either processes or controlled children, and libvirt makes children."""
        if not unified():
            return
        leaf = self._freezer / "init"
        leaf.mkdir(exist_ok=True)

        def moved() -> bool:
            pids = _read_pids(self._freezer)
            for pid in pids:
                with suppress(ProcessLookupError):  # it ended meanwhile
                    (leaf / "cgroup.procs").write_text(str(pid))
            return not pids

        wait_until(moved, timeout_s=5, what=f"the processes of {self.name} to move to a group of their own")

    def pids(self) -> list[int]:
        """Every process of the node, nested groups included, as the machine numbers them."""
        return [pid for folder in _tree(self._freezer) for pid in _read_pids(folder)]

    @property
    def frozen(self) -> bool:
        """Whether the node was told to stand still.

        A version 1 group may say FREEZING for as long as it is frozen: a process that waits for the (frozen)
        FUSE daemon of the shared folder stands still too, but the kernel does not count it.
        """
        file, running = ("cgroup.freeze", "0") if unified() else ("freezer.state", "THAWED")
        try:
            return (self._freezer / file).read_text().strip() != running
        except FileNotFoundError:
            return False

    def freeze(self) -> None:
        """Stop every process of the node where it stands; returns when none runs any more."""
        file, frozen = ("cgroup.freeze", "1") if unified() else ("freezer.state", "FROZEN")
        (self._freezer / file).write_text(frozen)
        wait_until(self._stands_still, timeout_s=5, what=f"{self.name} to freeze")

    def thaw(self) -> None:
        file, running = ("cgroup.freeze", "0") if unified() else ("freezer.state", "THAWED")
        (self._freezer / file).write_text(running)

    def _thaw_all(self) -> None:
        """Also the groups in which libvirt keeps containers: a paused one is frozen by itself."""
        file, running = ("cgroup.freeze", "0") if unified() else ("freezer.state", "THAWED")
        for folder in _tree(self._freezer):
            with suppress(FileNotFoundError):  # it went away meanwhile
                (folder / file).write_text(running)

    def _stands_still(self) -> bool:
        """Whether no thread runs: a version 1 group shows the frozen as D, version 2 as S (proc_pid_stat(5))."""
        quiet = "DSZX" if unified() else "DZX"
        threads = (thread for pid in self.pids() for thread in Path(f"/proc/{pid}/task").glob("*/stat"))
        return all(_thread_state(thread) in quiet for thread in threads)

    def kill(self) -> None:
        """End every process of the node; a frozen one dies as it thaws, before it runs again."""
        if not self._freezer.is_dir():
            return
        self._kill_members()
        self._thaw_all()
        wait_until(
            lambda: not self._kill_members(),
            timeout_s=END_TIMEOUT_S,
            what=f"the processes of {self.name} to end",
        )

    def _kill_members(self) -> bool:
        """Signal every process there is; whether there was any."""
        pids = self.pids()
        for pid in pids:
            self._kill_member(pid)
        return bool(pids)

    def _kill_member(self, pid: int) -> None:
        """Kill `pid` if it still is a member: the descriptor pins the process while we look."""
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if f"/{self.name}" in Path(f"/proc/{pid}/cgroup").read_text():
                signal.pidfd_send_signal(process, signal.SIGKILL)
        except (ProcessLookupError, FileNotFoundError):
            pass
        finally:
            os.close(process)

    def remove(self) -> None:
        for root in self.folders:
            for folder in sorted(_tree(root), key=lambda path: len(path.parts), reverse=True):
                folder.rmdir()


def _tree(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield root
        for child in root.iterdir():
            if child.is_dir():
                yield from _tree(child)


def _read_pids(folder: Path) -> list[int]:
    try:
        return [int(pid) for pid in (folder / "cgroup.procs").read_text().split()]
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):  # the group went away while we looked
            raise
        return []


def _thread_state(stat: Path) -> str:
    """The state letter of a thread; X if it ended while we looked."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
