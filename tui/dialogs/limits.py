"""The two numbers that a move can be given, before it starts and while it runs."""

from __future__ import annotations

from tui.dialogs.ask import AskDialog
from tui.widgets.lines import wrap


def bandwidth_dialog(value: int | None) -> AskDialog:
    """MiB a second; nothing or 0 is no limit."""
    words = "The transfer may use at most this many MiB a second. Nothing, or 0: no limit."
    return AskDialog("bandwidth", lambda width: wrap(words, width), number=True, value=str(value or ""))


def downtime_dialog(value: int | None) -> AskDialog:
    """Milliseconds; nothing or 0 leaves it to the hypervisor."""
    words = (
        "The guest may stand still for at most this many milliseconds at the switch. More lets a guest that"
        " writes much memory come to an end. Nothing, or 0: as the hypervisor likes (QEMU: 300 ms)."
    )
    return AskDialog("downtime", lambda width: wrap(words, width), number=True, value=str(value or ""))


def number_in(answer: str | None) -> int | None:
    """What was typed, None when the user went back or typed no number above zero."""
    return int(answer) if answer and answer.isdecimal() and int(answer) > 0 else None
