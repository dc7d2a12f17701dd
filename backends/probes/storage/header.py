"""The first bytes of a host's block devices, with all that the host tells of what is behind them: in one command.

Nothing is written to a device, ever: a LUN may belong to a guest, or to hosts that this program does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from backends.probes.storage import block, lvm
from backends.probes.storage.block import Device, Devices
from backends.probes.storage.lvm import Group, Lvm, Volume
from backends.probes.survey import asking
from backends.probes.survey.asking import Questions
from backends.probes.survey.readings import Readings
from backends.remote.shell import Shell
from backends.untrusted import clean

DEADLINE_S = 20.0
MOST_DEVICES = 64
_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of no bytes at all: nothing could be read."""
_DIGEST_LETTERS = 64


class State(Enum):
    """What is at a path."""

    THERE = "there"
    MISSING = "missing"
    DENIED = "denied"
    """A block device that this account may not read."""
    OTHER = "other"
    """Something that is no block device."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Header:
    """What one path leads to, and how that begins."""

    state: State
    real_path: str = ""
    """To be used, never to be shown."""
    digest: str = ""
    """SHA-256 of the first MiB; empty where it could not be read."""
    signs: tuple[str, ...] = ()
    """What blkid(8) finds in it: `TYPE=ext4`, `UUID=...`, `PTUUID=...`; safe to show, in the order of their names."""


@dataclass(frozen=True, slots=True)
class HostDevices:
    """All block devices of one host, and the headers that were asked for, by the path that was asked for."""

    host: str
    devices: Devices = field(default_factory=Devices)
    lvm: Lvm = field(default_factory=Lvm)
    headers: Mapping[str, Header] = field(default_factory=dict)
    trouble: str = ""
    """Why the host tells nothing."""

    def header(self, path: str) -> Header:
        """Unknown where it was not asked for."""
        return self.headers.get(path, Header(State.UNKNOWN))

    def device(self, path: str) -> Device | None:
        """What the path leads to."""
        return self.devices.find(self.header(path).real_path or path)

    def disks(self, path: str) -> tuple[Device, ...]:
        """The disks at the bottom of it."""
        device = self.device(path)
        below = self.devices.below(device.name) if device else ()
        return tuple(each for each in below if not each.made_of and not each.parent)

    def volume(self, path: str) -> tuple[Group, Volume] | None:
        """The logical volume that a path names, active or not."""
        for group in self.lvm.groups:
            for volume in group.volumes:
                if path in _paths_of(group.name, volume.name):
                    return group, volume
        return None


async def ask(shell: Shell, host: str, paths: Sequence[str]) -> HostDevices:
    """One command. Raises FerryError."""
    asked = tuple(dict.fromkeys(paths))[:MOST_DEVICES]
    argv = asking.command(asking.script(__package__, "devices.sh", "header.sh"), *asked)
    readings = await asking.ask(shell, argv, Questions(commands=(lvm.REPORT,)), deadline_s=DEADLINE_S)
    return read(readings, host, asked)


def read(readings: Readings, host: str, paths: Sequence[str]) -> HostDevices:
    """Pure. `paths`: as they were asked for."""
    devices = block.read(readings)
    return HostDevices(
        host,
        devices,
        lvm.read(readings),
        {path: parse(readings.text(f"header {number}")) for number, path in enumerate(paths)},
        devices.trouble,
    )


def parse(text: str) -> Header:
    """One device's lines. Pure; whatever is not understood is UNKNOWN."""
    told = dict(line.partition("=")[::2] for line in text.split("\n"))
    states = {state.value: state for state in State}
    digest = told.get("sha256", "")
    is_digest = len(digest) == _DIGEST_LETTERS and digest.isalnum() and digest != _NOTHING
    signs = (f"{name}={told[name]}" for name in ("PTTYPE", "PTUUID", "TYPE", "UUID") if told.get(name))
    return Header(
        states.get(told.get("state", ""), State.UNKNOWN),
        real_path=told.get("path", ""),
        digest=digest if is_digest else "",
        signs=tuple(clean(sign) for sign in signs),
    )


def _paths_of(group: str, volume: str) -> tuple[str, str]:
    """`/dev/vg/lv`, and `/dev/mapper/vg-lv` with doubled hyphens (lvm(8))."""
    mapped = "-".join(name.replace("-", "--") for name in (group, volume))
    return f"/dev/{group}/{volume}", f"/dev/mapper/{mapped}"
