"""A volume group on a host of the lab: real LVM on a file of the host's, as far as a kernel without device-mapper goes.

Groups and volumes are made, grown, listed and removed for real; no volume is ever active, so no guest can run from one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backends.lab.host import Host
from backends.lab.loop_device import LoopDevice, loop_device

SETTINGS = "/etc/lvm/lvmlocal.conf"
"""Settings here win over those of lvm.conf (lvm.conf(5))."""
# Without udev and device-mapper. Other loop devices are not looked at: they are the machine's, or other labs'.
CONFIGURATION = """\
global { activation = 0 }
activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
devices {
    obtain_device_list_from_udev = 0
    use_devicesfile = 0
    external_device_info_source = "none"
    filter = [ "a|^%s$|", "r|.*|" ]
}
"""


@dataclass(frozen=True, slots=True)
class VolumeGroup:
    """One group with one device."""

    host: Host
    name: str
    device: LoopDevice

    def lvm(self, *words: str) -> str:
        """Run one of LVM's commands; returns what it printed.

        Raises:
            LabError: it refused.
        """
        return self.host.exec("env", "LVM_SUPPRESS_FD_WARNINGS=1", *words).stdout

    def create(self, volume: str, mib: int) -> str:
        """A volume; returns its path, which is not there, as it cannot be active."""
        self.lvm("lvcreate", "-q", "-an", "-Zn", "-Wn", "-L", f"{mib}m", "-n", volume, self.name)
        return f"/dev/{self.name}/{volume}"

    def bytes_of(self, volume: str) -> int:
        """How large LVM says that it is."""
        words = ("--noheadings", "--units", "b", "--nosuffix", "-o", "lv_size")
        return int(self.lvm("lvs", *words, f"{self.name}/{volume}"))


@contextmanager
def volume_group(host: Host, name: str, mib: int) -> Iterator[VolumeGroup]:
    """A group on a device of this size while the block lasts.

    Raises:
        LabError: no loop device is free, or LVM refused.
    """
    with loop_device(host, name, mib) as device:
        group = VolumeGroup(host, name, device)
        host.exec("tee", SETTINGS, stdin=CONFIGURATION % device.path)
        try:
            group.lvm("pvcreate", "-q", device.path)
            group.lvm("vgcreate", "-q", name, device.path)
            yield group
        finally:
            host.exec("rm", "-f", SETTINGS, check=False)
