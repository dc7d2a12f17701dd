"""What a dump takes at the most, what it is called, and which of libvirt's drivers can take it. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from backends.model.dump import DumpFormat, DumpWish, WhileDumping
from backends.model.guest import virsh_name
from backends.model.host import HostSpec
from backends.untrusted import clean

MIB = 2**20
FIRMWARE_BYTES = 32 * MIB
"""ROMs, flash and the notes of an ELF file. A PC has less than a MiB of ROMs, its UEFI flash at most 16 MiB."""
DEVICES_BYTES = 64 * MIB
"""The state of all devices of a full dump."""
PAGE_SHARE = 64
"""One part in 64 more: of a page of 4096 bytes kdump keeps 24 bytes of its own and two bits (makedumpfile,
IMPLEMENTATION), its flattened form 16 bytes for each piece; QEMU's stream 8 bytes for each page."""
_NAME_CHARACTERS = 64
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Ability:
    """What one of libvirt's drivers takes, as its source says (virCheckFlags of its domainCoreDump)."""

    memory_only: bool
    then: tuple[WhileDumping, ...]
    aborts: bool
    """Has it jobs: figures while it dumps, and an end for it?"""


ABILITIES: Mapping[str, Ability | None] = {
    "qemu": Ability(memory_only=True, then=tuple(WhileDumping), aborts=True),
    "xen": Ability(
        memory_only=False, then=(WhileDumping.PAUSED, WhileDumping.LIVE, WhileDumping.CRASH), aborts=False
    ),
    "test": Ability(memory_only=False, then=(WhileDumping.PAUSED, WhileDumping.CRASH), aborts=False),
    "lxc": None,
    "openvz": None,
    "bhyve": None,
    "vbox": None,
    "vmware": None,
    "esx": None,
    "hyperv": None,
}
"""None: it dumps no guest. Of drivers that are not here nothing is known."""


def most_bytes(wish: DumpWish, memory_bytes: int, video_bytes: int) -> int:
    """The most that the file takes. A live dump of all of the state may take more: see the plan's findings."""
    memory = memory_bytes + video_bytes + FIRMWARE_BYTES
    if wish.memory_only and wish.format in (DumpFormat.RAW, DumpFormat.WINDOWS):
        return memory
    devices = 0 if wish.memory_only else DEVICES_BYTES
    return memory + memory // PAGE_SHARE + devices


def is_compressed(wish: DumpWish) -> bool:
    """Does it mostly take much less than the most?"""
    return wish.memory_only and wish.format not in (DumpFormat.RAW, DumpFormat.WINDOWS)


def file_name(wish: DumpWish, name: str, at: datetime) -> str:
    """`web-2026-11-24-151959.elf`: of the guest's name only what any file system and any shell takes as it is."""
    plain = _ODD.sub("-", name)[:_NAME_CHARACTERS].strip("-.") or wish.guest.uuid
    ending = wish.format.value if wish.memory_only else "state"
    return f"{plain}-{at:%Y-%m-%d-%H%M%S}.{ending}"


def virsh_command(spec: HostSpec, wish: DumpWish, name: str, path: str) -> str:
    """virsh(1), dump."""
    words = ["virsh", "-c", spec.virsh_uri(wish.guest.driver), "dump"]
    if wish.memory_only:
        words += ["--memory-only", "--format", wish.format.value]
    option = {WhileDumping.LIVE: "--live", WhileDumping.CRASH: "--crash", WhileDumping.RESET: "--reset"}
    words += [option[wish.then]] if wish.then in option else []
    return shlex.join([*words, virsh_name(name, wish.guest), clean(path, limit=4096)])
