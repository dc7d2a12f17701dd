"""The watcher on a host, really run here: what it notices, what it costs, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from backends.errors import FerryError
from backends.probes.crashes import stirs
from backends.probes.crashes.parsers import PARSERS
from backends.probes.crashes.wanted import LogsWanted, Wanted
from backends.remote.local import LocalShell
from backends.remote.shell import Stream

SHELLS = {"dash": ("dash",), "busybox": ("busybox", "sh"), "bash": ("bash", "--posix")}
SOON_S = 8.0


class Parser:
    """One that wants the logs of a folder."""

    def __init__(self, folder: Path) -> None:
        self.WANTED = Wanted(
            logs=(LogsWanted((f"{folder}/*.log", f"{folder}/*.log.gz")),), files=(f"{folder}/dump/*",)
        )


class Watched(LocalShell):
    """This machine, with another shell, and knowing the watcher's process."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self._words = words
        self.argv: tuple[str, ...] = ()
        self.streams = 0

    @asynccontextmanager
    async def open_process(self, argv: Sequence[str], *, stall_s: float = 30.0) -> AsyncIterator[Stream]:
        at = list(argv).index("sh")
        self.argv = (*argv[:at], *self._words, *argv[at + 1 :])
        async with super().open_process(self.argv, stall_s=stall_s) as stream:
            yield stream

    def processes(self) -> list[psutil.Process]:
        """The watcher's, by its whole command line, which names the test's folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if list(self.argv[-len(self.argv) + 3 :]) == process.cmdline()[-len(self.argv) + 3 :]:
                    found.append(process)
        return found


@pytest.fixture(params=sorted(SHELLS))
def host(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Without a journal."""
    monkeypatch.setattr(stirs, "PARSERS", (Parser(tmp_path),))
    (tmp_path / "journalctl").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Watched(SHELLS[request.param])


async def soon(signs: AsyncIterator[None]) -> None:
    async with asyncio.timeout(SOON_S):
        await anext(signs)


async def gone(host: Watched) -> None:
    async with asyncio.timeout(SOON_S):
        while host.processes():  # noqa: ASYNC110 - it is another process's end
            await asyncio.sleep(0.05)


async def test_a_log_that_grows_one_that_appears_and_a_dump_are_noticed(
    host: Watched, tmp_path: Path
) -> None:
    (tmp_path / "web.log").write_text("first\n")
    async with aclosing(stirs.stirs(host)) as signs:
        await soon(signs)  # it is watching
        with (tmp_path / "web.log").open("a") as file:
            file.write("second\n")
        await soon(signs)
        (tmp_path / "a b.log").write_text("")
        await soon(signs)
        (tmp_path / "dump").mkdir()
        (tmp_path / "dump" / "core").write_text("")
        await soon(signs)
    await gone(host)


async def test_while_nothing_happens_nothing_is_told(host: Watched, tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text("first\n")
    async with aclosing(stirs.stirs(host)) as signs:
        await soon(signs)
        (tmp_path / "web.log.gz").write_text("nobody writes into it")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await anext(signs)


async def test_a_watcher_that_is_killed_is_known(host: Watched) -> None:
    async with aclosing(stirs.stirs(host)) as signs:
        await soon(signs)
        for process in host.processes():
            process.send_signal(signal.SIGKILL)
        with pytest.raises(FerryError):
            await soon(signs)


@pytest.mark.parametrize("shell", sorted(SHELLS))
async def test_it_ends_when_its_input_does(shell: str, tmp_path: Path) -> None:
    """As when the connection is lost: sshd closes both ends of its pipes, and sends no signal."""
    text = Path(stirs.__file__).with_name("stirs.sh").read_text()
    words = (*SHELLS[shell], "-c", text, "sh", f"{tmp_path}/*.log")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    assert process.stdin and process.stdout
    assert await process.stdout.readline() == b"stir\n"
    process.stdin.close()
    async with asyncio.timeout(SOON_S):
        assert await process.stdout.read() == b""
        await process.wait()


async def test_what_the_journal_says_of_daemons_is_noticed(tmp_path: Path) -> None:
    """With a journalctl that waits, as the real one does."""
    (tmp_path / "journalctl").write_text(
        f"""#!/bin/sh
echo "$@" >{tmp_path}/asked
until [ -e {tmp_path}/crash ]; do sleep 0.1; done
echo 'internal error: qemu unexpectedly closed the monitor'
exec sleep 600
"""
    )
    (tmp_path / "journalctl").chmod(0o755)
    text = Path(stirs.__file__).with_name("stirs.sh").read_text()
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    pipe = asyncio.subprocess.PIPE
    words = ("env", path, "sh", "-c", text, "sh", f"{tmp_path}/*.log", *stirs.JOURNAL)
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    assert process.stdin and process.stdout
    assert await process.stdout.readline() == b"stir\n"
    (tmp_path / "crash").touch()
    async with asyncio.timeout(SOON_S):
        assert b"closed the monitor" in await process.stdout.readline()
    process.stdin.close()
    async with asyncio.timeout(SOON_S):
        assert await process.stdout.read() == b"", "nothing that it has started holds the output"
        await process.wait()
    asked = (tmp_path / "asked").read_text()
    assert "--follow" in asked
    assert "SYSLOG_IDENTIFIER=virtqemud" in asked


async def test_a_file_that_changes_without_end_is_told_ever_more_seldom_and_hides_no_other(
    tmp_path: Path,
) -> None:
    """A guest that writes to its console all the time, and another one that ends; at twice the usual pace."""
    usual = "timeout 1 cat"
    text = Path(stirs.__file__).with_name("stirs.sh").read_text()
    assert usual in text
    pipe = asyncio.subprocess.PIPE
    words = ("sh", "-c", text.replace(usual, "timeout 0.5 cat"), "sh", f"{tmp_path}/*.log")
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    assert process.stdin and process.stdout

    async def chatter() -> None:
        while True:
            with (tmp_path / "busy console.log").open("a") as file:
                file.write("line\n")
            await asyncio.sleep(0.1)

    async def told_after_s() -> float:
        assert process.stdout
        began_s = time.monotonic()
        while await process.stdout.readline() != b"stir\n":
            pass
        return time.monotonic() - began_s

    chattering = asyncio.ensure_future(chatter())
    async with asyncio.timeout(60):
        while await told_after_s() < 1.75:  # by now only every fourth look is told
            pass
        waits = []
        for number in range(3):
            (tmp_path / f"other {number}.log").write_text("ended")
            waits.append(await told_after_s())
    chattering.cancel()
    process.stdin.close()
    await process.wait()
    assert max(waits) < 1.25


def test_what_is_watched_are_the_logs_of_guests_and_daemons_and_what_appears() -> None:
    patterns = stirs.watched(each.WANTED for each in PARSERS)
    assert "/var/log/libvirt/qemu/*.log" in patterns
    assert "/var/log/libvirt/libvirtd.log" in patterns
    assert len(patterns) == len(set(patterns))
    assert not any(
        each.startswith(("/run/libvirt/", "/var/log/syslog", "/var/log/messages")) for each in patterns
    )
    assert not any(" " in each for each in patterns), "the shell would take it for two"
