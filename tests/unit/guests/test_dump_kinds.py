"""A dump is recognised by its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.probes.dump_kinds import HEAD_BYTES, head_from, kind_of
from backends.probes.dump_place import free_in, rooms_in

ELF = bytes.fromhex("7f454c4602010100000000000000000004003e0001000000")
"""The first bytes of a memory-only dump by QEMU 10."""
FLATTENED = b"makedumpfile\0\0\0\0" + bytes.fromhex("00000000000000010000000000000001")
"""Of the same with kdump-zlib, and of a full one, below."""
STATE = bytes.fromhex("5145564d00000003070000000d70632d693434306678")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (ELF, "ELF 64-bit core of x86-64"),
        (FLATTENED, "kdump-compressed, flattened"),
        (STATE, "QEMU's state"),
        (b"KDUMP   " + b"\6\0\0\0", "kdump-compressed"),  # makedumpfile, diskdump_mod.h: KDUMP_SIGNATURE
        (b"PAGEDU64", "Windows dump, 64-bit"),  # QEMU, include/qemu/win_dump_defs.h
        (b"LibvirtQemudSave", "saved"),  # libvirt, src/qemu/qemu_saveimage.h
        (b"\x1f\x8b\x08", "gzip"),
        # s390x, elf.h: big endian, EM_S390
        (
            bytes.fromhex("7f454c4602020100") + bytes(8) + bytes.fromhex("00040016"),
            "ELF 64-bit core of s390x",
        ),
        (ELF[:16] + b"\2\0" + ELF[18:], "no core"),
        (ELF[:10], "ELF, cut off"),
    ],
)
def test_it_is_told_what_a_dump_is(head: bytes, words: str) -> None:
    assert words in kind_of(head)


def test_what_is_nothing_known_is_called_nothing() -> None:
    assert kind_of(b"") == kind_of(bytes(HEAD_BYTES)) == kind_of(b"hello") == ""


def test_bytes_come_over_as_od_prints_them() -> None:
    printed = " 7f 45 4c 46 02 01 01 00 00 00 00 00 00 00 00 00\n 04 00 3e 00\n"
    assert head_from(printed) == ELF[:20]
    assert head_from("od: /x: Permission denied") == b""


@given(st.binary())
def test_no_bytes_are_too_odd(head: bytes) -> None:
    assert kind_of(head).isprintable()


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    head_from(text)
    free_in(text)
    rooms_in(text)


DF = """\
Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda1        264212084 26375432  80015480      25% /
tmpfs             12341828        0  12341828       0% /run
/dev/mapper/vg-a b 1000000   10000    990000       2% /srv/my dumps
/dev/vda1        264212084 26375432  80015480      25% /var
/dev/vdc              4096      100      -100     103% /full
/dev/vda2           500000     1000    499000       1% /boot
"""
"""df -Plk (coreutils): a device that is mounted twice, one with a blank in its name, one that is over-full."""


def test_the_roomiest_disks_are_named_once_each() -> None:
    assert rooms_in(DF) == (
        ("/", 80015480 * 1024),
        ("/srv/my dumps", 990000 * 1024),
        ("/full", -100 * 1024),
    )


def test_what_is_free_is_never_less_than_nothing() -> None:
    assert free_in(DF.splitlines()[5]) == 0
    assert free_in(DF) == 80015480 * 1024
    assert free_in("df: no file systems processed") is None
