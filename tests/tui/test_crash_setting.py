"""A user looks at what happens when a guest crashes and what would be left of it, and changes it (a scripted fleet)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backends.errors import ActionError
from backends.model.crash_setting import CrashWish, OnCrash, OnEnd
from backends.model.guest import GuestKey
from backends.model.host import Link
from tests.tui.crashing import setting
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest
from tui.glyphs import ASCII
from tui.settings import Settings

WEB = guest("h1", "web-01")


def settable(**how: Any) -> ScriptedFleet:
    """web-01 is set as most guests are: a crash would leave nothing."""
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", WEB)
    fleet.setting = setting(WEB.key, **how)
    return fleet


@asynccontextmanager
async def looking(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The dialog."""
    async with program_on(fleet, **how) as program:
        await program.sees("web-01")
        await program.press("C")
        await program.sees("when web-01 on h1 crashes")
        yield program


def wished(fleet: ScriptedFleet) -> list[CrashWish]:
    """What was to be different."""
    return [rest[1] for what, *rest in fleet.asked if what == "change crash setting"]  # type: ignore[misc]


async def test_it_shows_what_is_set_what_it_has_and_what_a_crash_would_leave() -> None:
    logs = ("/var/log/libvirt/qemu/web-01-console.log",)
    fleet = settable(panic_devices=("isa",), watchdog="i6300esb: reset", console_logs=logs)
    async with looking(fleet) as program:
        await program.sees("on_crash      destroy")
        text = program.text()
        assert "on_poweroff   destroy" in text
        assert "on_reboot     restart" in text
        assert "panic device  yes" in text
        assert "It is ended: nothing of its memory is left." in text
        assert "i6300esb: reset" in text
        assert "/var/log/libvirt/qemu/web-01-console.log" in text
        assert "! after a panic: a panic would leave nothing" in text
        assert "→ give it a panic device" in text


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_a_change_asks_naming_guest_host_and_what_is_different_and_its_result_is_told(
    size: tuple[int, int],
) -> None:
    fleet = settable()
    async with looking(fleet, size=size) as program:
        await program.sees("on_crash      destroy")
        await program.press("left")  # from the first to the last
        await program.sees("coredump-restart   changed")
        assert "Its memory is dumped on the host, and it is started anew." in program.text()
        await program.press("down", "down", "down", "space")
        await program.sees("panic device  yes   changed")
        await program.press("enter")
        await program.sees("change what happens when web-01 crashes?")
        text = program.text()
        assert "on_crash      destroy → coredump-restart" in text
        assert "panic device  none → one" in text
        assert "with the guest's next start" in text
        assert "yes, change it for web-01 on h1" in text
        await program.press("y")
        await program.until(
            lambda: wished(fleet) == [CrashWish(on_crash=OnCrash.COREDUMP_RESTART, panic_device=True)]
        )
        await program.sees("web-01: changed")


async def test_no_is_the_default_and_changes_nothing() -> None:
    fleet = settable()
    async with looking(fleet) as program:
        await program.sees("on_crash      destroy")
        await program.press("down", "right", "enter")
        await program.sees("on_poweroff   destroy → restart")
        await program.press("enter")
        await program.no_longer_sees("change what happens when")
        assert not wished(fleet)


async def test_what_is_turned_back_is_no_change_and_nothing_is_asked() -> None:
    fleet = settable()
    async with looking(fleet) as program:
        await program.sees("on_crash      destroy")
        await program.press("right", "left", "enter")
        await program.no_longer_sees("when web-01 on h1 crashes")
        assert "change what happens" not in program.text()
        assert not wished(fleet)


async def test_only_what_is_different_is_asked_for() -> None:
    fleet = settable()
    async with looking(fleet) as program:
        await program.sees("on_crash      destroy")
        await program.press("right", "left", "down", "down", "left", "enter")
        await program.sees("on_reboot     restart → destroy")
        await program.press("y")
        await program.until(lambda: wished(fleet) == [CrashWish(on_reboot=OnEnd.DESTROY)])


async def test_a_word_that_is_not_known_stands_as_it_is_and_can_be_replaced() -> None:
    fleet = settable(on_crash="explode")
    async with looking(fleet) as program:
        await program.sees("on_crash      explode")
        await program.press("right")
        await program.sees("on_crash      destroy   changed")


async def test_a_read_only_session_looks_and_changes_nothing() -> None:
    fleet = settable()
    async with looking(fleet, settings=Settings(read_only=True)) as program:
        await program.sees("on_crash      destroy")
        assert "read-only: nothing can be changed" in program.text()
        await program.press("right", "enter")
        await program.no_longer_sees("when web-01 on h1 crashes")
        assert not wished(fleet)


async def test_a_setting_that_cannot_be_read_says_why() -> None:
    fleet = settable()
    fleet.setting = ActionError("permission denied", host="h1", hint="log in as root")
    async with looking(fleet) as program:
        await program.sees("it cannot be read: h1: permission denied")
        assert "log in as root" in program.text()
        await program.press("right", "enter")
        await program.no_longer_sees("when web-01 on h1 crashes")


class Refuses(ScriptedFleet):
    """It takes no panic device."""

    async def change_crash_setting(self, guest: GuestKey, wish: CrashWish) -> str:
        """Refused."""
        raise ActionError("this machine has no panic device", host=guest.host, hint="only x86 has isa")


async def test_a_change_that_is_refused_says_why() -> None:
    fleet = Refuses("h1")
    fleet.up("h1", WEB)
    fleet.setting = setting(WEB.key)
    async with looking(fleet) as program:
        await program.sees("on_crash      destroy")
        await program.press("up", "right", "enter")
        await program.sees("panic device  none → one")
        await program.press("y")
        await program.sees("this machine has no panic device")


async def test_a_silent_host_cannot_be_asked() -> None:
    fleet = settable()
    async with program_on(fleet) as program:
        await program.sees("web-01")
        fleet.link("h1", Link.DOWN, "no route to host")
        await program.sees("1 down")
        await program.press("C")
        await program.sees("h1 does not answer (no route to host)")


async def test_long_findings_scroll_and_the_keys_stay_on_a_small_screen() -> None:
    finding = setting(WEB.key).findings[0]
    async with looking(settable(findings=(finding,) * 12), size=(80, 24)) as program:
        await program.sees("on_crash      destroy")
        assert "enter takes it, esc goes back" in program.text()
        for _ in range(6):
            await program.press("pagedown")
        await program.until(lambda: program.view("#body").scroll_y > 0)


async def test_a_plain_terminal_shows_it_in_ascii() -> None:
    settings = Settings(theme="ansi", glyphs=ASCII)
    async with looking(settable(), size=(100, 30), settings=settings) as program:
        await program.sees("on_crash      destroy")
        await program.press("right", "enter")
        await program.sees("destroy -> restart")
        assert program.text().isascii(), program.text()
