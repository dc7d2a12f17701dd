"""A container of the lab: busybox on the host's own kernel, looked after by libvirt's LXC driver beside QEMU."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from backends.lab.errors import LabError
from backends.lab.guest_xml import require_guest_name
from backends.lab.host import LXC, Host
from backends.lab.layout import CONTAINERS_IN_HOST, Layout
from backends.lab.process import wait_until

BUSYBOX = "/bin/busybox"
"""Statically linked, or no program would run in a folder that holds nothing else."""
READY = "ready"
READY_TIMEOUT_S = 20
OFF = "shut off"
# libvirt asks a container to end by init's old pipe (initctl(5)), and says that it has where there is none: the signal
# that it documents for that case is never sent (lxcDomainShutdownFlags in lxc_driver.c, libvirt 9.0).
INIT = f"""\
#!{BUSYBOX} sh
{BUSYBOX} mkfifo /dev/initctl
exec 3<>/dev/initctl
: >/{READY}
{BUSYBOX} head -c 1 <&3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What a container should be like."""

    name: str
    memory_mib: int = 32

    def __post_init__(self) -> None:
        require_guest_name(self.name)


def container_xml(spec: ContainerSpec, layout: Layout) -> str:
    """The domain. Pure. Without a network of its own the container would sit in that of its host."""
    return f"""\
<domain type='lxc'>
  <name>{spec.name}</name>
  <uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, f"{spec.name}.container.{layout.tag}")}</uuid>
  <memory unit='MiB'>{spec.memory_mib}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64'>exe</type>
    <init>/init</init>
  </os>
  <features><privnet/></features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <filesystem type='mount'>
      <source dir='{CONTAINERS_IN_HOST}/{spec.name}'/>
      <target dir='/'/>
    </filesystem>
    <console type='pty'/>
  </devices>
</domain>
"""


def define_container(spec: ContainerSpec, host: Host, *, start: bool = True) -> None:
    """Make a container with its files on `host`; returns when it runs, unless told not to start it.

    Raises:
        LabError: it runs already, libvirt refused, or it did not start.
    """
    if host.containers().get(spec.name, OFF) != OFF:
        raise LabError(f"the container {spec.name} runs on {host.name} already")
    root = host.containers_folder / spec.name
    shutil.rmtree(root, ignore_errors=True)
    _fill(root)
    command = "define /dev/stdin" + (f"; start {spec.name}" if start else "")
    host.virsh(command, stdin=container_xml(spec, host.layout), driver=LXC)
    if start:
        ready = (root / READY).exists
        wait_until(ready, timeout_s=READY_TIMEOUT_S, what=f"the container {spec.name} to run")


def _fill(root: Path) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise LabError("busybox is not installed", hint="Run ./dev setup as root.")
    inside = root / BUSYBOX.removeprefix("/")
    inside.parent.mkdir(parents=True)
    shutil.copy(busybox, inside)
    init = root / "init"
    init.write_text(INIT)
    init.chmod(0o755)
