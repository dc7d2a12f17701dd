"""Questions of hosts (unknown keys, passphrases, passwords), one at a time, in the order they came."""

from __future__ import annotations

import asyncio

from textual.app import App
from textual.screen import ModalScreen

from backends.model.question import Question, QuestionKind
from tui.dialogs.ask import AskDialog
from tui.dialogs.choice import Choice, ChoiceDialog
from tui.widgets.grid_columns import Tone
from tui.widgets.lines import EMPTY, Line, wrap


class QuestionDesk:
    """The asker of a running program. Hosts may ask before the app is on the screen; they wait in a queue."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[Question, asyncio.Future[str | None]]] = asyncio.Queue()

    async def __call__(self, question: Question) -> str | None:
        """Put it to the user; None is a refusal. A host that no longer waits takes its question back."""
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        await self._waiting.put((question, answer))
        return await answer

    async def serve(self, app: App[None]) -> None:
        """Ask one after another while the app runs. Owned by the app."""
        while True:
            question, answer = await self._waiting.get()
            if not answer.done():
                given = await app.push_screen_wait(dialog_for(question))
                if not answer.done():
                    answer.set_result(given)


def dialog_for(question: Question) -> ModalScreen[str | None]:
    """The dialog that fits the question; its harmless answer is None."""

    def body(width: int) -> list[Line]:
        lines = wrap(question.text, width)
        if question.detail:
            lines += [EMPTY, *wrap(question.detail, width, Tone.TITLE)]
        return lines

    if question.kind is QuestionKind.HOST_KEY:
        choices: list[Choice[str | None]] = [
            Choice("n", "no: do not connect", None),
            Choice("y", "yes: this is the key of that host, remember it", "yes"),
        ]
        return ChoiceDialog(f"unknown host key: {question.host}", body, choices, dangerous=True)
    return AskDialog(f"{question.kind.value}: {question.host}", body, secret=True)
