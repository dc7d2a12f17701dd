"""Sets of processors or NUMA nodes as libvirt writes them: `0-3,^2,8`. Pure."""

from __future__ import annotations

_LARGEST = 65535
"""No host has more; a definition that says so cannot fill our memory."""


def parse_ids(text: str) -> frozenset[int]:
    """The numbers of the set; what makes no sense is left out."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().removeprefix("^").partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            continue
        numbers = range(int(first), min(int(last) if dash else int(first), _LARGEST) + 1)
        if part.strip().startswith("^"):
            found.difference_update(numbers)
        else:
            found.update(numbers)
    return frozenset(found)
