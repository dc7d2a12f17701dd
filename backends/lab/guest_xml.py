"""The lab's guests as libvirt sees them: one specification in, one domain XML out. Pure."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from enum import StrEnum

from backends.lab.errors import LabError
from backends.lab.layout import (
    BOOT_IN_HOST,
    ISCSI_PORT,
    LOCAL_IMAGES_IN_HOST,
    SHARED_IN_HOST,
    STORAGE,
    Layout,
)
from backends.lab.storage_node import TARGET

MACHINE = "pc-i440fx-7.2"
"""Known to the hosts' QEMU 10 and to a distribution's older QEMU alike."""
CPU = "qemu64"
"""An emulated model, the same on every machine."""
LEAST_MEMORY_MIB = 80
"""Below this the guests' kernel does not boot."""
MIB = 1024 * 1024


class Format(StrEnum):
    """Of a guest's disk that is a file."""

    RAW = "raw"
    QCOW2 = "qcow2"


class Disk(StrEnum):
    """Where a guest's disk is."""

    SHARED = "shared"
    LOCAL = "local"
    ISCSI = "iscsi"
    DEVICE = "device"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSpec:
    """What a guest should be like.

    `dirty_mib_s` is how much memory it writes each second, walking over `working_set_mib`; `write_kib_s` the
    same for its disk, of which `cache` is libvirt's word for the cache mode. `cpu_features` is what its processor must
    have beside the usual. `arguments` goes to the guest's /init (guest_init.c lists what it understands).
    """

    name: str
    memory_mib: int = 128
    vcpus: int = 1
    dirty_mib_s: int = 0
    working_set_mib: int = 32
    disk: Disk = Disk.SHARED
    disk_mib: int = 64
    disk_format: Format = Format.RAW
    cache: str = "none"
    write_kib_s: int = 0
    lun: int = 1
    device: str = ""
    graphics: bool = False
    on_crash: str = "destroy"
    cpu_features: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_guest_name(self.name)
        if self.memory_mib < LEAST_MEMORY_MIB:
            raise LabError(f"a lab guest needs at least {LEAST_MEMORY_MIB} MiB of memory")

    @property
    def disk_file(self) -> str:
        """Path of the disk's file in the host, or an empty string if it is not a file."""
        folders = {Disk.SHARED: SHARED_IN_HOST / "images", Disk.LOCAL: LOCAL_IMAGES_IN_HOST}
        return f"{folders[self.disk]}/{self.name}.img" if self.disk in folders else ""


def require_guest_name(name: str) -> None:
    """Raises LabError for what could not stand in XML, a path and a command alike."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,50}", name):
        raise LabError(f"{name!r} is no name for a lab guest", hint="Use letters, digits, dot, dash.")


def domain_xml(spec: GuestSpec, layout: Layout, number: int) -> str:
    """The domain of guest number `number` (1 to 99), which decides its addresses."""
    arguments = " ".join(
        [
            f"ip={layout.subnet}.{100 + number}/24",
            f"dirty={spec.dirty_mib_s}",
            f"ws={spec.working_set_mib}",
            f"diskw={spec.write_kib_s}",
            *spec.arguments,
        ]
    )
    return f"""\
<domain type='qemu'>
  <name>{spec.name}</name>
  <uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, f"{spec.name}.{layout.tag}")}</uuid>
  <memory unit='MiB'>{spec.memory_mib}</memory>
  <vcpu>{spec.vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='{MACHINE}'>hvm</type>
    <kernel>{BOOT_IN_HOST}/vmlinuz</kernel>
    <initrd>{BOOT_IN_HOST}/initrd</initrd>
    <cmdline>console=ttyS0 quiet {arguments}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact'><model fallback='allow'>{CPU}</model>{_features(spec)}</cpu>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>{spec.on_crash}</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>{_disk(spec, layout)}
    <controller type='usb' model='none'/>
    <interface type='bridge'>
      <mac address='52:54:00:77:00:{number:02x}'/>
      <source bridge='br0'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'>
      <log file='{SHARED_IN_HOST}/console/{spec.name}.log' append='on'/>
      <target port='0'/>
    </serial>
    <memballoon model='virtio'><stats period='2'/></memballoon>
    <panic model='isa'/>{_video(spec)}
  </devices>
</domain>
"""


def _disk(spec: GuestSpec, layout: Layout) -> str:
    if spec.disk is Disk.NONE:
        return ""
    if spec.disk is Disk.ISCSI:
        kind, form = "network", Format.RAW
        source = f"""<source protocol='iscsi' name='{TARGET}/{spec.lun}'>
        <host name='{layout.address(STORAGE)}' port='{ISCSI_PORT}'/>
      </source>"""
    elif spec.disk is Disk.DEVICE:
        kind, form = "block", Format.RAW
        source = f"<source dev='{spec.device}'/>"
    else:
        kind, form = "file", spec.disk_format
        source = f"<source file='{spec.disk_file}'/>"
    return f"""
    <disk type='{kind}' device='disk'>
      <driver name='qemu' type='{form}' cache='{spec.cache}'/>
      {source}
      <target dev='vda' bus='virtio'/>
    </disk>"""


def _features(spec: GuestSpec) -> str:
    return "".join(f"<feature policy='require' name='{name}'/>" for name in spec.cpu_features)


def _video(spec: GuestSpec) -> str:
    if spec.graphics:
        return "\n    <graphics type='vnc' autoport='yes'/>\n    <video><model type='vga'/></video>"
    return "\n    <video><model type='none'/></video>"
