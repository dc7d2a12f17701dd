"""Questions of hosts, put on the controlling terminal, even when standard input or output are pipes."""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from backends.model.question import Question, QuestionKind


class TerminalAsker:
    """An asker for commands: one question at a time on /dev/tty; a refusal where there is no terminal."""

    def __init__(self, path: str = "/dev/tty") -> None:
        self._path = path
        self._turn = asyncio.Lock()

    async def __call__(self, question: Question) -> str | None:
        """The answer typed by the user; None when there is nobody to ask, or on an empty line."""
        secret = question.kind is not QuestionKind.HOST_KEY
        prompt = "answer (not shown): " if secret else "type yes to trust it: "
        text = "\n".join(part for part in (question.text, question.detail, prompt) if part)
        async with self._turn:
            return await ask_terminal(text, secret=secret, path=self._path) or None


async def ask_terminal(text: str, *, secret: bool = False, path: str = "/dev/tty") -> str | None:
    """The line that is typed after `text`, unseen if it is a secret; None when there is no terminal."""
    try:
        terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    try:
        if not secret:
            os.write(terminal, text.encode())
            return await _line(terminal)
        with _no_echo(terminal):  # first: what is typed as soon as the question is seen must not be shown
            os.write(terminal, text.encode())
            answer = await _line(terminal)
            os.write(terminal, b"\n")
        return answer
    finally:
        os.close(terminal)


async def _line(terminal: int) -> str:
    """One line as the terminal driver hands it over, without blocking the event loop."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def read() -> None:
        if not ready.done():
            ready.set_result(os.read(terminal, 4096))

    loop.add_reader(terminal, read)
    try:
        data: bytes = await ready
    finally:
        loop.remove_reader(terminal)
    return data.decode(errors="replace").rstrip("\r\n")


@contextmanager
def _no_echo(terminal: int) -> Iterator[None]:
    """What is typed is not shown, and is again afterwards, come what may."""
    before = termios.tcgetattr(terminal)
    silent = list(before)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
