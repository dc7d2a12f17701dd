"""Sets of processors or NUMA nodes as libvirt writes them: `0-3,^2,8`. Pure."""

from __future__ import annotations

import re

_LARGEST = 65535
"""No host has more; a definition that says so cannot fill our memory."""
_PART = re.compile(r"(\^?)(\d{1,9})(?:-(\d{1,9}))?")


def parse_ids(text: str) -> frozenset[int]:
    """The numbers of the set; what makes no sense is left out."""
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if not match:
            continue
        without, first, last = match.groups()
        numbers = range(int(first), min(int(last or first), _LARGEST) + 1)
        if without:
            found.difference_update(numbers)
        else:
            found.update(numbers)
    return frozenset(found)
