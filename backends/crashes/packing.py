"""Compressed logs, told apart and decompressed, in steps of bounded size. Pure."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Protocol

import zstandard

from backends.untrusted import clean

MAX_MEMORY_BYTES = 128 * 1024 * 1024
"""What xz(1) and zstd(1) need at their best usual levels (xz -9: 65 MiB; zstd -19: 8 MiB)."""
STEP_BYTES = 1024 * 1024
"""Of the text at a time."""
_ZSTD_STEP_BYTES = 512
"""The least block has 4 bytes and unfolds to 128 KiB (RFC 8878, 3.1.1.2)."""
_BZ2_BLOCK = b"\x31\x41\x59\x26\x53\x59"


class Packing(Enum):
    """By the first bytes of a file: its name tells nothing for sure (magic(5))."""

    NONE = ""
    GZIP = "gzip"
    XZ = "xz"
    BZIP2 = "bzip2"
    ZSTD = "zstd"

    @classmethod
    def of(cls, head: bytes) -> Packing:
        """From the first 10 bytes or more."""
        if head.startswith(b"\x1f\x8b\x08"):
            return cls.GZIP
        if head.startswith(b"\xfd7zXZ\x00"):
            return cls.XZ
        if head.startswith(b"BZh") and head[4:10] == _BZ2_BLOCK:
            return cls.BZIP2
        return cls.ZSTD if head.startswith(b"\x28\xb5\x2f\xfd") else cls.NONE


# Decompressing ---------------------------------------------------------------------------------


class DamagedError(Exception):
    """The file is not what its first bytes promise; the cause is safe to show."""


class _Member(Protocol):
    """One compressed stream of a file, which may hold several."""

    @property
    def eof(self) -> bool:
        """It has ended."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What follows its end."""
        ...

    def unfold(self, data: bytes) -> Iterator[bytes]:
        """The text of these bytes, in pieces of bounded size."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def unfold(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield self._object.decompress(data, STEP_BYTES)
            data = self._object.unconsumed_tail


class _Limited:
    """bz2 and lzma: both keep what they have not used yet."""

    def __init__(self, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._object = decompressor

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def unfold(self, data: bytes) -> Iterator[bytes]:
        yield self._object.decompress(data, STEP_BYTES)
        while not self._object.eof and not self._object.needs_input:
            yield self._object.decompress(b"", STEP_BYTES)


class _Zstd:
    def __init__(self) -> None:
        self._object = zstandard.ZstdDecompressor(max_window_size=MAX_MEMORY_BYTES).decompressobj()
        self._left = b""

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data + self._left

    def unfold(self, data: bytes) -> Iterator[bytes]:
        view = memoryview(data)
        while view and not self._object.eof:
            yield self._object.decompress(bytes(view[:_ZSTD_STEP_BYTES]))
            view = view[_ZSTD_STEP_BYTES:]
        self._left = bytes(view)


_MEMBERS: dict[Packing, Callable[[], _Member]] = {
    Packing.GZIP: _Gzip,
    Packing.XZ: lambda: _Limited(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_MEMORY_BYTES)),
    Packing.BZIP2: lambda: _Limited(bz2.BZ2Decompressor()),
    Packing.ZSTD: _Zstd,
}
_DAMAGES = (zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, zstandard.ZstdError)
"""What they raise for bytes that they cannot make sense of (bz2 an OSError)."""


class Unpacking:
    """Told the bytes of a compressed file, it gives its text. Members follow each other, as in a log added to a log."""

    def __init__(self, packing: Packing) -> None:
        self._begin = _MEMBERS[packing]
        self._member = self._begin()
        self._members = 0
        self.is_whole = False
        """A member has ended, and nothing has followed yet."""
        self._stopped = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Pieces of bounded size. Raises DamagedError; what follows the last whole member is then no part of it."""
        while data and not self._stopped:
            self.is_whole = False
            pieces = self._member.unfold(data)
            while (piece := self._next(pieces)) is not None:
                yield piece
            if not self._member.eof:
                return
            data = self._member.unused_data.lstrip(b"\0")  # padding (xz(1), tar(1))
            self._member = self._begin()
            self._members += 1
            self.is_whole = True

    def _next(self, pieces: Iterator[bytes]) -> bytes | None:
        try:
            return next(pieces, None)
        except MemoryError:
            raise DamagedError("it needs more memory than it may take") from None
        except _DAMAGES as error:
            self._stopped = True
            if self._members:
                self.is_whole = True  # gzip(1): trailing garbage is ignored
                return None
            raise DamagedError(clean(str(error), limit=120)) from error
