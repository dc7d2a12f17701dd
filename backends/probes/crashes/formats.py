"""What a dump is, by its first bytes, and whether they tell that it is not whole. Pure.

elf(5); makedumpfile's diskdump_mod.h and makedumpfile.h; libvirt's qemu_saveimage.h and libxl_conf.h; Xen's
xenctrl.h (XC_CORE_MAGIC) and docs/misc/dump-core-format.txt; QEMU's win_dump.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from backends.probes.crashes.looked import FileSeen

SPARSE = 4
"""A file that takes less than one part in so many of its size has holes, as dumps have, or was cut off."""
_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"KDUMP   ", "kdump-compressed"),
    (b"DISKDUMP", "diskdump"),
    (b"makedumpfile\0", "kdump-compressed, flattened: makedumpfile -R puts it together"),
    (b"LibvirtQemudSave", "all of the guest's state, as libvirt saves it"),
    (b"LibvirtQemudPart", "all of the guest's state, as libvirt saves it"),
    (b"libvirt-xml\n", "all of the guest's state, as libvirt saves it"),
    (b"LinuxGuestRecord", "Xen guest, saved"),
    (b"\xed\xeb\x0f\xf0", "Xen core, old form"),
    (b"\xee\xeb\x0f\xf0", "Xen core, old form"),
    (b"PAGEDU64", "Windows crash dump"),
    (b"PAGEDUMP", "Windows crash dump"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd)"),
    (b"\x04\x22\x4d\x18", "compressed (lz4)"),
    (b"\xfd7zXZ\0", "compressed (xz)"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"BZh", "compressed (bzip2)"),
)
_CUT = "truncated"


@dataclass(frozen=True, slots=True)
class Format:
    """Texts are safe to show."""

    words: str
    """`ELF core`; empty where the first bytes are not told."""
    trouble: str = ""


def recognise(file: FileSeen) -> Format:
    """What a file is."""
    if not file.readable:
        return Format("", "unreadable: permission denied")
    if file.size_bytes == 0:
        return Format("empty", "truncated: it is empty")
    begins = file.begins
    if begins.startswith(b"\x7fELF"):
        return _elf(begins, file.size_bytes)
    words = next((words for magic, words in _MAGICS if begins.startswith(magic)), None)
    if begins.startswith(b"LibvirtQemudPart"):
        return Format(words or "", "truncated: libvirt had not finished it")
    if words is not None:
        return Format(words)
    if begins and not any(begins):
        return Format("zero bytes", "its beginning holds nothing: it was cut off, or not written out")
    return Format("of no form that is known" if begins else "")


def sparse_words(file: FileSeen) -> str:
    """`takes 12.0 KiB of 2.0 GiB` is worth telling where a file has far less on the disk than its size."""
    held = file.allocated_bytes
    return "sparse" if held is not None and held * SPARSE < file.size_bytes else ""


def _elf(begins: bytes, size_bytes: int) -> Format:
    """A core, and whether its own tables lie within it. Where each piece of memory ends is told further in."""
    if len(begins) < 20:
        return Format("ELF", _CUT)
    order = ">" if begins[5] == 2 else "<"
    is_core = struct.unpack_from(f"{order}H", begins, 16)[0] == 4
    words = "ELF core" if is_core else "ELF, and no core"
    if begins[4] == 2 and len(begins) >= 64:
        programs, sections = struct.unpack_from(f"{order}QQ", begins, 32)
        sizes = struct.unpack_from(f"{order}4H", begins, 54)
    elif begins[4] == 1 and len(begins) >= 52:
        programs, sections = struct.unpack_from(f"{order}II", begins, 28)
        sizes = struct.unpack_from(f"{order}4H", begins, 42)
    else:
        return Format(words, _CUT if size_bytes < 64 else "")
    entry, count, section_entry, section_count = sizes
    ends = max(
        programs + entry * count if count else 0,
        sections + section_entry * section_count if section_count else 0,
    )
    if ends > size_bytes:
        return Format(words, f"{_CUT}: its tables reach to byte {ends}, and it has {size_bytes}")
    return Format(words)
