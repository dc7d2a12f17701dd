"""The lab's storage node: an iSCSI target (tgtd) with a few small disks."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from backends.lab.node import Node

TARGET = "iqn.2026-11.lab:disks"
LUNS = (1, 2, 3)
"""LUN 0 is tgtd's own controller."""
LUN_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StorageNode(Node):
    """The node called st."""

    def boot(self, lock: int) -> None:
        """Start the target daemon; the disks' contents survive a crash."""
        folder = self.layout.shared / "lun"
        folder.mkdir(parents=True, exist_ok=True)
        for lun in LUNS:
            disk = folder / f"lun{lun}"
            if not disk.exists():
                with disk.open("wb") as file:
                    file.truncate(LUN_BYTES)
        script = resources.files(__package__).joinpath("storage_init.sh").read_text()
        self.start(script, [self.address, TARGET, *map(str, LUNS)], lock)

    def wait_ready(self) -> None:
        """Return once initiators may log in: the last thing that the node sets up."""
        self.wait_for(self._offers_disks, "its iSCSI target")

    def tgt(self, *arguments: str) -> str:
        """Run tgtadm in the node; returns what it printed.

        Raises:
            LabError: tgtadm refused.
        """
        return self.exec("tgtadm", "--lld", "iscsi", *arguments).stdout

    def resize_lun(self, lun: int, size_bytes: int) -> None:
        """Make a disk larger, or as large as it was, while initiators are logged in; they are not told.

        Raises:
            LabError: tgtadm refused.
        """
        disk = self.layout.shared / "lun" / f"lun{lun}"
        with disk.open("r+b") as file:
            file.truncate(size_bytes)
        which = ("--op", "update", "--mode", "logicalunit", "--tid", "1", "--lun", str(lun))
        for change in ("online=0", f"path={disk}", "online=1"):  # it measures a file when it opens it
            self.tgt(*which, "--params", change)

    def _offers_disks(self) -> bool:
        shown = self.exec("tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "target", check=False).stdout
        return shown.rstrip().endswith("ALL")
