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
        """Start tgtd and offer the LUNs; their contents survive a crash."""
        script = resources.files(__package__).joinpath("storage_init.sh").read_text()
        self.start(script, [self.address], lock)
        self.wait_ready()
        self.tgt("--op", "new", "--mode", "target", "--tid", "1", "-T", TARGET)
        folder = self.layout.shared / "lun"
        folder.mkdir(parents=True, exist_ok=True)
        for lun in LUNS:
            disk = folder / f"lun{lun}"
            if not disk.exists():
                with disk.open("wb") as file:
                    file.truncate(LUN_BYTES)
            self.tgt("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", str(lun), "-b", str(disk))
        self.tgt("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")

    def wait_ready(self) -> None:
        """Return once tgtd takes commands."""
        self.wait_for(self._answers, "its target daemon")

    def tgt(self, *arguments: str) -> str:
        """Run tgtadm in the node; returns what it printed.

        Raises:
            LabError: tgtadm refused.
        """
        return self.exec("tgtadm", "--lld", "iscsi", *arguments).stdout

    def _answers(self) -> bool:
        return (
            self.exec("tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "sys", check=False).returncode
            == 0
        )
