"""What becomes of copied disks once a move has ended, on two of libvirt's test hosts with files of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from backends.embedded import node_xml
from backends.errors import ActionError
from backends.fleet.mailbox import Board
from backends.hypervisor import lifecycle
from backends.migration.ending.own_images import mark_of
from backends.migration.ending.settle import Settlement
from backends.migration.ending.tidy import Tidying
from backends.migration.ending.verdict import Finding, Place
from backends.migration.leftovers import mend as mending
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.model.fleet import FleetState
from backends.model.guest import GuestAction, GuestKey, GuestState
from backends.model.host import HostName, HostSpec, Reach
from backends.model.move import MoveRequest, Trace, TraceKind
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from backends.remote.local import LocalShell
from backends.remote.shell import COMMAND_DEADLINE_S, Answer
from tests.supervised import Supervised, supervised
from tests.unit.test_unfinished import a_move

UUID = "00000001-0000-4000-8000-000000000000"
NAME = "web-100"
H1, H2 = HostName("h1"), HostName("h2")


@dataclass
class Copied:
    """A move of web-100 from h1, where it runs, to h2, where it is off and has a copy of its disk."""

    hosts: Supervised
    record: MoveRecord
    path: Path

    @property
    def mark(self) -> Path:
        return Path(mark_of(self.record.id, str(self.path)))

    async def tidy(self, place: Place) -> tuple[str, ...]:
        supervisors = self.hosts.supervisors
        return await Tidying(self.record, supervisors[H1], supervisors[H2]).run(place)

    async def act(self, host: HostName, action: GuestAction) -> None:
        await lifecycle.act(self.hosts.supervisors[host].current().connection("test"), UUID, action)

    async def mend(self) -> str:
        """As listed when it was left."""
        left = Unfinished(
            "x",
            UnfinishedKind.DISK_FILE,
            GuestKey(H2, "test", UUID),
            NAME,
            "text",
            Mend.REMOVE_FILE,
            "find ...",
            move=self.record.id,
            path=str(self.path),
        )
        return await mending.mend(left, self.hosts.supervisors)


@pytest.fixture
async def copied(tmp_path: Path) -> AsyncIterator[Copied]:
    specs = []
    for name in (H1, H2):
        file = tmp_path / f"{name}.xml"
        file.write_text(node_xml(1, 1))
        specs.append(HostSpec(name, Reach.URI, f"test://{file}"))
    path = tmp_path / "images" / "web.img"
    path.parent.mkdir()
    request = MoveRequest(GuestKey(H1, "test", UUID), NAME, H2)
    move = replace(a_move(traces=(Trace(TraceKind.DISK_FILE, H2, str(path)),)), request=request)
    async with supervised(specs) as hosts:
        ready = Copied(hosts, MoveRecord(move, Board(FleetState()), None), path)
        ready.mark.touch()
        path.hardlink_to(ready.mark)
        await ready.act(H2, GuestAction.FORCE_OFF)
        yield ready


def replaced(copied: Copied) -> None:
    """By a file of somebody else's."""
    copied.path.unlink()
    copied.path.write_text("somebody else's")


async def test_the_copy_of_a_guest_that_stayed_is_removed_with_its_mark(copied: Copied) -> None:
    assert await copied.tidy(Place.STAYED) == ()
    assert copied.record.move.traces == ()
    assert not any(copied.path.parent.iterdir())


async def test_what_is_not_proved_ours_is_named_and_stays(copied: Copied) -> None:
    copied.mark.unlink()
    (left,) = await copied.tidy(Place.STAYED)
    assert str(copied.path) in left and "no proof" in left and "rm " not in left
    assert copied.path.exists() and copied.record.move.traces


async def test_what_is_proved_not_ours_stays_and_is_no_business_of_the_moves(copied: Copied) -> None:
    replaced(copied)
    assert await copied.tidy(Place.STAYED) == ()
    assert copied.record.move.traces == ()
    assert [file.name for file in copied.path.parent.iterdir()] == ["web.img"]
    assert "left alone" in copied.record.move.log[-1].text


async def test_a_copy_that_the_destinations_guest_may_have_open_is_kept(copied: Copied) -> None:
    await copied.act(H2, GuestAction.START)
    (left,) = await copied.tidy(Place.STAYED)
    assert "keep it until it is sure where the guest is" in left
    assert copied.path.exists() and copied.mark.exists()


async def test_a_guest_that_has_arrived_keeps_its_disk_and_loses_the_mark(copied: Copied) -> None:
    await copied.act(H2, GuestAction.START)
    await copied.act(H1, GuestAction.FORCE_OFF)
    await copied.tidy(Place.ARRIVED)
    assert copied.record.move.traces == ()
    assert [file.name for file in copied.path.parent.iterdir()] == ["web.img"]


@pytest.mark.parametrize("place", [place for place in Place if place not in (Place.ARRIVED, Place.STAYED)])
async def test_while_nobody_knows_where_the_guest_is_no_copy_is_removed_or_told_to_be(
    copied: Copied, place: Place
) -> None:
    (left,) = await copied.tidy(place)
    assert left == f"h2 has a copy of its disk: keep it until it is sure where the guest is: {copied.path}"
    assert copied.path.exists() and copied.mark.exists() and copied.record.move.traces


@pytest.fixture
def apart(copied: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    """h1 has other files than h2: seen from there, nothing is in that folder."""
    elsewhere = str(copied.path.parent.parent / "elsewhere")

    class OfH1(LocalShell):
        async def run(
            self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
        ) -> Answer:
            there = [word.replace(str(copied.path.parent), elsewhere) for word in argv]
            return await super().run(there, stdin=stdin, deadline_s=deadline_s)

    monkeypatch.setattr(mending, "files_of", lambda host: OfH1() if host.name == H1 else LocalShell())


async def test_a_file_that_the_guest_runs_from_on_another_host_is_not_removed(copied: Copied) -> None:
    """The folder has become a share since: what was a copy is the disk now. Here, both hosts see the same files."""
    with pytest.raises(ActionError, match="h1 runs web-100 and sees the same files"):
        await copied.mend()
    assert copied.path.exists() and copied.mark.exists()


@pytest.mark.usefixtures("apart")
async def test_a_copy_that_was_left_is_mended_with_its_mark(copied: Copied) -> None:
    assert await copied.mend() == f"{copied.path} was removed from h2"
    assert not any(copied.path.parent.iterdir())
    assert await copied.mend() == f"{copied.path} was gone from h2 already"


@pytest.mark.usefixtures("apart")
async def test_the_mark_of_a_copy_that_was_removed_by_hand_goes_too(copied: Copied) -> None:
    copied.path.unlink()
    assert "gone" in await copied.mend()
    assert not any(copied.path.parent.iterdir())


@pytest.mark.usefixtures("apart")
async def test_mending_leaves_alone_what_is_not_ours(copied: Copied) -> None:
    replaced(copied)
    assert "left alone" in await copied.mend()
    with pytest.raises(ActionError, match="no proof") as caught:
        await copied.mend()
    assert "by hand" in caught.value.hint
    assert copied.path.read_text() == "somebody else's"


@pytest.mark.parametrize("action", [GuestAction.FORCE_OFF, GuestAction.PAUSE])
async def test_a_copy_is_not_removed_while_no_other_host_runs_the_guest(
    copied: Copied, action: GuestAction
) -> None:
    """A half that was left paused by a broken switch is no proof that its disk is the newest."""
    await copied.act(H1, action)
    with pytest.raises(ActionError, match="newest disk may be that file"):
        await copied.mend()
    assert copied.path.exists() and copied.mark.exists()


async def test_a_guest_that_ends_between_its_arrival_and_the_last_word_is_not_said_to_run(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def arrived(_: Settlement) -> Finding:
        return Finding(Place.ARRIVED, GuestState.RUNNING, "migrated")  # and then it was switched off on h2

    monkeypatch.setattr(Settlement, "_find", arrived)
    copied.record.signal(Signal.TRANSFER_ENDED)
    supervisors = copied.hosts.supervisors
    await Settlement(copied.record, supervisors[H1], supervisors[H2], 0.0).run(None, None, None)
    outcome = copied.record.move.outcome
    assert outcome is not None
    assert (outcome.where, outcome.state) == (H2, GuestState.OFF)
    assert "does not run there" in outcome.reason
    assert any("remove the definition on h1" in left for left in outcome.left_to_do)
