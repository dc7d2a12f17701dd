"""What a kernel has been through that makes its developers distrust it: /proc/sys/kernel/tainted, bit by bit."""

from __future__ import annotations

from dataclasses import dataclass

from backends.model.capability import Fact, Section
from backends.probes.survey.question import Question, whole
from backends.probes.survey.readings import Readings

_TAINTED = "/proc/sys/kernel/tainted"
_TAINT = Question("kernel.tainted", Section.KERNEL, "taint")

_REASONS = {
    0: ("P", "a proprietary module was loaded"),
    1: ("F", "a module was force loaded"),
    2: ("S", "the system is out of specification"),
    3: ("R", "a module was force unloaded"),
    4: ("M", "the processor reported a machine check exception"),
    5: ("B", "a bad page was referenced"),
    6: ("U", "a program asked for it"),
    7: ("D", "the kernel had an oops or a bug"),
    8: ("A", "an ACPI table was overridden"),
    9: ("W", "the kernel issued a warning"),
    10: ("C", "a staging driver was loaded"),
    11: ("I", "a bug of the firmware was worked around"),
    12: ("O", "a module from outside the kernel's tree was loaded"),
    13: ("E", "an unsigned module was loaded"),
    14: ("L", "a soft lockup occurred"),
    15: ("K", "the kernel was live patched"),
    16: ("X", "a reason of the distribution's own"),
    17: ("T", "the kernel was built with randomized structures"),
    18: ("N", "an in-kernel test was run"),
    19: ("J", "a debug operation of fwctl changed firmware"),
}
"""Documentation/admin-guide/tainted-kernels.rst"""


@dataclass(frozen=True, slots=True)
class Taint:
    """One reason."""

    bit: int
    letter: str
    """As in an oops; empty for a bit that is not documented."""
    words: str


def taints(number: int) -> tuple[Taint, ...]:
    """The bits that are set of the 64 that a taint can have, lowest first; one that is not documented says so. Pure."""
    return tuple(
        Taint(bit, *_REASONS.get(bit, ("", f"reason {bit}, which is not documented")))
        for bit in range(64)
        if number >> bit & 1
    )


def tainted(readings: Readings) -> tuple[Taint, ...] | None:
    """Of this host; empty: not tainted; None: not known. Pure."""
    number = whole(readings.text(_TAINTED))
    return None if number is None else taints(number)


def taint_fact(readings: Readings) -> Fact:
    """`kernel.tainted`. The number is the kernel's."""
    number = whole(readings.text(_TAINTED))
    if number is None:
        return _TAINT.untold(readings, _TAINTED)
    told = [f"{taint.words} ({taint.letter})" if taint.letter else taint.words for taint in taints(number)]
    return _TAINT.answer("; ".join(told) or "none", _TAINTED, number=number, limit=1000)
