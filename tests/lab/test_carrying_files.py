"""Files carried from host to host over two SSH connections of this program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from backends.errors import ActionError, CommandError, DeadlineError, LinkError
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.remote.carry import FileAt, Pace, carry_file
from backends.remote.ssh import MAX_STREAMS, SshShell

MIB = 2**20


@pytest.fixture
async def shells(lab: Lab) -> AsyncIterator[tuple[SshShell, SshShell]]:
    """To h1 and h2."""
    h1, h2, *_ = lab_specs(lab.layout)
    one, two = await SshShell.open(h1, None), await SshShell.open(h2, None)
    yield one, two
    await one.close()
    await two.close()


async def make_file(shell: SshShell, path: str, size_mib: int) -> None:
    answer = await shell.run(
        ("dd", "if=/dev/urandom", f"of={path}", "bs=1M", f"count={size_mib}", "status=none")
    )
    assert answer.status == 0, answer.err


def ends(shells: tuple[SshShell, SshShell], name: str = "carried") -> tuple[FileAt, FileAt]:
    return FileAt("h1", shells[0], f"/var/tmp/{name}"), FileAt("h2", shells[1], f"/var/tmp/{name}.there")


def nothing(_carried: int) -> None:
    """For those who do not watch."""


async def until_moving(copy: asyncio.Future[str], moving: asyncio.Event) -> None:
    async with asyncio.timeout(30):
        await moving.wait()
    assert not copy.done()


async def test_a_file_arrives_whole(shells: tuple[SshShell, SshShell]) -> None:
    source, destination = ends(shells)
    await make_file(shells[0], source.path, 48)
    seen: list[int] = []
    digest = await carry_file(source, destination, on_progress=seen.append)
    there = await shells[1].run(("sha256sum", destination.path))
    assert there.out.split()[0] == digest
    mode = await shells[1].run(("stat", "-c", "%a %s", destination.path))
    assert mode.out.split() == ["600", str(48 * MIB)]
    assert len(seen) > 10 and seen[-1] == 48 * MIB


async def test_more_copies_than_a_host_lets_in_take_turns_and_leave_room_for_commands(
    shells: tuple[SshShell, SshShell],
) -> None:
    await make_file(shells[0], "/var/tmp/out", 2)
    await make_file(shells[1], "/var/tmp/back", 2)
    slow = [Pace(MIB) for _ in range(2 * MAX_STREAMS)]
    copies = [
        carry_file(
            FileAt("a", shells[way], ("/var/tmp/out", "/var/tmp/back")[way]),
            FileAt("b", shells[1 - way], f"/var/tmp/copy-{number}"),
            on_progress=nothing,
            pace=pace,
        )
        for number, pace in enumerate(slow)
        for way in (0, 1)
    ]
    work = asyncio.gather(*copies)
    while not work.done():
        answers = await asyncio.gather(*(shell.run(("true",), deadline_s=8) for shell in shells))
        assert [answer.status for answer in answers] == [0, 0]
        await asyncio.wait((work,), timeout=0.5)
    assert len(set(await work)) == 2


async def test_a_disk_that_fills_up_is_said_in_its_own_words(
    lab: Lab, shells: tuple[SshShell, SshShell]
) -> None:
    source, _ = ends(shells)
    await make_file(shells[0], source.path, 24)
    await shells[1].run(("mkdir", "-p", "/var/tmp/small"))
    await asyncio.to_thread(
        lab.host("h2").exec, "mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", "/var/tmp/small"
    )
    destination = FileAt("h2", shells[1], "/var/tmp/small/copy")

    filled = False

    def fill(carried: int) -> None:
        nonlocal filled
        if not filled:  # another writer, after the space was found enough
            filled = True
            lab.host("h2").exec("dd", "if=/dev/zero", "of=/var/tmp/small/other", "bs=1M", check=False)

    await shells[1].run(("rm", "-f", "/var/tmp/small/copy"))
    try:
        with pytest.raises(ActionError, match="no space"):
            await carry_file(source, destination, on_progress=nothing)
        await asyncio.to_thread(lab.host("h2").exec, "mount", "-o", "remount,size=100m", "/var/tmp/small")
        with pytest.raises(CommandError, match="No space left on device"):
            await carry_file(source, destination, on_progress=fill)
    finally:
        await asyncio.to_thread(lab.host("h2").exec, "umount", "-l", "/var/tmp/small")


@pytest.mark.parametrize("victim", ["h1", "h2"])
async def test_a_host_that_freezes_on_the_way_ends_the_copy(
    lab: Lab, shells: tuple[SshShell, SshShell], victim: str
) -> None:
    source, destination = ends(shells)
    await make_file(shells[0], source.path, 48)
    moving = asyncio.Event()
    copy = asyncio.ensure_future(
        carry_file(source, destination, on_progress=lambda _carried: moving.set(), pace=Pace(2 * MIB))
    )
    await until_moving(copy, moving)
    await asyncio.to_thread(lab.freeze, victim)
    async with asyncio.timeout(40):
        with pytest.raises((LinkError, DeadlineError)) as caught:
            await copy
    assert caught.value.host == victim


async def test_a_cancelled_copy_ends_its_commands_on_both_hosts(
    lab: Lab, shells: tuple[SshShell, SshShell]
) -> None:
    source, destination = ends(shells)
    await make_file(shells[0], source.path, 24)
    moving = asyncio.Event()
    copy = asyncio.ensure_future(
        carry_file(source, destination, on_progress=lambda _carried: moving.set(), pace=Pace(MIB))
    )
    await until_moving(copy, moving)
    for host, command in (("h1", f"cat -- {source.path}"), ("h2", f"dd of={destination.path}")):
        assert await asyncio.to_thread(runs, lab, host, command)
    copy.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copy
    for host, command in (("h1", f"cat -- {source.path}"), ("h2", f"dd of={destination.path}")):
        async with asyncio.timeout(20):
            while await asyncio.to_thread(runs, lab, host, command):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.1)
    await destination.remove()
    with pytest.raises(CommandError, match="No such file"):
        await destination.size_bytes()


def runs(lab: Lab, host: str, command: str) -> bool:
    """Is there such a process in the host?"""
    script = 'for p in /proc/[0-9]*; do tr "\\0" " " <"$p/cmdline" 2>/dev/null; echo; done'
    lines = lab.host(host).exec("sh", "-c", script).stdout.splitlines()
    return any(line.startswith(command) for line in lines)
