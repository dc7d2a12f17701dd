"""Sizes as people type them: `20G`, `20 GiB`, `+5G`. Pure.

The units are virsh's (its manual, "NOTES"): G and GiB are 1024^3, GB is 1000^3.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from tui.format import long_size

MIB = 1024**2

_FORM = re.compile(r"(?P<plus>\+?)\s*(?P<number>\d{1,15}(?:[.,]\d{1,6})?)\s*(?P<unit>[A-Za-z]*)")
_POWERS = {letter: power for power, letter in enumerate("KMGTPE", 1)}
_LARGEST = 2**63 - 1
"""libvirt counts a disk's bytes in a signed 64-bit number where QEMU does."""


class SizeError(ValueError):
    """It cannot be understood, or is no growth; the text says why, for the user to see."""


def read_size(text: str, now_bytes: int | None = None) -> int:
    """Bytes, rounded up to a whole MiB. `+5G` is from `now_bytes` on. Raises SizeError."""
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise SizeError(f"{text.strip()!r} is no size: write 20G, 20 GiB, or +5G for 5 GiB more")
    number, unit = Decimal(form["number"].replace(",", ".")), form["unit"]
    if not unit:
        raise SizeError(f"{form['number']} of what? Write {form['plus']}{form['number']}G for GiB, M for MiB")
    asked = number * _unit_bytes(unit)
    if form["plus"]:
        if now_bytes is None:
            raise SizeError("how large it is now is not known: write the whole size, without a +")
        asked += now_bytes
    size = math.ceil(asked / MIB) * MIB
    if size > _LARGEST:
        raise SizeError("no disk is that large")
    return size


def _unit_bytes(unit: str) -> int:
    folded = unit.upper()
    if folded in ("B", "BYTE", "BYTES"):
        return 1
    power = _POWERS.get(folded[0])
    if power is None or folded[1:] not in ("", "B", "IB"):
        raise SizeError(f"{unit!r} is no unit: M, G and T are MiB, GiB and TiB")
    return int(1000**power if folded[1:] == "B" else 1024**power)


def read_growth(text: str, now_bytes: int | None) -> int:
    """As `read_size`, of a disk that is to become larger. Raises SizeError."""
    size = read_size(text, now_bytes)
    if now_bytes is not None and size < now_bytes:
        raise SizeError(f"it has {long_size(now_bytes)} already: a disk can only grow")
    if now_bytes is not None and size == now_bytes:
        raise SizeError(f"it has {long_size(now_bytes)} already")
    if not size:
        raise SizeError("a disk cannot be of no size")
    return size
