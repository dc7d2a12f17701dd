"""Questions of hosts (unknown keys, passphrases, passwords), one at a time, in the order they came.

They come when they like, perhaps while the user presses keys for something else. So no single key trusts a
host: `yes` is typed, as for ssh. What was refused is not asked again by each attempt to connect.
"""

from __future__ import annotations

import asyncio

from textual.app import App
from textual.screen import ModalScreen

from backends.model.host import HostName
from backends.model.question import Question, QuestionKind
from tui.dialogs.ask import AskDialog
from tui.widgets.grid_columns import Tone
from tui.widgets.lines import EMPTY, Line, wrap


class QuestionDesk:
    """The asker of a running program. Hosts may ask before the app is on the screen; they wait in a queue."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[Question, asyncio.Future[str | None]]] = asyncio.Queue()
        self._refused: set[Question] = set()

    async def __call__(self, question: Question) -> str | None:
        """Put it to the user; None is a refusal. A host that no longer waits takes its question back."""
        if question in self._refused:
            return None
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        await self._waiting.put((question, answer))
        return await answer

    async def serve(self, app: App[None]) -> None:
        """Ask one after another while the app runs. Owned by the app."""
        while True:
            question, answer = await self._waiting.get()
            if not answer.done():
                await self._put(app, question, answer)

    async def _put(self, app: App[None], question: Question, answer: asyncio.Future[str | None]) -> None:
        dialog = dialog_for(question)
        answer.add_done_callback(lambda _: _take_back(dialog))
        given = accepted(question, await app.push_screen_wait(dialog))
        if answer.done():
            return
        if given is None:
            self._refused.add(question)
            app.notify(
                f"{question.host} stays away until you connect it again in mode 2 (hosts)",
                timeout=6,
                markup=False,
            )
        answer.set_result(given)

    def may_ask_again(self, host: HostName) -> None:
        """The user wants this host: what was refused it may ask again."""
        self._refused = {question for question in self._refused if question.host != host}


def _take_back(dialog: ModalScreen[str | None]) -> None:
    """The host waits no longer: an answer would go nowhere."""
    if dialog.is_current:
        dialog.dismiss(None)


def accepted(question: Question, typed: str | None) -> str | None:
    """What the host is told: the secret, or the one word that trusts a key; None is a refusal."""
    if question.kind is not QuestionKind.HOST_KEY:
        return typed
    return "yes" if typed and typed.strip().casefold() == "yes" else None


def dialog_for(question: Question) -> ModalScreen[str | None]:
    """The dialog that fits the question; its harmless answer is None."""

    def body(width: int) -> list[Line]:
        lines = wrap(question.text, width)
        if question.detail:
            lines += [EMPTY, *wrap(question.detail, width, Tone.TITLE)]
        if is_key:
            words = "Type yes if it is the key of that host: it is then remembered. Anything else is a no."
            lines += [EMPTY, *wrap(words, width)]
        return lines

    is_key = question.kind is QuestionKind.HOST_KEY
    if is_key:
        return AskDialog(f"unknown host key: {question.host}", body, dangerous=True)
    return AskDialog(f"{question.kind.value}: {question.host}", body, secret=True)
