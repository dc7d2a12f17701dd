"""What a move can be given in numbers and addresses, before it starts and while it runs."""

from __future__ import annotations

from tui.dialogs.ask import AskDialog
from tui.widgets.lines import wrap


def bandwidth_dialog(value: int | None, *, in_flight: bool = False) -> AskDialog:
    """MiB a second; nothing or 0 is no limit."""
    words = "The transfer may use at most this many MiB a second."
    if in_flight:
        words += " It holds from now on. Less than what the guest writes: the move never converges."
    else:
        words += " Nothing, or 0: no limit."
    return AskDialog("bandwidth", lambda width: wrap(words, width), number=True, value=str(value or ""))


def downtime_dialog(value: int | None, *, in_flight: bool = False) -> AskDialog:
    """Milliseconds."""
    words = (
        "The most that the guest may stand still at the switch, in milliseconds. The limit starts far below,"
        " and is raised only when the guest writes too much for it, never past this."
    )
    if in_flight:
        words = (
            "The guest may stand still for this many milliseconds at the switch. It holds at once: a"
            " higher limit lets the move end earlier, with a longer stop."
        )
    return AskDialog("downtime", lambda width: wrap(words, width), number=True, value=str(value or ""))


def echo_dialog(value: str) -> AskDialog:
    """An address of the guest."""
    words = (
        "The address at which the guest answers to an echo. It is asked during the move, to tell how long the"
        " guest was away as seen from outside. Nothing: the host is asked for the guest's address."
    )
    return AskDialog("echo", lambda width: wrap(words, width), value=value)


def number_in(answer: str | None) -> int | None:
    """What was typed, None when the user went back or typed no number above zero."""
    return int(answer) if answer and answer.isdecimal() and int(answer) > 0 else None
