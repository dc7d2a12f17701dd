"""A block device of a host of the lab, made of a file of the host's: it stands for a disk or a LUN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backends.lab.guest_xml import MIB
from backends.lab.host import Host

FOLDER = "/var/lib/libvirt"


@dataclass(frozen=True, slots=True)
class LoopDevice:
    """One of the machine's few; other labs use them, too."""

    host: Host
    path: str
    file: str

    def enlarge(self, mib: int) -> None:
        """What a storage does to a LUN, and the host's kernel sees."""
        self.host.exec("truncate", "-s", str(mib * MIB), self.file)
        self.host.exec("losetup", "-c", self.path)


@contextmanager
def loop_device(host: Host, name: str, mib: int) -> Iterator[LoopDevice]:
    """One of this size while the block lasts. `Lab.down` detaches what a killed owner has left.

    Raises:
        LabError: none is free.
    """
    file = f"{FOLDER}/{name}.device"
    host.exec("truncate", "-s", str(mib * MIB), file)
    path = host.exec("losetup", "-f", "--show", file).stdout.strip()
    try:
        yield LoopDevice(host, path, file)
    finally:
        host.exec("losetup", "-d", path, check=False)
        host.exec("rm", "-f", file, check=False)
