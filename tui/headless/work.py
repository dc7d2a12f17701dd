"""What the commands that plan a work, ask, and carry it out have in common: the question and the last word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backends.api import FerryError
from tui.headless.exits import Exit
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import tell
from tui.headless.questions import ask_terminal

VERDICT = {
    Exit.SUCCEEDED: "succeeded",
    Exit.FAILED: "failed",
    Exit.REFUSED: "refused",
    Exit.CANCELLED: "cancelled",
}
_INK = {
    Exit.SUCCEEDED: Ink.GOOD,
    Exit.FAILED: Ink.ALARM,
    Exit.REFUSED: Ink.ALARM,
    Exit.CANCELLED: Ink.DOUBT,
}


async def ask_to_start(end: Callable[[Exit, str], object]) -> str:
    """Why it does not start; empty when it does. A ctrl-c meanwhile is told by `end`."""
    try:
        answer = await ask_terminal("type yes to start: ")
    except asyncio.CancelledError:
        end(Exit.CANCELLED, "interrupted before it began")
        raise
    if answer is None:
        return "nobody can be asked here: --yes starts it, --dry-run only plans"
    return "" if answer.strip() == "yes" else "that was no yes"


def tell_end(out: Output, status: Exit, reason: str, *, begun: bool) -> None:
    """The verdict, and why."""
    word = VERDICT[status] if begun else "not started"
    tell(out, f"{word}: {reason}" if reason else word, _INK[status])


def with_hint(error: FerryError) -> str:
    """What went wrong, and what would help."""
    return f"{error} ({error.hint})" if error.hint else str(error)
