"""Compressed logs: whole, cut off, damaged, added to, and made to fill a disk."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from backends.crashes.packing import STEP_BYTES, DamagedError, Packing, Unpacking

TEXT = b"".join(b"%d: qemu-system-x86_64: terminating on signal 15\n" % number for number in range(20_000))
Pack = Callable[[bytes], bytes]
PACKS: dict[Packing, Pack] = {
    Packing.GZIP: gzip.compress,
    Packing.XZ: lambda data: lzma.compress(data, preset=0),
    Packing.BZIP2: bz2.compress,
    Packing.ZSTD: zstandard.ZstdCompressor().compress,
}
each_packing = pytest.mark.parametrize("packing", PACKS)


def unpacked(packing: Packing, data: bytes, size: int = 1000) -> tuple[bytes, bool]:
    unpacking = Unpacking(packing)
    text = bytearray()
    for at in range(0, len(data), size):
        for piece in unpacking.feed(data[at : at + size]):
            text += piece
    return bytes(text), unpacking.is_whole


@each_packing
@pytest.mark.parametrize("size", [1, 999, 10**7])
def test_the_text_comes_out_as_it_went_in(packing: Packing, size: int) -> None:
    text = TEXT if size > 1 else TEXT[:5000]
    packed = PACKS[packing](text)
    assert Packing.of(packed[:64]) is packing
    assert unpacked(packing, packed, size) == (text, True)


@each_packing
def test_a_log_that_was_cut_off_gives_what_there_is(packing: Packing) -> None:
    noise = b"".join(b"%d\n" % (number**7 % 1_000_003) for number in range(200_000))
    packed = PACKS[packing](noise)
    text, is_whole = unpacked(packing, packed[: len(packed) * 2 // 3])
    assert not is_whole
    assert len(text) > len(noise) // 3 and noise.startswith(text)


@each_packing
def test_logs_added_to_each_other_are_one(packing: Packing) -> None:
    packed = PACKS[packing](b"one\n") + PACKS[packing](b"two\n")
    assert unpacked(packing, packed, 3) == (b"one\ntwo\n", True)


@each_packing
def test_padding_and_garbage_behind_a_log_are_no_part_of_it(packing: Packing) -> None:
    assert unpacked(packing, PACKS[packing](b"one\n") + bytes(512), 7) == (b"one\n", True)
    assert unpacked(packing, PACKS[packing](b"one\n") + b"garbage, much of it", 10**6) == (b"one\n", True)


@each_packing
def test_a_bomb_unfolds_a_little_at_a_time(packing: Packing) -> None:
    bomb = PACKS[packing](bytes(64 * 2**20))
    unpacking = Unpacking(packing)
    first = next(piece for piece in unpacking.feed(bomb) if piece)
    assert len(first) <= 16 * STEP_BYTES


@each_packing
@given(st.binary(max_size=200))
def test_damaged_bytes_are_said_to_be_damaged(packing: Packing, rest: bytes) -> None:
    head = PACKS[packing](TEXT[:4000])[:10]
    try:
        unpacked(packing, head + rest)
    except DamagedError as error:
        assert str(error).isprintable()


def test_a_text_is_no_compressed_log() -> None:
    assert Packing.of(b"BZh, what a log") is Packing.NONE
    assert Packing.of(b"2026-01-31 12:00:00.000+0000: starting up") is Packing.NONE
    assert Packing.of(b"") is Packing.NONE
