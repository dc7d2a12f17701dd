"""What a host can do, in an operator's words: the verdict on its hardware, and the guests that it takes."""

from __future__ import annotations

from backends.model.capability import (
    GuestKind,
    GuestWidth,
    HardwareVerdict,
    HardwareVirtualization,
    HostCapabilities,
    KindSupport,
    Support,
)
from tui.format import size
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, flow, line, wrap

KIND_MEANINGS = {
    GuestKind.FULL: "any system, unchanged",
    GuestKind.PARA: "systems that know they are guests",
    GuestKind.CONTAINER: "containers on the host's own kernel",
}
"""What the kinds mean to somebody who runs guests."""

_TONES = {
    HardwareVerdict.USABLE: Tone.GOOD,
    HardwareVerdict.NESTED: Tone.GOOD,
    HardwareVerdict.LOCKED: Tone.DOUBT,
    HardwareVerdict.NO_MODULE: Tone.DOUBT,
    HardwareVerdict.TAKEN: Tone.DOUBT,
    HardwareVerdict.NONE: Tone.NORMAL,
    HardwareVerdict.UNKNOWN: Tone.DIM,
}

_SHORT = {
    HardwareVerdict.USABLE: "usable",
    HardwareVerdict.NESTED: "nested",
    HardwareVerdict.LOCKED: "locked",
    HardwareVerdict.NO_MODULE: "no module",
    HardwareVerdict.TAKEN: "taken",
    HardwareVerdict.NONE: "none",
    HardwareVerdict.UNKNOWN: "unknown",
}
"""For a column: nine letters at most."""

_SUPPORT_TONES = {
    Support.HARDWARE: Tone.GOOD,
    Support.YES: Tone.GOOD,
    Support.EMULATED: Tone.NORMAL,
    Support.NO: Tone.DIM,
    Support.UNKNOWN: Tone.DIM,
}


def verdict_sign(verdict: HardwareVerdict, glyphs: Glyphs) -> str:
    """The sign before a verdict."""
    match verdict:
        case HardwareVerdict.USABLE | HardwareVerdict.NESTED:
            return glyphs.ok
        case HardwareVerdict.LOCKED:
            return glyphs.refuse
        case HardwareVerdict.NO_MODULE | HardwareVerdict.TAKEN:
            return glyphs.warning
        case HardwareVerdict.NONE:
            return glyphs.dash
        case HardwareVerdict.UNKNOWN:
            return glyphs.unknown


def virtualization_cell(capabilities: HostCapabilities, glyphs: Glyphs) -> Cell:
    """A sign and a word; where there is no hardware for it, whether guests are emulated."""
    verdict = capabilities.hardware.verdict
    if verdict in (HardwareVerdict.NONE, HardwareVerdict.UNKNOWN):
        support = capabilities.support(GuestKind.FULL).support
        if support is Support.EMULATED:
            return Cell(f"{glyphs.warning} emulated", Tone.NORMAL)
        if support is Support.HARDWARE:
            return Cell(f"{glyphs.ok} usable", Tone.GOOD)
    return Cell(f"{verdict_sign(verdict, glyphs)} {_SHORT[verdict]}", _TONES[verdict])


def verdict_words(hardware: HardwareVirtualization) -> str:
    """One sentence."""
    what = hardware.technology or "hardware virtualization"
    match hardware.verdict:
        case HardwareVerdict.USABLE:
            return f"{what} is usable"
        case HardwareVerdict.NESTED:
            return f"{what} is usable; this host is itself a guest"
        case HardwareVerdict.LOCKED:
            return f"the processor has {what}, and the firmware has switched it off"
        case HardwareVerdict.NO_MODULE:
            return f"the processor has {what}, and the kernel's module for it is not loaded"
        case HardwareVerdict.TAKEN:
            return f"{what} is taken by another hypervisor"
        case HardwareVerdict.NONE:
            return "no hardware virtualization here"
        case HardwareVerdict.UNKNOWN:
            return "not known whether there is hardware virtualization"


def verdict_cell(hardware: HardwareVirtualization, glyphs: Glyphs) -> Cell:
    """Sign and sentence."""
    sign = verdict_sign(hardware.verdict, glyphs)
    return Cell(f"{sign} {verdict_words(hardware)}", _TONES[hardware.verdict])


def support_cell(support: KindSupport, glyphs: Glyphs) -> Cell:
    """`✓ by hardware`."""
    match support.support:
        case Support.HARDWARE | Support.YES:
            sign = glyphs.ok
        case Support.EMULATED:
            sign = glyphs.warning
        case Support.NO:
            sign = glyphs.dash
        case Support.UNKNOWN:
            sign = glyphs.unknown
    return Cell(f"{sign} {support.support.value}", _SUPPORT_TONES[support.support])


def width_cell(width: GuestWidth, glyphs: Glyphs) -> Cell:
    """`✓ yes, up to 64 G`."""
    if width.allowed is None:
        return Cell(f"{glyphs.unknown} not known", Tone.DIM)
    if not width.allowed:
        return Cell(f"{glyphs.dash} no", Tone.DIM)
    limit = width.memory_limit_bytes
    return Cell(f"{glyphs.ok} yes" + (f", up to {size(limit)}" if limit else ""), Tone.GOOD)


def survey_cost(capabilities: HostCapabilities) -> str:
    """`2 commands in 0.8 s`: what it took to ask."""
    if not capabilities.commands:
        return f"by libvirt alone in {capabilities.took_s:.1f} s"
    plural = "" if capabilities.commands == 1 else "s"
    return f"{capabilities.commands} command{plural} in {capabilities.took_s:.1f} s"


def capability_lines(capabilities: HostCapabilities, glyphs: Glyphs, width: int) -> list[Line]:
    """The verdicts in a few lines, for the pane below the table."""
    hardware = capabilities.hardware
    verdict = verdict_cell(hardware, glyphs)
    first = line(dim(" hardware "), verdict, dim("  "))
    lines = wrap(hardware.evidence, width - 1, Tone.DIM, indent=" " * 10, first=first)
    if hardware.mend:
        arrow = line(" " * 10, Cell(f"{glyphs.arrow} ", _TONES[hardware.verdict]))
        lines += wrap(hardware.mend, width - 1, indent=" " * 12, first=arrow)
    kinds = [(dim(f"{kind.kind.value} "), support_cell(kind, glyphs)) for kind in capabilities.kinds]
    widths = [(dim(f"{each.label} "), width_cell(each, glyphs)) for each in capabilities.widths]
    return [*lines, *flow("guests", kinds, width), *flow("widths", widths, width)]
