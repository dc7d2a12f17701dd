"""Logs of real hosts over SFTP: huge ones, those that may not be read, and hosts whose SFTP fails or is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from backends.crashes.fetching import fetch_file
from backends.crashes.reading import log_of
from backends.errors import ActionError, CommandError
from backends.lab.configuration import ACCOUNT
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.remote.ssh import MAX_SESSIONS, SshShell
from tests.bench.host_cost import cost_of

LARGE = "/var/tmp/large.log"
PROGRAMS = "for p in /proc/[0-9]*; do readlink $p/exe || :; done 2>/dev/null"
WRITE = f"""
{{ echo the first line; }} >{LARGE}
truncate -s 10G {LARGE}
{{ echo; seq -f 'qemu-system-x86_64: line %.0f' 20000; printf 'Gr\\303\\274\\303\\237e \\033[2J\\r\\n'; }} >>{LARGE}
"""


@asynccontextmanager
async def h1(lab: Lab, user: str = "root") -> AsyncIterator[SshShell]:
    spec, *_ = lab_specs(lab.layout, user=user)
    shell = await SshShell.open(spec, None)
    try:
        yield shell
    finally:
        await shell.close()


async def in_h1(lab: Lab, script: str) -> str:
    answer = await asyncio.to_thread(lab.host("h1").exec, "sh", "-e", "-c", script)
    return answer.stdout


async def test_a_log_of_ten_gib_opens_at_once_and_is_followed_searched_and_saved(
    lab: Lab, tmp_path: Path
) -> None:
    await in_h1(lab, WRITE)
    host = lab.host("h1")
    async with h1(lab) as shell:
        before = cost_of(host).bytes
        async with log_of(shell, "h1", LARGE) as log:
            lines = await log.before(log.size_bytes, 60)
            assert cost_of(host).bytes - before < 512 * 1024
            assert [line.text for line in lines[-2:]] == ["qemu-system-x86_64: line 20000", "Grüße ␛[2J"]
            assert [line.text for line in await log.after(0, 1)] == ["the first line"]
            await in_h1(lab, f"seq 1000 >>{LARGE}")
            before = cost_of(host).bytes
            await log.refresh()
            assert [line.text for line in await log.after(lines[-1].end, 2000)] == [
                str(n) for n in range(1, 1001)
            ]
            assert cost_of(host).bytes - before < 16 * 1024
            async with aclosing(log.search("no such text")) as steps:
                await anext(steps)  # and no more of 10 GiB
            await in_h1(lab, f"mv {LARGE} {LARGE}.1; echo rotated >{LARGE}")
            assert await log.refresh() == len("rotated\n")
            assert [line.text for line in await log.before(log.size_bytes, 9)] == ["rotated"]
            assert [saving.finished async for saving in log.save(tmp_path / "copy")][-1]
            assert (tmp_path / "copy").read_text() == "rotated\n"
    async with asyncio.timeout(20):
        while "grep" in await in_h1(lab, PROGRAMS):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.2)
    await in_h1(lab, f"rm -f {LARGE} {LARGE}.1")


async def test_an_account_without_rights_is_told_which_log_it_may_not_read(lab: Lab, tmp_path: Path) -> None:
    await in_h1(lab, "mkdir -p -m 700 /var/log/closed; echo secret >/var/log/closed/log")
    async with h1(lab, ACCOUNT) as shell:
        with pytest.raises(ActionError, match="permission denied: /var/log/closed/log") as caught:
            [saving async for saving in fetch_file(shell, "h1", "/var/log/closed/log", tmp_path / "copy")]
        assert "root" in caught.value.hint and caught.value.host == "h1"
        with pytest.raises(ActionError, match="is a folder"):
            async with shell.open_file("/var/tmp"):
                pass
    assert not (tmp_path / "copy").exists()


async def test_a_file_arrives_whole_and_many_files_leave_room_for_commands(lab: Lab, tmp_path: Path) -> None:
    await in_h1(lab, "head -c 20M /dev/urandom >/var/tmp/dump; sha256sum /var/tmp/dump >/var/tmp/sum")
    async with h1(lab) as shell, AsyncExitStack() as opened:
        for _ in range(2 * MAX_SESSIONS):
            await opened.enter_async_context(shell.open_file("/var/tmp/sum"))
        steps = [saving async for saving in fetch_file(shell, "h1", "/var/tmp/dump", tmp_path / "dump")]
        assert (steps[-1].done_bytes, steps[-1].finished) == (20 * 2**20, True)
        there = await shell.run(("cat", "/var/tmp/sum"))
    here = await asyncio.create_subprocess_exec(
        "sha256sum", tmp_path / "dump", stdout=asyncio.subprocess.PIPE
    )
    assert (await here.communicate())[0].split()[0].decode() == there.out.split()[0]


async def test_an_sftp_server_that_dies_is_told_and_the_next_log_has_another(lab: Lab) -> None:
    kill = "for p in /proc/[0-9]*; do case $(readlink $p/exe) in */sftp-server) kill ${p#/proc/};; esac; done"
    async with h1(lab) as shell, log_of(shell, "h1", "/etc/passwd") as log:
        await in_h1(lab, kill)
        with pytest.raises(CommandError, match="SFTP server of the host has ended"):
            await log.refresh()
        async with log_of(shell, "h1", "/etc/passwd") as again:
            assert await again.before(again.size_bytes, 1)


@contextmanager
def without_sftp(lab: Lab) -> Iterator[None]:
    """What sshd starts for it ends at once."""
    server = "/usr/lib/openssh/sftp-server"
    lab.host("h1").exec("mount", "--bind", "/bin/false", server)
    try:
        yield
    finally:
        lab.host("h1").exec("umount", server)


async def test_a_host_without_sftp_is_read_by_commands(lab: Lab) -> None:
    await in_h1(lab, "seq 100000 >/var/tmp/log")
    with without_sftp(lab):
        async with h1(lab) as shell, log_of(shell, "h1", "/var/tmp/log") as log:
            assert [line.text for line in await log.before(log.size_bytes, 2)] == ["99999", "100000"]
            found = [found async for found in log.search("9999")][-1]
            assert [(await log.after(begin, 1))[0].text for begin in found.begins[:2]] == ["9999", "19999"]
            assert len(found.begins) == 19
            with pytest.raises(ActionError, match="no such file"):
                async with shell.open_file("/var/tmp/none"):
                    pass
