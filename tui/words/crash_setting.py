"""What happens when a guest crashes, in words: what each setting means, what a crash would leave, what is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.model.crash_setting import CrashSetting, CrashWish, OnCrash, OnEnd
from backends.model.posture import Severity
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap
from tui.words.posture import severity_cell

CRASH_MEANINGS = {
    OnCrash.DESTROY: "It is ended: nothing of its memory is left.",
    OnCrash.RESTART: "It is started anew: nothing of its memory is left.",
    OnCrash.PRESERVE: "It stands still as it crashed, with its memory, until somebody has looked at it.",
    OnCrash.RENAME_RESTART: "It is kept under another name, and started anew. (Xen only.)",
    OnCrash.COREDUMP_DESTROY: "Its memory is dumped on the host, and it is ended.",
    OnCrash.COREDUMP_RESTART: "Its memory is dumped on the host, and it is started anew.",
}
END_MEANINGS = {
    OnEnd.DESTROY: "It is ended, as usual when it powers off.",
    OnEnd.RESTART: "It is started anew, as usual when it reboots.",
    OnEnd.PRESERVE: "Its process stays until somebody ends it.",
    OnEnd.RENAME_RESTART: "It is kept under another name, and started anew. (Xen only.)",
}
PANIC_MEANING = (
    "With one the guest's kernel tells of its panic; without it, a guest that has panicked only seems to hang."
    " From its next start on."
)
_LABEL = 10


def setting_lines(setting: CrashSetting, glyphs: Glyphs, width: int) -> list[Line]:
    """What it has that tells of a crash, and what would be missing: what is well is told by the first."""
    lines = [
        *_field("panic", ", ".join(setting.panic_devices) or "no panic device", width),
        *_field("watchdog", setting.watchdog or "none", width),
        *_field("console", ", ".join(setting.console_logs) or "is written to no file", width),
    ]
    findings = [each for each in setting.findings if each.severity is not Severity.GOOD]
    lines += [EMPTY] if findings else []
    for finding in findings:
        text, tone = severity_cell(finding.severity, glyphs)
        first = line(Cell(f"{text[:1]} {finding.title}: ", tone))
        lines += wrap(finding.evidence, width, indent="  ", first=first)
        if finding.mend:
            lines += wrap(finding.mend, width, indent="    ", first=line(Cell(f"  {glyphs.arrow} ", tone)))
    return lines


def _field(label: str, text: str, width: int) -> list[Line]:
    return wrap(text, width, indent=" " * (_LABEL + 2), first=line(dim(f"  {label:<{_LABEL}}")))


def changes(setting: CrashSetting, wish: CrashWish) -> Iterator[tuple[str, str, str]]:
    """Label, before, after of each thing that would be different."""
    wanted = (
        ("on_crash", setting.on_crash, wish.on_crash),
        ("on_poweroff", setting.on_poweroff, wish.on_poweroff),
        ("on_reboot", setting.on_reboot, wish.on_reboot),
    )
    for label, before, after in wanted:
        if after is not None and after.value != before:
            yield label, before, after.value
    if wish.panic_device is not None and wish.panic_device != bool(setting.panic_devices):
        before = ", ".join(setting.panic_devices) or "none"
        yield "panic device", before, "one" if wish.panic_device else "none"


def change_lines(differences: Sequence[tuple[str, str, str]], glyphs: Glyphs, width: int) -> list[Line]:
    """`on_crash      destroy -> preserve`."""
    lines: list[Line] = []
    for label, before, after in differences:
        first = line(dim(f"{label:<14}"), f"{before} {glyphs.arrow} ")
        lines += wrap(after, width, Tone.TITLE, indent=" " * 14, first=first)
    return lines
