"""Questions of commands on a real pseudo-terminal: what is asked, what is typed, and what is never shown."""

from __future__ import annotations

import asyncio
import os
import pty
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tui.headless.questions import ask_terminal


@dataclass(frozen=True)
class Typist:
    """Sits at the other end of a terminal."""

    master: int
    path: str

    async def sees(self, words: str) -> str:
        """All that is shown until these words are."""
        shown = ""
        async with asyncio.timeout(5):
            while words not in shown:
                shown += (await asyncio.to_thread(os.read, self.master, 4096)).decode()
        return shown

    def types(self, text: str) -> None:
        """Keys."""
        os.write(self.master, text.encode())


@pytest.fixture
def typist() -> Iterator[Typist]:
    """A terminal of the test's own; its other end stays open, as a shell's would."""
    master, slave = pty.openpty()
    yield Typist(master, os.ttyname(slave))
    os.close(slave)
    os.close(master)


async def test_an_answer_is_shown_as_it_is_typed(typist: Typist) -> None:
    asked = asyncio.create_task(ask_terminal("type yes to start: ", path=typist.path))
    await typist.sees("type yes to start: ")
    typist.types("yes\n")
    assert await asked == "yes"
    assert "yes" in await typist.sees("yes")


async def test_a_secret_is_not_shown_and_typing_is_shown_again_afterwards(typist: Typist) -> None:
    asked = asyncio.create_task(ask_terminal("secret: ", secret=True, path=typist.path))
    await typist.sees("secret: ")
    typist.types("correct horse\n")
    assert await asked == "correct horse"
    typist.types("seen\n")
    assert "horse" not in await typist.sees("seen")


async def test_an_empty_line_is_an_answer_and_no_terminal_is_none(typist: Typist) -> None:
    asked = asyncio.create_task(ask_terminal("? ", path=typist.path))
    await typist.sees("? ")
    typist.types("\n")
    assert await asked == ""
    assert await ask_terminal("? ", path="/nowhere/tty") is None
