"""A user opens one crash record: cause, facts, evidence, and the move that has met it (a scripted fleet)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from textual.widgets import Input

from backends.model.crash import CrashKind, Evidence, Source
from backends.model.fleet import CrashesChanged
from backends.model.host import HostName, Link
from backends.model.move import Result
from tests.tui.crashed import DUMPED, NO_SPACE, QEMU_LOG, UNKNOWN, crashed, looking, qemu_log, record, told
from tests.tui.programs import Program
from tests.tui.scripted import ScriptedFleet, past_move
from tui.screens.crash_page import CrashPageScreen
from tui.screens.log_page import LogScreen
from tui.screens.run import RunScreen

H1 = HostName("h1")


@asynccontextmanager
async def opened(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The newest one."""
    async with looking(fleet, **how) as program:
        await program.until(lambda: program.view("#detail").text != "")
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, CrashPageScreen))
        yield program


def only(*records: Any, **how: Any) -> ScriptedFleet:
    """h1 has these."""
    fleet = crashed()
    fleet.host_crashes = {H1: told("h1", *records, **how)}
    return fleet


def page(program: Program) -> str:
    """All of it."""
    return program.view("#crash-page").text


async def test_cause_and_mend_come_first_then_facts_then_evidence() -> None:
    async with opened(crashed()) as program:
        text = page(program)
        assert text.startswith(" cause    no space left on the file system")
        assert text.index("→        make room there") < text.index("guest    web-01 on h1, paused now")
        assert text.index("guest    web-01") < text.index("3 PIECES OF EVIDENCE")
        assert "rule no-space" in text
        assert "stopped by I/O error  web-01 on h1   3 h ago" in program.view("#heading").text


async def test_times_stand_on_both_clocks_with_how_far_they_are_apart() -> None:
    async with opened(crashed()) as program:
        at = NO_SPACE.at
        assert at
        here, there = at.astimezone(), at.astimezone() + timedelta(seconds=2)
        assert f"when     {here:%Y-%m-%d %H:%M:%S %Z}, on our clock" in page(program)
        assert f"{there:%Y-%m-%d %H:%M:%S %Z} on h1's clock, which is 2.0 s ahead" in page(program)


async def test_a_clock_that_is_not_known_is_said_to_be_so() -> None:
    async with opened(only(NO_SPACE, ahead_s=None)) as program:
        assert "how far h1's clock is off is not known: this is its own time" in page(program)


async def test_a_time_that_is_only_the_latest_possible_says_or_before() -> None:
    async with opened(only(record("h1", "", CrashKind.HOST_UNCLEAN, exact=False))) as program:
        assert "or before, on our clock" in page(program)
        assert "host     h1" in page(program)


async def test_a_guest_that_is_gone_and_one_that_nobody_knows_when() -> None:
    gone = record("h1", "old-web", guest=None, at=None, host_at=None)
    async with opened(only(gone)) as program:
        assert "old-web on h1, which is not there any more" in page(program)
        assert "nothing tells when" in page(program)
        assert "NO PIECES OF EVIDENCE" in page(program)
        await program.press("enter")
        await program.sees("there is no evidence")


async def test_keys_walk_through_the_evidence_and_enter_opens_its_log() -> None:
    async with opened(crashed()) as program:
        assert "▸ QEMU's log  /var/log/libvirt/qemu/web-01.log" in page(program)
        await program.press("tab")
        await program.until(lambda: "▸ journal" in page(program))
        await program.press("enter")
        await program.sees("journal is no file: what it tells is all here")
        await program.press("j", "j")
        await program.until(lambda: "▸ QEMU's log" in page(program))
        await program.press("k", "shift+tab")
        await program.until(lambda: "▸ journal" in page(program))
        await program.press("k", "enter")
        await program.until(lambda: isinstance(program.app.screen, LogScreen))
        await program.press("escape")
        await program.sees("PIECES OF EVIDENCE")


async def test_the_piece_that_is_chosen_scrolls_into_sight() -> None:
    many = tuple(
        qemu_log(*(f"line {n} of piece {piece}" for n in range(9)), path=f"/log/{piece}")
        for piece in range(6)
    )
    async with opened(only(replace(NO_SPACE, evidence=many)), size=(80, 24)) as program:
        for piece in range(6):
            await program.sees(f"▸ QEMU's log  /log/{piece}")
            await program.press("tab")
        await program.sees("▸ QEMU's log  /log/0")


async def test_a_dump_is_brought_here_and_not_read(tmp_path: Path) -> None:
    fleet = only(DUMPED)
    async with opened(fleet) as program:
        await program.press("enter")
        await program.sees("a memory dump is no text: S brings it here")
        await program.press("S")
        await program.sees("save on this machine")
        assert program.widget(Input).value.endswith("/h1-2-web-01-2026-11-19-10_01_12")
        path = tmp_path / "dump"
        path.write_text("mine")
        program.widget(Input).value = str(path)
        await program.press("enter")
        await program.sees("This file is there already: choose another name.")
        await program.press("enter")
        assert path.read_text() == "mine"
        program.widget(Input).value = str(tmp_path / "other")
        await program.press("enter")
        await program.sees("saved: ")
        assert ("fetch", H1, DUMPED.evidence[0].path, tmp_path / "other") in fleet.asked


async def test_evidence_that_could_not_be_read_says_why_and_what_would_help() -> None:
    dark = Evidence(
        Source.QEMU_LOG,
        QEMU_LOG,
        trouble="unreadable: permission denied",
        mend="setfacl -m u:ferry:r /var/log/libvirt/qemu/web-01.log",
    )
    async with opened(only(replace(NO_SPACE, evidence=(dark,)))) as program:
        assert "1 PIECE OF EVIDENCE" in page(program)
        assert "unreadable: permission denied" in page(program)
        assert "→ setfacl -m u:ferry:r" in page(program)


async def test_the_move_that_has_met_it_is_one_key_away() -> None:
    fleet = only(NO_SPACE)
    move = past_move("web-01", Result.FAILED)
    fleet.has(move)
    fleet.met = NO_SPACE
    async with opened(fleet) as program:
        await program.until(lambda: "move     h1 → h2, live, failed" in page(program))
        await program.press("m")
        await program.until(lambda: isinstance(program.app.screen, RunScreen))
        await program.press("escape")
        await program.sees("PIECES OF EVIDENCE")
        fleet.met = None
        fleet.tell(CrashesChanged(H1, told("h1", NO_SPACE, UNKNOWN)))
        await program.until(lambda: "move     " not in page(program))
        await program.press("m")
        await program.sees("no move is known that has met this crash")


async def test_the_page_follows_what_is_learned_and_keeps_what_is_gone() -> None:
    fleet = crashed()
    async with opened(fleet) as program:
        more = replace(
            NO_SPACE,
            evidence=(*NO_SPACE.evidence, Evidence(Source.KERNEL, "journalctl -k", ("EXT4-fs error",))),
        )
        fleet.tell(CrashesChanged(H1, told("h1", more)))
        await program.sees("4 PIECES OF EVIDENCE")
        fleet.tell(CrashesChanged(H1, told("h1")))
        await program.sees("The host has not told of it when it was looked at last")
        assert "4 PIECES OF EVIDENCE" in page(program)


async def test_a_host_that_falls_silent_is_told_on_the_page() -> None:
    fleet = crashed()
    async with opened(fleet) as program:
        fleet.link("h1", Link.STALE, "keepalive lost")
        await program.sees("h1 is silent")
        assert "its host is silent" in page(program)


async def test_the_command_that_shows_the_evidence_is_copied() -> None:
    async with opened(crashed()) as program:
        await program.press("y")
        await program.sees("copied")
        assert program.app.clipboard == "ssh root@h1 -t 'less +9000P /var/log/libvirt/qemu/web-01.log'"
        await program.press("tab", "y")
        await program.sees("there is no command to copy")
