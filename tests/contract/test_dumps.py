"""Dumps of guests of libvirt's test driver, which writes a real file, and of hosts that are scripted above it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import libvirt
import pytest

from backends.embedded import node_xml
from backends.errors import ActionError, DeadlineError, LinkError
from backends.fleet.supervisor import Supervisor
from backends.guests import dump_watch
from backends.guests.dump import plan_dump, take_dump
from backends.hypervisor import lifecycle
from backends.hypervisor.connection import Connection
from backends.model.dump import DumpPhase, DumpPlan, DumpProgress, DumpWish, WhileDumping
from backends.model.guest import Guest, GuestAction, GuestKey, GuestState
from backends.model.host import HostName, HostSpec, Reach
from tests.supervised import Supervised, supervised

H1 = HostName("h1")
KEY = GuestKey(H1, "test", "00000001-0000-4000-8000-000000000000")
THEIRS = b"somebody else's"


def content(path: str) -> bytes:
    """Of a file that is there."""
    return Path(path).read_bytes()


def mode(path: str) -> int:
    """Who may do what with it."""
    return Path(path).stat().st_mode & 0o777


def somebody_elses(path: str) -> None:
    """A file that was not there before."""
    Path(path).write_bytes(THEIRS)


async def until(holds: Callable[[], bool]) -> None:
    """Of what tells by no event that it has happened."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a file and a thread have no event
            await asyncio.sleep(0.01)


@dataclass
class Host:
    """h1, on which web-100 runs, and a folder for its dumps."""

    hosts: Supervised
    folder: Path

    @property
    def supervisor(self) -> Supervisor:
        """Of h1."""
        return self.hosts.supervisors[H1]

    @property
    def guest(self) -> Guest:
        """As the board has it."""
        found = self.hosts.board.state.guest(KEY)
        assert found
        return found

    async def plan(self, **wish: Any) -> DumpPlan:
        """Of a full dump, which is all that the test driver has."""
        wanted = replace(DumpWish(KEY, memory_only=False, folder=str(self.folder)), **wish)
        return await plan_dump(self.supervisor, self.guest, wanted)

    async def all_of(self, plan: DumpPlan) -> list[DumpProgress]:
        """Take it, and keep all that is told."""
        return [progress async for progress in take_dump(plan, self.supervisor)]

    def connection(self) -> Connection:
        """The one that the test driver has."""
        return self.supervisor.current().connection("test")


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    file = tmp_path / "h1.xml"
    file.write_text(node_xml(1, 1))
    folder = tmp_path / "dumps"
    folder.mkdir()
    async with supervised([HostSpec(H1, Reach.URI, f"test://{file}")]) as hosts:
        yield Host(hosts, folder)


async def test_a_dump_is_written_and_the_file_tells_what_it_is(host: Host) -> None:
    plan = await host.plan()
    assert not plan.refusal
    assert Path(plan.path).parent == host.folder
    assert not list(host.folder.iterdir())
    told = await host.all_of(plan)
    assert [told[0].phase, told[-1].phase] == [DumpPhase.DUMPING, DumpPhase.DONE]
    assert content(plan.path).startswith(b"TestGuestMagic")
    assert "libvirt's test driver" in told[-1].words
    assert plan.path in told[-1].words
    assert told[-1].done_bytes == len(content(plan.path))


async def test_a_dump_is_brought_here_whole_and_removed_there(host: Host, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    plan = await host.plan(bring_to=str(here))
    assert Path(plan.local_path).parent == here
    told = await host.all_of(plan)
    assert DumpPhase.BRINGING in [progress.phase for progress in told]
    assert content(plan.local_path).startswith(b"TestGuestMagic")
    assert mode(plan.local_path) == 0o600
    assert not list(host.folder.iterdir())
    assert [file.name for file in here.iterdir()] == [Path(plan.local_path).name]
    assert plan.local_path in told[-1].words


async def test_a_dump_that_cannot_be_brought_stays_and_is_named(host: Host, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    plan = await host.plan(bring_to=str(here))

    with pytest.raises(ActionError) as caught:
        async for progress in take_dump(plan, host.supervisor):
            if progress.phase is DumpPhase.BRINGING:
                somebody_elses(plan.local_path)
    assert plan.path in caught.value.hint
    assert content(plan.path)
    assert content(plan.local_path) == THEIRS
    assert len(list(here.iterdir())) == 1


async def test_who_closes_it_while_it_is_brought_keeps_nothing(host: Host, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    plan = await host.plan(bring_to=str(here))
    async with aclosing(take_dump(plan, host.supervisor)) as steps:
        async for progress in steps:
            if progress.phase is DumpPhase.BRINGING:
                break
    assert not list(host.folder.iterdir())
    assert not list(here.iterdir())


async def test_a_guest_that_is_off_is_not_dumped(host: Host) -> None:
    await lifecycle.act(host.connection(), KEY.uuid, GuestAction.FORCE_OFF)
    plan = await host.plan()
    assert "off" in plan.refusal
    with pytest.raises(ActionError, match="off"):
        await host.all_of(plan)


async def test_a_file_that_has_come_between_is_not_overwritten(host: Host) -> None:
    plan = await host.plan()
    somebody_elses(plan.path)
    with pytest.raises(ActionError, match="is there already"):
        await host.all_of(plan)
    assert content(plan.path) == THEIRS


async def test_a_guest_that_was_to_be_ended_is_ended(host: Host) -> None:
    plan = await host.plan(then=WhileDumping.CRASH)
    await host.all_of(plan)
    await host.hosts.until(lambda state: (guest := state.guest(KEY)) is None or not guest.state.active)
    assert content(plan.path)


@pytest.mark.parametrize("folder", ["dumps", "/dumps\n", "/\0"])
async def test_what_is_no_folder_is_refused_as_it_is(host: Host, folder: str) -> None:
    assert "no absolute path" in (await host.plan(folder=folder)).refusal


async def test_a_home_of_nobody_is_no_place_to_bring_it(host: Host) -> None:
    with pytest.raises(ActionError, match="home"):
        await host.plan(bring_to="~nobody-of-this-name/x")
    assert "there is no folder" in (await host.plan(bring_to="/no/such")).refusal
    assert "there is no folder" in (await host.plan(bring_to="/no\0")).refusal


async def test_what_the_test_driver_does_not_do_is_refused_before(host: Host) -> None:
    assert "memory-only" in (await host.plan(memory_only=True)).refusal
    assert "driver test" in (await host.plan(then=WhileDumping.LIVE)).refusal


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("the dump failed", "see the log"),
        ("unsupported dumpformat 'kdump-lzo' for this QEMU binary", "ELF"),
        # libvirt 9, when the file system was filled up by others meanwhile
        ("/usr/lib/libvirt/libvirt_iohelper: failure with /x: No space left on device", "make room"),
    ],
)
async def test_libvirts_own_no_is_passed_on_with_what_to_do(
    host: Host, monkeypatch: pytest.MonkeyPatch, words: str, hint: str
) -> None:
    script = Scripted(monkeypatch)
    script.release.set()
    script.fails_with, script.words = libvirt.VIR_ERR_OPERATION_FAILED, words
    with pytest.raises(ActionError) as caught:
        await host.all_of(await host.plan())
    assert words in caught.value.cause
    assert hint in caught.value.hint


# -- dumps that take a while: the call is scripted ------------------------------------------------------


class Scripted:
    """A domain whose dump lasts until it is released, and whose job is told."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.release = threading.Event()
        self.fails_with: int | None = None
        self.words = "the dump failed"
        self.abort_refused = False
        self.aborts = 0
        self.path = ""
        patch.setattr(libvirt.virDomain, "coreDump", self._dump)
        patch.setattr(libvirt.virDomain, "jobStats", self._statistics)
        patch.setattr(libvirt.virDomain, "abortJob", self._abort)

    def _dump(self, path: str, flags: int = 0) -> int:
        self.path = path
        Path(path).write_bytes(b"x" * 4096)
        assert self.release.wait(30)
        if self.fails_with is not None:
            Path(path).unlink(missing_ok=True)  # as libvirt does
            raise _error(self.fails_with, self.words)
        return 0

    def _statistics(self, flags: int = 0) -> dict[str, int]:
        if not self.path:
            return {"type": libvirt.VIR_DOMAIN_JOB_NONE}
        return {
            "type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
            "operation": libvirt.VIR_DOMAIN_JOB_OPERATION_DUMP,
            "memory_total": 1000,
            "memory_processed": 400,
            "memory_remaining": 600,
        }

    def _abort(self) -> int:
        self.aborts += 1
        if self.abort_refused:
            raise _error(libvirt.VIR_ERR_OPERATION_INVALID, "cannot abort memory-only dump")
        self.fails_with = libvirt.VIR_ERR_OPERATION_ABORTED
        self.release.set()
        return 0


def _error(code: int, words: str) -> libvirt.libvirtError:
    error = libvirt.libvirtError(words)
    error.err = (code, libvirt.VIR_FROM_QEMU, words, 2, "", None, None, 0, 0)
    return error


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    made = Scripted(monkeypatch)
    yield made
    made.release.set()


async def until_figures(host: Host, plan: DumpPlan) -> AsyncGenerator[DumpProgress, None]:
    """The generator, once it has told how far it is."""
    steps = take_dump(plan, host.supervisor)
    async for progress in steps:
        if progress.total_bytes:
            assert (progress.done_bytes, progress.total_bytes) == (400, 1000)
            return steps
    raise AssertionError("no figures")


async def test_who_closes_it_aborts_it_and_leaves_no_file(host: Host, script: Scripted) -> None:
    plan = await host.plan()
    steps = await until_figures(host, plan)
    assert content(plan.path)
    await steps.aclose()
    assert script.aborts == 1
    assert not list(host.folder.iterdir())
    assert host.guest.state is GuestState.RUNNING


async def test_a_dump_that_libvirt_does_not_abort_gives_its_room_back_at_once(
    host: Host, script: Scripted
) -> None:
    script.abort_refused = True
    plan = await host.plan()
    steps = await until_figures(host, plan)
    closing = asyncio.ensure_future(steps.aclose())
    await until(lambda: not content(plan.path))
    assert not closing.done()
    script.release.set()
    await closing
    assert not list(host.folder.iterdir())


async def test_one_that_is_not_over_soon_is_told_to_who_closes_it(
    host: Host, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump_watch, "GIVE_UP_S", 0.2)
    monkeypatch.setattr(dump_watch, "ABORT_INTERVAL_S", 0.05)
    script.abort_refused = True
    plan = await host.plan()
    steps = await until_figures(host, plan)
    with pytest.raises(ActionError, match="not over yet") as caught:
        await steps.aclose()
    assert "virsh domjobinfo" in caught.value.hint
    assert not list(host.folder.iterdir())


async def test_a_file_that_cannot_be_removed_is_told_to_who_closes_it(
    host: Host, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a host reached by libvirt alone, or by an account that is not root."""
    script.abort_refused = True
    plan = await host.plan()
    steps = await until_figures(host, plan)
    monkeypatch.setattr(dump_watch, "shell_of", lambda _supervisor: None)
    script.release.set()
    with pytest.raises(ActionError, match="cannot be removed here") as caught:
        await steps.aclose()
    assert plan.path in caught.value.cause


async def test_a_guest_that_is_ended_all_the_same_keeps_its_dump(host: Host, script: Scripted) -> None:
    script.abort_refused = True
    plan = await host.plan(then=WhileDumping.CRASH)
    steps = await until_figures(host, plan)
    with pytest.raises(ActionError, match="too late"):
        await steps.aclose()
    assert len(content(plan.path)) == 4096


async def test_a_cancelled_dump_is_aborted_too(host: Host, script: Scripted) -> None:
    plan = await host.plan()
    task = asyncio.ensure_future(host.all_of(plan))
    await until(lambda: bool(script.path))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert script.aborts == 1
    assert not list(host.folder.iterdir())


async def test_a_dump_ends_before_it_takes_the_last_room(
    host: Host, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await host.plan()

    async def none_left(_shell: Any, _path: str) -> int:
        return 0

    monkeypatch.setattr(dump_watch, "room_now", none_left)
    with pytest.raises(ActionError, match="no room left"):
        await host.all_of(plan)
    assert script.aborts == 1
    assert not list(host.folder.iterdir())


@pytest.mark.parametrize(
    ("code", "kind"),
    [(libvirt.VIR_ERR_NO_CLIENT, LinkError), (libvirt.VIR_ERR_OPERATION_TIMEOUT, DeadlineError)],
)
async def test_a_lost_link_leaves_all_as_it_is_and_says_where_to_look(
    host: Host, script: Scripted, code: int, kind: type[Exception]
) -> None:
    plan = await host.plan()
    script.fails_with = code
    script.release.set()
    with pytest.raises(kind, match="not known what became") as caught:
        await host.all_of(plan)
    assert plan.path in caught.value.hint  # type: ignore[attr-defined]
    assert "virsh domjobinfo" in caught.value.hint  # type: ignore[attr-defined]


async def test_a_guest_that_libvirt_leaves_paused_is_told(host: Host, script: Scripted) -> None:
    plan = await host.plan()
    steps = await until_figures(host, plan)
    await lifecycle.act(host.connection(), KEY.uuid, GuestAction.PAUSE)
    with pytest.raises(ActionError, match="ran before, and is paused") as caught:
        await steps.aclose()
    assert "virsh resume web-100" in caught.value.hint
