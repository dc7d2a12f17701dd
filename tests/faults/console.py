"""What a guest said on its serial console, on whichever host it ran: its lives, and the ticks of each. Pure.

Both hosts append to the same file. A guest that ran twice, or that lost what it had done, has ticks that come again; a
guest that lost memory that it had written before has ticks that are missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

READY = b"LAB-GUEST READY"
_WORD = re.compile(
    rb"LAB-GUEST READY|tick (\d+) mono=\d+|disk (?:write \d+|head): ([^\n]+)|Kernel panic|Oops"
)
_NEAR = 200
"""Bytes within which two words are of the same moment."""
_LAST_BREATH = b"reboot: "
"""The kernel's word when it lets go of its devices: a write that fails from then on is the guest's own doing."""


@dataclass(frozen=True, slots=True)
class Life:
    """From one boot to the next."""

    ticks: tuple[int, ...]
    disk_errors: tuple[str, ...] = ()
    panicked: bool = False

    @property
    def lost(self) -> tuple[int, ...]:
        """Ticks that were skipped."""
        return tuple(gap for before, after in pairwise(self.ticks) for gap in range(before + 1, after))

    @property
    def repeated(self) -> tuple[int, ...]:
        """Ticks that came again: the guest ran twice, or went back in time."""
        return tuple(after for before, after in pairwise(self.ticks) if after <= before)


def lives(text: bytes) -> tuple[Life, ...]:
    """Every life of a console file, oldest first."""
    found: list[Life] = []
    ticks: list[int] = []
    errors: list[str] = []
    panicked = False

    def close() -> None:
        if ticks or errors or panicked:
            found.append(Life(tuple(ticks), tuple(errors), panicked))

    for word in _WORD.finditer(text):
        if word[0] == READY:
            close()
            ticks, errors, panicked = [], [], False
        elif word[1]:
            ticks.append(int(word[1]))
        elif word[2]:
            if _LAST_BREATH not in text[word.start() : word.end() + _NEAR]:
                errors.append(word[2].decode(errors="replace").strip())
        else:
            panicked = True
    close()
    return tuple(found)


def complaints(text: bytes) -> list[str]:
    """What a guest that was moved well does not say."""
    said = []
    for number, life in enumerate(lives(text), 1):
        if life.lost:
            said.append(f"life {number}: {len(life.lost)} ticks lost, from {life.lost[0]}")
        if life.repeated:
            said.append(f"life {number}: {len(life.repeated)} ticks came again, from {life.repeated[0]}")
        if life.disk_errors:
            said.append(f"life {number}: disk {life.disk_errors[0]}")
    return said
