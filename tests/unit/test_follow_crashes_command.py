"""`virt-ferry crashes follow`: each crash is told once, as it happens (a scripted fleet)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backends.api import LinkError
from backends.model.crash import Cause, CrashRecord
from backends.model.fleet import CrashesChanged
from backends.model.host import HostName, Link
from tests.tui.scripted import ScriptedFleet
from tests.unit.answered import ANY, H1, H2, MAIL, WEB, answered_by
from tests.unit.crashed import DAEMON, GAP, KILLED, PANICKED, WENT_DOWN, looked
from tui.headless import follow_crashes as follow_module
from tui.headless.exits import Exit
from tui.headless.follow_crashes import follow

TAKEN_S = 5.0
"""For one change to be told: far longer than it takes."""


async def _turns() -> None:
    """Of the event loop: more than a change takes to be told."""
    for _ in range(20):
        await asyncio.sleep(0)


class Followed:
    """The command at work; `lines` is what it has printed since the last time."""

    def __init__(self, fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]) -> None:
        self.fleet = fleet
        self._capsys = capsys
        self.status: Exit | None = None
        self.err = ""

    async def lines(self) -> list[str]:
        """All that comes of what has happened by now."""
        await _turns()
        said = self._capsys.readouterr()
        self.err += said.err
        return said.out.splitlines()

    def sees(self, host: HostName, *records: CrashRecord, **changes: object) -> None:
        """A host is looked at anew."""
        self.fleet.tell(CrashesChanged(host, looked(host, *records, **changes)))


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """h1 and h2 are up."""
    scripted = ScriptedFleet("h1", "h2")
    scripted.up("h1", WEB, MAIL)
    scripted.up("h2")
    answered_by(monkeypatch, scripted, follow_module)
    return scripted


Follows = Callable[..., AbstractAsyncContextManager[Followed]]


@pytest.fixture
def following(fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]) -> Follows:
    """Runs the command while the block lasts, and ends it as a user does."""

    @asynccontextmanager
    async def follows(
        *, since: str | None = None, guest: str | None = None, as_json: bool = False
    ) -> AsyncIterator[Followed]:
        followed = Followed(fleet, capsys)
        async with asyncio.timeout(TAKEN_S), asyncio.TaskGroup() as group:
            task = group.create_task(follow(ANY, since=since, guest=guest, json=as_json))
            await _turns()
            assert fleet.followers == 1
            yield followed
            os.kill(os.getpid(), signal.SIGINT)
            followed.status = await task
        followed.err += capsys.readouterr().err

    return follows


def now(record: CrashRecord, *, ago_s: float = 0) -> CrashRecord:
    """The same, just now."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    return replace(record, at=at, host_at=at)


def ids(lines: list[str]) -> list[tuple[str, bool]]:
    """Of the crashes among the objects, and whether they are updates."""
    read = map(json.loads, lines)
    return [(line["id"], line["update"]) for line in read if line["event"] == "crash"]


async def test_a_crash_is_told_as_it_happens_and_only_once(following: Follows) -> None:
    async with following() as followed:
        followed.sees(H1)
        assert await followed.lines() == []
        killed = now(KILLED)
        followed.sees(H1, killed)
        (line,) = await followed.lines()
        assert "h1 web: guest ended: the host was out of memory, its kernel killed the guest" in line
        followed.sees(H1, killed)
        followed.sees(H1, replace(killed, evidence=killed.evidence[:1]))
        assert await followed.lines() == []
    assert followed.status is Exit.SUCCEEDED


async def test_what_was_there_before_is_not_told(following: Follows) -> None:
    async with following() as followed:
        followed.sees(H1, KILLED, PANICKED, replace(DAEMON, host=H1))
        followed.sees(H1, KILLED, PANICKED, replace(DAEMON, host=H1))
        assert await followed.lines() == []


async def test_an_event_that_comes_before_the_first_look_makes_no_news_of_old_crashes(
    following: Follows,
) -> None:
    async with following(as_json=True) as followed:
        killed = now(KILLED)
        followed.sees(H1, killed, commands=0)
        assert ids(await followed.lines()) == [(KILLED.id, False)]
        followed.sees(H1, killed, PANICKED, replace(DAEMON, host=H1))
        assert ids(await followed.lines()) == []


async def test_what_has_no_time_is_news_once_the_host_was_looked_at(following: Follows) -> None:
    async with following(as_json=True) as followed:
        followed.sees(H2)
        followed.sees(H2, DAEMON)
        await followed.lines()
        followed.sees(H2, DAEMON, replace(DAEMON, id="another"))
        assert ids(await followed.lines()) == [("another", False)]


async def test_those_since_a_time_come_first_oldest_first(following: Follows, fleet: ScriptedFleet) -> None:
    fleet.host_crashes = {H1: looked(H1, KILLED, PANICKED), H2: looked(H2, WENT_DOWN)}
    async with following(since="90m", as_json=True) as followed:
        assert ids(await followed.lines()) == [(WENT_DOWN.id, False), (KILLED.id, False)]


async def test_a_host_that_was_not_looked_at_far_enough_back_is_asked_once_more(
    following: Follows, fleet: ScriptedFleet
) -> None:
    old = replace(KILLED, at=datetime.now(UTC) - timedelta(weeks=2))
    far_back = looked(H1, old, since=datetime.now(UTC) - timedelta(weeks=3))
    async with following(since="3w", as_json=True) as followed:
        fleet.host_crashes = {H1: far_back}
        followed.sees(H1)
        assert ids(await followed.lines()) == [(KILLED.id, False)]
        followed.sees(H1, old)
        assert ids(await followed.lines()) == []
    asked = [each[1] for each in fleet.asked if each[0] == "crashes"]
    assert asked == [H1]


async def test_a_look_further_back_that_fails_is_told_and_ends_nothing(
    following: Follows, fleet: ScriptedFleet
) -> None:
    async with following(since="3w", as_json=True) as followed:
        fleet.host_crashes = {H1: LinkError("connection lost", host="h1")}
        followed.sees(H1)
        await followed.lines()
        followed.sees(H1, now(KILLED))
        assert ids(await followed.lines()) == [(KILLED.id, False)]
    assert "virt-ferry: h1: connection lost\n" in followed.err


async def test_a_cause_that_becomes_known_later_is_told_as_an_update_and_not_as_a_new_crash(
    following: Follows,
) -> None:
    unknown = replace(now(KILLED), cause=Cause("nothing was said"))
    async with following() as followed:
        followed.sees(H1, unknown)
        (first,) = await followed.lines()
        followed.sees(H1, replace(unknown, cause=KILLED.cause))
        (second,) = await followed.lines()
    assert first.endswith("  h1 web: guest ended: nothing was said")
    assert second.endswith(
        "  more is known: h1 web: guest ended: the host was out of memory, its kernel killed the guest"
    )


async def test_scripts_see_which_line_is_an_update(following: Follows) -> None:
    unknown = replace(now(KILLED), cause=Cause("nothing was said"))
    async with following(as_json=True) as followed:
        followed.sees(H1, unknown)
        assert ids(await followed.lines()) == [(KILLED.id, False)]
        followed.sees(H1, replace(unknown, cause=KILLED.cause))
        assert ids(await followed.lines()) == [(KILLED.id, True)]


async def test_one_guest_alone_is_followed_also_when_its_name_becomes_known_later(following: Follows) -> None:
    killed = now(KILLED)
    async with following(guest="web", as_json=True) as followed:
        followed.sees(H1, replace(killed, guest=None, name=""), now(PANICKED))
        assert ids(await followed.lines()) == []
        followed.sees(H1, killed, now(PANICKED))
        assert ids(await followed.lines()) == [(KILLED.id, False)]


async def test_a_guest_of_one_host_is_not_one_of_that_name_on_another(following: Follows) -> None:
    async with following(guest="h1/web", as_json=True) as followed:
        followed.sees(H2, replace(now(KILLED), id="another", host=H2, guest=None))
        assert ids(await followed.lines()) == []
        followed.sees(H1, now(KILLED))
        assert ids(await followed.lines()) == [(KILLED.id, False)]


async def test_a_look_as_far_back_as_was_wished_is_not_made_twice(
    following: Follows, fleet: ScriptedFleet
) -> None:
    async with following(since="1w") as followed:
        followed.sees(H1, since=datetime.now(UTC) - timedelta(weeks=1) + timedelta(seconds=3))
        await followed.lines()
    assert not [each for each in fleet.asked if each[0] == "crashes"]


async def test_a_terminal_shows_that_hosts_are_followed_and_what_is_told_stands_above(
    following: Follows, fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    async with following() as followed:
        assert (await followed.lines())[-1].endswith("following 2 of 2 hosts; ctrl-c ends it")
        fleet.link("h2", Link.DOWN, "connection refused")
        shown = [line for line in await followed.lines() if line]
    assert "h2 is down: connection refused" in shown[-2]
    assert shown[-1].endswith("following 1 of 2 hosts; ctrl-c ends it")


async def test_a_host_that_dies_is_told_once_and_again_when_it_is_back(
    following: Follows, fleet: ScriptedFleet
) -> None:
    async with following() as followed:
        fleet.link("h2", Link.STALE, "no answer for 10 s")
        fleet.link("h2", Link.CONNECTING)
        fleet.link("h2", Link.DOWN, "no route to host")
        (lost,) = await followed.lines()
        assert "h2 is " in lost
        fleet.link("h2", Link.CONNECTING)
        fleet.link("h2", Link.DOWN, "no route to host")
        assert await followed.lines() == []
        fleet.link("h2", Link.UP)
        (back,) = await followed.lines()
        assert back.endswith("h2 is back")


async def test_scripts_get_a_host_object_when_it_is_lost_and_when_it_is_back(
    following: Follows, fleet: ScriptedFleet
) -> None:
    async with following(as_json=True) as followed:
        fleet.link("h2", Link.STALE, "no answer for 10 s")
        (lost,) = map(json.loads, await followed.lines())
        fleet.link("h2", Link.UP)
        (back,) = map(json.loads, await followed.lines())
    assert (lost["event"], lost["name"], lost["link"], lost["reason"]) == (
        "host",
        "h2",
        "stale",
        "no answer for 10 s",
    )
    assert (back["event"], back["name"], back["link"]) == ("host", "h2", "up")


async def test_what_happened_while_a_host_was_gone_is_told_when_it_is_back(
    following: Follows, fleet: ScriptedFleet
) -> None:
    async with following(as_json=True) as followed:
        fleet.link("h2", Link.STALE)
        await followed.lines()
        fleet.link("h2", Link.UP)
        followed.sees(H2, now(WENT_DOWN))
        assert ids(await followed.lines()) == [(WENT_DOWN.id, False)]


async def test_what_cannot_be_looked_at_is_told_once(following: Follows) -> None:
    async with following() as followed:
        followed.sees(H1, gaps=(GAP,))
        await followed.lines()
        followed.sees(H1, now(KILLED), gaps=(GAP,))
        await followed.lines()
    assert followed.err.count("logs of QEMU: permission denied (be a member of the group adm)") == 1


async def test_that_only_libvirt_reaches_a_host_is_told_once(following: Follows) -> None:
    async with following() as followed:
        followed.sees(H1, commands=0, gaps=(GAP,))
        followed.sees(H1, now(KILLED), commands=0, gaps=(GAP,))
        assert len(await followed.lines()) == 1
    assert followed.err.count("permission denied") == 1


async def test_scripts_hear_that_a_host_was_looked_at_and_with_which_gaps(following: Follows) -> None:
    async with following(as_json=True) as followed:
        followed.sees(H1)
        followed.sees(H1)
        await followed.lines()
        followed.sees(H1, gaps=(GAP,))
        (line,) = map(json.loads, await followed.lines())
    assert (line["event"], line["host"]) == ("crash_host", "h1")
    assert [gap["why"] for gap in line["gaps"]] == ["permission denied"]


class Refusing(ScriptedFleet):
    """Cannot be followed."""

    @asynccontextmanager
    async def follow_crashes(self) -> AsyncIterator[None]:
        """An error that a user can act on."""
        if self.refuses:
            raise self.refuses
        yield


async def test_an_error_ends_it_as_an_error_and_not_as_the_users_wish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusing = Refusing("h1")
    refusing.refuses = LinkError("connection lost", host="h1")
    answered_by(monkeypatch, refusing, follow_module)
    with pytest.raises(LinkError):
        await follow(ANY, since=None, guest=None, json=False)


async def test_a_reader_that_has_gone_ends_it_as_it_ends_every_command(
    monkeypatch: pytest.MonkeyPatch, fleet: ScriptedFleet
) -> None:
    class Gone:
        live = False

        def line(self, text: str = "") -> None:
            raise BrokenPipeError

        def passing(self, text: str) -> None:
            pass

        def ink(self, text: str, _: object) -> str:
            return text

    monkeypatch.setattr(follow_module, "Output", Gone)
    fleet.host_crashes = {H1: looked(H1, now(KILLED))}
    with pytest.raises(BrokenPipeError):
        await follow(ANY, since="1h", guest=None, json=False)
    assert not fleet.followers
