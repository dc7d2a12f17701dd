"""The numbers that a guest writes to its disk: is everything there that it has written? Pure, but for one read.

The guest's /init writes block after block with a number that rises by one, with O_DIRECT and each after the other,
and repeats the number in block 0 now and then. So when block 0 shows N, each number up to N must be where it belongs,
unless a later one has taken its place. A disk that was copied badly, or was not written for a while, has older ones.
"""

from __future__ import annotations

import re
from pathlib import Path

BLOCK = 4096
_NUMBER = re.compile(rb"LABSEQ (\d+)\n")


def missing(image: Path) -> list[int]:
    """Numbers that the guest has written, and that are not on its disk. For a guest that has booted once."""
    with image.open("rb") as file:
        head = _number(file.read(BLOCK))
        blocks = image.stat().st_size // BLOCK
        slots = blocks - 1
        absent = []
        for slot in range(slots):
            expected = head - (head - slot) % slots
            if expected <= 0:
                continue
            file.seek((1 + slot) * BLOCK)
            if _number(file.read(64)) < expected:
                absent.append(expected)
    return sorted(absent)


def _number(block: bytes) -> int:
    found = _NUMBER.match(block)
    return int(found[1]) if found else 0
