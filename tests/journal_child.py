"""Another program with the journal open: `python -m tests.journal_child FOLDER WHAT`. It says what it has done."""

from __future__ import annotations

import asyncio
import resource
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from backends.errors import JournalError
from backends.journal.journal import Journal
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.move import Move, MoveId, MoveLogLine, MoveProgress, MoveRequest, Phase

START = datetime.now(UTC)


def a_move(id_: str = "m1", phase: Phase = Phase.COPYING, name: str = "web-01") -> Move:
    """Some move of web-01 from h1 to h2."""
    key = GuestKey(HostName("h1"), "qemu", "c0ffee00-0000-4000-8000-000000000001")
    return Move(MoveId(id_), MoveRequest(key, name, HostName("h2")), phase, START)


def a_sample(number: int) -> MoveProgress:
    """The sample that was taken at this second."""
    return MoveProgress(float(number), 100, number, 100 - number, None, None, 1, 0, 30)


def say(*words: object) -> None:
    """To the test."""
    print(*words, flush=True)  # noqa: T201 - the way to the parent


async def write_for_ever(journal: Journal) -> None:
    """A move after another, each with a sample, and a word as soon as it is on the disk."""
    for number in range(1_000_000):
        move = a_move(f"m{number}")
        journal.put(replace(move, phase=Phase.PREPARING))
        journal.sample(move.id, a_sample(number))
        journal.put(move)
        await journal.durable()
        say(number)


async def hold(journal: Journal) -> None:
    """Have three moves in flight and one that has ended, and live on."""
    for number in range(3):
        journal.put(a_move(f"m{number}"))
        journal.sample(MoveId(f"m{number}"), a_sample(1))
    journal.put(a_move("ended", Phase.SUCCEEDED))
    await journal.durable()
    say("held")
    await asyncio.Event().wait()


async def fill_the_disk(journal: Journal) -> None:
    """No file may grow past 256 KiB; later they may again."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, resource.RLIM_INFINITY))
    line = MoveLogLine(START, "x" * 20_000)
    for number in range(50):
        journal.put(replace(a_move(f"m{number}"), log=(line,)))
        try:
            await journal.durable()
        except JournalError as error:
            say("full at", number, "hint:", error.hint)
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await journal.durable()
    say("written in the end:", len(await journal.history()))


async def main(folder: str, what: str) -> None:
    """Do it with an open journal."""
    works = {work.__name__: work for work in (write_for_ever, hold, fill_the_disk)}
    async with Journal.open(Path(folder)) as journal:
        await works[what](journal)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
