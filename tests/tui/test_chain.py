"""A user follows a guest's disks down to the bytes (a scripted fleet)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backends.errors import CommandError
from backends.model.guest import Disk, DiskKind, GuestKey
from backends.model.host import Link
from backends.model.storage import Chain
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest
from tests.tui.stored import chain
from tests.tui.terminal_bytes import on_a_wire
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.glyphs import ASCII
from tui.session import Session
from tui.settings import Settings

WEB = guest("h1", "web-01")


class TwoDisks(ScriptedFleet):
    """vda is told at once, vdb when the test lets it, and sda has no medium."""

    def __init__(self) -> None:
        super().__init__("h1")
        self.may_answer = asyncio.Event()
        disks = (
            *WEB.disks,
            Disk("vdb", DiskKind.BLOCK, "/dev/vg_guests/data"),
            Disk("sda", DiskKind.FILE, "", device="cdrom"),
        )
        self.up("h1", guest("h1", "web-01", disks=disks))

    async def chain(self, guest: GuestKey, target: str) -> Chain:
        """vdb may not be looked at."""
        if target == "vdb":
            await self.may_answer.wait()
            raise CommandError("lvs: permission denied", host="h1", hint="root on the host may ask")
        return chain(guest, target=target)


def chained() -> ScriptedFleet:
    """One guest with one disk."""
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", WEB)
    fleet.disk_chain = chain(WEB.key)
    return fleet


@asynccontextmanager
async def following(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The disks of web-01."""
    async with program_on(fleet, **how) as program:
        await program.sees("web-01")
        await program.press("d")
        await program.sees("DISKS  of web-01 on h1")
        yield program


async def test_the_layers_of_a_disk_are_drawn_from_the_guest_down_to_the_bytes() -> None:
    async with following(chained()) as program:
        await program.sees("LUN ")
        text = program.text()
        layers = [
            "guest disk",
            "image",
            "backing image",
            "file system",
            "logical volume",
            "volume group",
            "LUN ",
        ]
        assert sorted(layers, key=text.index) == layers
        assert text.count("▼") == len(layers) - 1
        assert "? iscsiadm: permission denied; root on the host may ask" in text
        await program.press("escape")
        await program.sees("GUESTS  1")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 50)])
async def test_sizes_stand_below_each_other_and_sides_close(size: tuple[int, int]) -> None:
    async with following(chained(), size=size) as program:
        await program.sees("guest disk")
        lines = program.view("#chains").text.splitlines()
        boxed = [line for line in lines if line.startswith((" │", " ├", " ┌", " └"))]
        assert len({len(line) for line in boxed}) == 1
        assert len(boxed[0]) < size[0]
        ends = {line.index(" GiB │") for line in boxed if " GiB │" in line}
        assert len(ends) == 1


async def test_a_slow_disk_does_not_hide_the_others_and_trouble_is_told_in_words() -> None:
    fleet = TwoDisks()
    async with following(fleet, size=(100, 50)) as program:
        await program.sees("/dev/vg_guests/data  reading what lies under it ...")
        assert "/srv/images/web-01.qcow2" in program.text()
        assert "an empty cdrom" in program.text()
        assert "reading ..." in program.text().splitlines()[1]
        fleet.may_answer.set()
        await program.sees("? h1: lvs: permission denied")
        assert "root on the host may ask" in program.text()
        await program.no_longer_sees("reading ...")


async def test_disks_are_read_anew_by_a_key() -> None:
    fleet = chained()
    fleet.disk_chain = CommandError("the host is busy")
    async with following(fleet) as program:
        await program.sees("? the host is busy")
        fleet.disk_chain = chain(WEB.key)
        await program.press("f")
        await program.sees("guest disk")
        await program.no_longer_sees("the host is busy")


async def test_a_silent_host_and_a_guest_that_left_are_told_and_the_drawing_stays() -> None:
    fleet = chained()
    async with following(fleet) as program:
        await program.sees("guest disk")
        fleet.link("h1", Link.STALE, "keepalive lost")
        await program.sees("h1 is silent now")
        assert "guest disk" in program.text()
        await program.press("f")
        await program.sees("h1 does not answer (keepalive lost)")
        fleet.up("h1")
        await program.sees("it is no longer on h1")


async def test_the_guest_page_leads_there_too() -> None:
    async with program_on(chained()) as program:
        await program.sees("web-01")
        await program.press("enter")
        await program.sees("<domain")
        await program.press("d")
        await program.sees("guest disk")


async def test_a_plain_terminal_draws_it_in_ascii() -> None:
    async with following(chained(), size=(80, 24), settings=Settings(theme="ansi", glyphs=ASCII)) as program:
        await program.sees("| guest disk")
        assert program.text().isascii(), program.text()


async def test_when_nothing_changes_nothing_is_sent() -> None:
    app = FerryApp(Session(fleet := chained(), Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, (100, 30)) as (pilot, wire):
        await pilot.press("d")
        await pilot.pause(0.5)
        wire.take()
        await pilot.pause(1.5)
        assert wire.take() == b""
