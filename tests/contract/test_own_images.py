"""An image made for a copy is removed only where it is proved to be ours, wherever the program was ended before.

The host is this machine: its file system, dd, qemu-img, ln and find are the real ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from backends.errors import CommandError, FerryError, JournalError, LinkError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.journal.journal import Journal
from backends.migration.ending import own_images
from backends.migration.ending.own_images import Removal, mark_of
from backends.migration.record import MoveRecord
from backends.migration.transfer import disks
from backends.model.fleet import FleetState
from backends.model.host import HostName
from backends.model.move import DiskCopy, Move, TraceKind
from backends.remote.local import LocalShell
from backends.remote.shell import COMMAND_DEADLINE_S, Answer, tool_of
from tests.unit.test_unfinished import a_move

H2 = HostName("h2")
MIB = 1 << 20
SOMEBODY_ELSES = b"a disk that somebody has put there"

needs_qemu_img = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="no qemu-img here")


class Ended(LocalShell):
    """The way to the host is gone at one of its commands: before it is run, or before its answer has come.

    For what is on the host, that is what a program that is killed there leaves behind.
    """

    def __init__(self, at: int, *, answer_lost: bool) -> None:
        super().__init__()
        self.left, self.answer_lost = at, answer_lost

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """As LocalShell, up to there."""
        self.left -= 1
        if self.left >= 0 or (self.left == -1 and self.answer_lost):
            answer = await super().run(argv, stdin=stdin, deadline_s=deadline_s)
            if self.left >= 0:
                return answer
        raise LinkError("connection lost", host="h2")


class WithoutLinks(LocalShell):
    """A host whose file system has no hard links, as FAT has none."""

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """As LocalShell; ln(1) says what it says there."""
        if tool_of(argv) == "ln":
            return Answer(1, "", f"ln: failed to create hard link '{argv[-1]}': Operation not permitted\n")
        return await super().run(argv, stdin=stdin, deadline_s=deadline_s)


class Appearing(LocalShell):
    """Somebody puts a file into the place right before one of the commands."""

    def __init__(self, before: str, path: Path) -> None:
        super().__init__()
        self.before, self.path = before, path

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """As LocalShell."""
        if tool_of(argv) == self.before and not self.path.exists():
            self.path.write_bytes(SOMEBODY_ELSES)
        return await super().run(argv, stdin=stdin, deadline_s=deadline_s)


class Place:
    """Where the image is to be, and the move that makes it there."""

    def __init__(self, folder: Path, name: str, format_: str, journal: Journal | None = None) -> None:
        self.folder, self.path = folder, folder / name
        copy = DiskCopy("vda", str(self.path), name, format_, 3 * MIB, exists=False)
        move = a_move(id_="0a1b2c3d")
        assert move.preflight is not None
        self.move: Move = replace(move, preflight=replace(move.preflight, copies=(copy,)))
        self.record = MoveRecord(self.move, Board(FleetState()), journal)

    async def prepare(self, shell: LocalShell | None = None) -> None:
        session = SimpleNamespace(shell=shell or LocalShell())
        await disks.prepare(self.record, cast(Supervisor, SimpleNamespace(name=H2, current=lambda: session)))

    async def remove(self) -> Removal:
        """By another program, that knows the trace alone."""
        return await own_images.remove(LocalShell(), self.move.id, str(self.path))

    @property
    def mark(self) -> Path:
        return Path(mark_of(self.move.id, str(self.path)))

    @property
    def files(self) -> list[str]:
        return sorted(file.name for file in self.folder.iterdir())

    @property
    def traced(self) -> bool:
        return bool(self.record.traces(TraceKind.DISK_FILE))


@pytest.fixture(params=["web.img", "-web ' \n*.img", "w" * 255])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    folder = tmp_path / "images"
    folder.mkdir()
    return Place(folder, request.param, "raw")


@pytest.fixture
def plain(tmp_path: Path) -> Place:
    folder = tmp_path / "images"
    folder.mkdir()
    return Place(folder, "web.qcow2", "qcow2")


@needs_qemu_img
async def test_an_image_is_made_whole_and_taken_back_without_a_remnant(place: Place) -> None:
    await place.prepare()
    assert place.path.stat().st_size == 3 * MIB and place.path.samefile(place.mark)
    assert place.traced
    assert await place.remove() is Removal.REMOVED
    assert place.files == []
    assert await place.remove() is Removal.GONE


@needs_qemu_img
async def test_after_a_move_that_succeeded_exactly_the_image_is_there(plain: Place) -> None:
    await plain.prepare()
    for _ in range(2):
        await own_images.let_go(LocalShell(), plain.move.id, str(plain.path))
        assert plain.files == ["web.qcow2"]
    assert await plain.remove() is Removal.UNPROVED
    assert plain.path.read_bytes().startswith(b"QFI\xfb")


@needs_qemu_img
@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("at", range(3))
async def test_wherever_the_making_ends_all_of_ours_can_be_taken_back(
    plain: Place, at: int, answer_lost: bool
) -> None:
    with pytest.raises(LinkError):
        await plain.prepare(Ended(at, answer_lost=answer_lost))
    assert plain.traced
    assert await plain.remove() in (Removal.REMOVED, Removal.FOREIGN, Removal.GONE)
    assert plain.files == []


@needs_qemu_img
@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("at", range(3))
async def test_wherever_it_ends_a_file_of_somebody_else_stays(
    plain: Place, at: int, answer_lost: bool
) -> None:
    plain.path.write_bytes(SOMEBODY_ELSES)
    with pytest.raises(LinkError):
        await plain.prepare(Ended(at, answer_lost=answer_lost))
    assert await plain.remove() in (Removal.FOREIGN, Removal.UNPROVED)
    assert plain.path.read_bytes() == SOMEBODY_ELSES
    assert plain.files == ["web.qcow2"]


@needs_qemu_img
@pytest.mark.parametrize("shell", [LocalShell, WithoutLinks])
async def test_what_has_appeared_since_the_plan_is_left_alone_and_said(
    plain: Place, shell: type[LocalShell]
) -> None:
    plain.path.write_bytes(SOMEBODY_ELSES)
    with pytest.raises(CommandError, match="has appeared since the plan was made") as caught:
        await plain.prepare(shell())
    assert (caught.value.host, caught.value.hint) == ("h2", "plan the move again")
    assert await plain.remove() is Removal.FOREIGN
    assert plain.files == ["web.qcow2"] and plain.path.read_bytes() == SOMEBODY_ELSES


@needs_qemu_img
@pytest.mark.parametrize("tool", ["dd", "qemu-img", "ln"])
async def test_so_is_what_appears_while_the_image_is_made(plain: Place, tool: str) -> None:
    with pytest.raises(CommandError, match="has appeared"):
        await plain.prepare(Appearing(tool, plain.path))
    await plain.remove()
    assert plain.files == ["web.qcow2"] and plain.path.read_bytes() == SOMEBODY_ELSES


@needs_qemu_img
async def test_so_is_what_appears_before_a_rename_where_there_are_no_hard_links(plain: Place) -> None:
    class Both(Appearing, WithoutLinks):
        """Each in its turn."""

    with pytest.raises(CommandError, match="has appeared"):
        await plain.prepare(Both("mv", plain.path))
    assert await plain.remove() is Removal.FOREIGN
    assert plain.files == ["web.qcow2"] and plain.path.read_bytes() == SOMEBODY_ELSES


@needs_qemu_img
@pytest.mark.parametrize("kind", ["folder", "link to a file", "link to nothing"])
async def test_folders_and_links_in_its_place_are_neither_entered_nor_followed(
    plain: Place, kind: str
) -> None:
    elsewhere = plain.folder.parent / "elsewhere"
    match kind:
        case "folder":
            plain.path.mkdir()
        case "link to a file":
            elsewhere.write_bytes(SOMEBODY_ELSES)
            plain.path.symlink_to(elsewhere)
        case _:
            plain.path.symlink_to(elsewhere)
    with pytest.raises(CommandError, match="has appeared"):
        await plain.prepare()
    assert await plain.remove() is Removal.FOREIGN
    assert plain.files == ["web.qcow2"]
    assert not elsewhere.exists() or elsewhere.read_bytes() == SOMEBODY_ELSES
    assert not plain.path.is_dir() or not any(plain.path.iterdir())


@needs_qemu_img
async def test_a_link_to_our_own_image_is_no_image_of_ours(plain: Place) -> None:
    await plain.prepare()
    plain.path.unlink()
    plain.path.symlink_to(plain.mark)
    assert await plain.remove() is Removal.FOREIGN
    assert plain.path.is_symlink()


@needs_qemu_img
async def test_a_file_that_has_replaced_ours_stays(plain: Place) -> None:
    await plain.prepare()
    (plain.folder / "other").write_bytes(SOMEBODY_ELSES)
    (plain.folder / "other").replace(plain.path)
    assert await plain.remove() is Removal.FOREIGN
    assert plain.files == ["web.qcow2"] and plain.path.read_bytes() == SOMEBODY_ELSES


@needs_qemu_img
async def test_the_sources_own_disk_stays_when_its_share_is_mounted_over_the_folder(plain: Place) -> None:
    """Another file system in the folder's place has neither our image nor its mark."""
    await plain.prepare()
    plain.folder.rename(plain.folder.parent / "below")
    plain.folder.mkdir()
    plain.path.write_bytes(SOMEBODY_ELSES)
    assert await plain.remove() is Removal.UNPROVED
    assert plain.path.read_bytes() == SOMEBODY_ELSES


@needs_qemu_img
async def test_a_file_system_without_hard_links_gets_its_image_and_keeps_it(plain: Place) -> None:
    await plain.prepare(WithoutLinks())
    assert plain.files == ["web.qcow2"] and plain.path.read_bytes().startswith(b"QFI\xfb")
    assert any("will not be removed" in line.text for line in plain.record.move.log)
    assert plain.traced
    assert await plain.remove() is Removal.UNPROVED
    assert plain.files == ["web.qcow2"]


@needs_qemu_img
async def test_a_link_whose_answer_went_wrong_is_still_ours(plain: Place) -> None:
    """NFS may do what it is asked twice, when an answer is lost: the second time, the name is taken."""

    class Twice(LocalShell):
        async def run(
            self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
        ) -> Answer:
            if tool_of(argv) == "ln":
                await super().run(argv, stdin=stdin, deadline_s=deadline_s)
            return await super().run(argv, stdin=stdin, deadline_s=deadline_s)

    await plain.prepare(Twice())
    assert await plain.remove() is Removal.REMOVED
    assert plain.files == []


async def test_nothing_is_made_or_remembered_without_the_journal(plain: Place) -> None:
    class Full:
        """A journal whose disk is full."""

        def put(self, move: Move) -> None: ...

        async def durable(self) -> None:
            raise JournalError("no space left")

    plain.path.write_bytes(SOMEBODY_ELSES)
    unwritten = Place(plain.folder, plain.path.name, "qcow2", cast(Journal, Full()))
    with pytest.raises(JournalError):
        await unwritten.prepare()
    assert not unwritten.traced
    assert unwritten.files == ["web.qcow2"]


async def test_a_folder_that_is_not_there_leaves_no_trace(plain: Place) -> None:
    plain.folder.rmdir()
    with pytest.raises(FerryError, match="No such file"):
        await plain.prepare()
    assert not plain.traced


@needs_qemu_img
async def test_an_image_that_cannot_be_made_leaves_no_file(tmp_path: Path) -> None:
    place = Place(tmp_path, "web.img", "no-such-format")
    with pytest.raises(CommandError, match="no-such-format"):
        await place.prepare()
    await place.remove()
    assert place.files == []


@needs_qemu_img
async def test_a_private_name_that_is_taken_is_not_written_through(plain: Place) -> None:
    elsewhere = plain.folder.parent / "elsewhere"
    elsewhere.write_bytes(SOMEBODY_ELSES)
    plain.mark.symlink_to(elsewhere)
    with pytest.raises(CommandError, match="File exists"):
        await plain.prepare()
    assert elsewhere.read_bytes() == SOMEBODY_ELSES
    assert not plain.traced and not plain.path.exists()
