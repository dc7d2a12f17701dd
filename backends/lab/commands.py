"""`virt-ferry lab ...` (and `python -m backends.lab ...`): the lab from a shell."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from cyclopts import App, Parameter

from backends.lab import fault_commands
from backends.lab.container import ContainerSpec
from backends.lab.errors import LabError
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab, NodeStatus

app = App(name="lab", help="Real libvirt hosts on this machine, to try virt-ferry and every fault on.")

for fault in fault_commands.ALL:
    app.command(fault)

Words = Annotated[str, Parameter(allow_leading_hyphen=True)]


@app.command
def prepare() -> str:
    """Fetch and build what the lab needs, without starting it; `up` does this too."""
    Lab().prepare()
    return "ready"


@app.command
def up() -> str:
    """Start the lab, or what is missing of it."""
    report = Lab().up()
    said = [f"started {', '.join(report.started)}"] if report.started else []
    said += [f"adopted {', '.join(report.adopted)}, running already"] if report.adopted else []
    return "; ".join(said)


@app.command
def down() -> str:
    """Remove all of the lab from this machine."""
    Lab().down()
    return "the lab is gone"


@app.command
def status() -> str:
    """Show the lab's nodes, their faults and their guests."""
    return "\n".join(_status_line(node) for node in Lab().status())


def _status_line(node: NodeStatus) -> str:
    faults = (["cut off"] if node.cut else []) + ([f"at most {node.rate}"] if node.rate else [])
    faults += [f"no {channel}" for channel in node.blocked]
    guests = ", ".join(
        [name if state == "running" else f"{name} ({state})" for name, state in node.guests.items()]
        + [f"{name} (container, {state})" for name, state in node.containers.items()]
    )
    state = ", ".join([str(node.power), *faults])
    return f"{node.name}  {node.address:<12} {state:<10} {guests}".rstrip()


@app.command
def populate() -> str:
    """Start the demo fleet: five guests over three hosts, and one that is off."""
    started = Lab().populate()
    return f"started {', '.join(guest.name for guest in started)}" if started else "all there already"


@app.command
def guest(
    name: str,
    *,
    host: str = "h1",
    dirty: int = 0,
    memory: int = 128,
    vcpus: int = 1,
    disk: Disk = Disk.SHARED,
    disk_size: int = 64,
    disk_writes: int = 0,
    lun: int = 1,
    graphics: bool = False,
    on_crash: str = "destroy",
    transient: bool = False,
) -> str:
    """Start a tiny guest and wait until it runs.

    Parameters
    ----------
    name
        What to call it.
    host
        Where to start it: h1, h2 or h3.
    dirty
        MiB of memory it writes each second.
    memory
        MiB of memory it has.
    vcpus
        Virtual processors.
    disk
        Where its disk is; local disks stay behind unless a move copies them.
    disk_size
        MiB of a shared or local disk.
    disk_writes
        KiB it writes to its disk each second.
    lun
        Which of the storage node's disks an iscsi guest uses: 1, 2 or 3.
    graphics
        Give it a VGA screen.
    on_crash
        What libvirt does after a panic, such as coredump-destroy.
    transient
        Do not store its definition.
    """
    spec = GuestSpec(
        name=name, memory_mib=memory, vcpus=vcpus, dirty_mib_s=dirty, disk=disk, disk_mib=disk_size,
        write_kib_s=disk_writes, lun=lun, graphics=graphics, on_crash=on_crash,
    )  # fmt: skip
    Lab().guest(spec, host=host, transient=transient)
    return f"{name} runs on {host}"


@app.command
def container(name: str, *, host: str = "h1", memory: int = 32) -> str:
    """Start a tiny container beside the guests of a host and wait until it runs.

    Parameters
    ----------
    name
        What to call it.
    host
        Where to start it: h1, h2 or h3.
    memory
        MiB of memory it may use.
    """
    Lab().container(ContainerSpec(name=name, memory_mib=memory), host=host)
    return f"the container {name} runs on {host}"


@app.command(name="exec", help_flags=[], version_flags=[])
def execute(node: str, *command: Words) -> None:
    """Run a command inside a node, as root."""
    _become(Lab().node(node).command(command))


@app.command
def shell(node: str) -> None:
    """Open a root shell inside a node."""
    _become(Lab().node(node).command(["bash", "-i"]))


@app.command(help_flags=[], version_flags=[])
def tgt(*arguments: Words) -> None:
    """Run tgtadm on the storage node, to change its iSCSI disks."""
    _become(Lab().storage.command(["tgtadm", "--lld", "iscsi", *arguments]))


def _become(command: list[str]) -> None:
    """Replace this process, so that the command has the terminal and its exit code is ours."""
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def main() -> None:
    """Run the lab's commands on their own, without the rest of virt-ferry."""
    try:
        app()
    except LabError as error:
        hint = f"\n{error.hint}" if error.hint else ""
        sys.exit(f"virt-ferry lab: {error}{hint}")
