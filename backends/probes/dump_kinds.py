"""What a dump is, by its first bytes. Pure."""

from __future__ import annotations

import re
from typing import Literal

HEAD_BYTES = 64
READ_HEAD = ("env", "LC_ALL=C", "od", "-A", "n", "-t", "x1", "-v", "-N", str(HEAD_BYTES), "--")
"""od(1), to be followed by a path: bytes as text, whatever they are."""

_ET_CORE = 4
_MACHINES = {3: "x86", 22: "s390x", 21: "ppc64", 40: "ARM", 62: "x86-64", 183: "aarch64", 243: "RISC-V"}
"""elf.h, e_machine."""
_MAGICS = (
    (b"KDUMP   ", "kdump-compressed"),
    (b"DISKDUMP", "diskdump-compressed"),
    (b"makedumpfile\0", "kdump-compressed, flattened: crash(8) reads it, makedumpfile -R makes it plain"),
    (b"PAGEDU64", "Windows dump, 64-bit"),
    (b"PAGEDUMP", "Windows dump, 32-bit"),
    (b"QEVM", "QEMU's state, as a save has it"),
    (b"LibvirtQemudSave", "a guest that libvirt has saved"),
    (b"LibvirtQemudPart", "a guest that libvirt had begun to save: not whole"),
    (b"TestGuestMagic", "libvirt's test driver"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"BZh", "bzip2-compressed"),
    (b"\xfd7zXZ\0", "xz-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"\x89LZO\0", "lzop-compressed"),
)
"""makedumpfile's diskdump_mod.h and makedumpfile.h; QEMU's win_dump_defs.h and savevm.c; libvirt's qemu_saveimage.h
and test_driver.c; what qemu.conf's dump_image_format makes of a full dump."""


def head_from(text: str) -> bytes:
    """What READ_HEAD has printed; empty for what is nothing of it."""
    words = text.split()[:HEAD_BYTES]
    if not all(re.fullmatch("[0-9a-f]{2}", word) for word in words):
        return b""
    return bytes.fromhex("".join(words))


def kind_of(head: bytes) -> str:
    """In words; empty for what is nothing that is known."""
    if head.startswith(b"\x7fELF"):
        return _elf(head)
    return next((words for magic, words in _MAGICS if head.startswith(magic)), "")


def _elf(head: bytes) -> str:
    if len(head) < 20:
        return "ELF, cut off"
    order: Literal["big", "little"] = "big" if head[5] == 2 else "little"
    kind, machine = (int.from_bytes(head[at : at + 2], order) for at in (16, 18))
    bits = {1: "32-bit ", 2: "64-bit "}.get(head[4], "")
    named = f" of {_MACHINES[machine]}" if machine in _MACHINES else ""
    return f"ELF {bits}core{named}" if kind == _ET_CORE else f"ELF {bits}file that is no core"
