"""`virt-ferry dump` and `crash-setting`: the plan, the question, how far it is, and the end (a scripted fleet)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.api import ActionError, FerryError, LinkError
from backends.model.crash_setting import CrashSetting, CrashWish, OnCrash
from backends.model.dump import DumpFormat, DumpPhase, DumpPlan, DumpProgress, DumpWish, WhileDumping
from backends.model.posture import Finding, Severity
from tests.tui.scripted import GIB, MIB, ScriptedFleet
from tests.unit.answered import ANY, WEB, answered_by, answering, fits_80_columns, objects, two_of_three
from tui.headless import crash_setting as setting_module
from tui.headless import dump as dump_module
from tui.headless.crash_setting import crash_setting
from tui.headless.dump import dump
from tui.headless.dump_options import DumpOptions, SettingOptions
from tui.headless.exits import Exit, UsageError
from tui.headless.output import Output

PLAN = DumpPlan(
    DumpWish(WEB.key),
    "web",
    path="/var/lib/libvirt/qemu/dump/web-2026.core",
    local_path="",
    needed_bytes=2 * GIB,
    free_bytes=12 * GIB,
    local_free_bytes=None,
    findings=(Finding("dump.room", "room for the dump", Severity.GOOD, "12 GiB are free"),),
    command="virsh -c qemu+ssh://root@h1/system dump web /var/lib/libvirt/qemu/dump/web-2026.core --memory-only",
)
LIVE = replace(PLAN, wish=replace(PLAN.wish, then=WhileDumping.LIVE))
NO_ROOM = replace(
    PLAN, free_bytes=MIB, refusal="it needs 2.00 GiB, 1.00 MiB are free: choose another folder, or --bring"
)
STEPS = (
    DumpProgress(PLAN, DumpPhase.DUMPING, 0, 0),
    DumpProgress(PLAN, DumpPhase.DUMPING, GIB, 2 * GIB),
    DumpProgress(PLAN, DumpPhase.BRINGING, GIB, 2 * GIB),
    DumpProgress(PLAN, DumpPhase.DONE, 2 * GIB, 2 * GIB, words=f"{PLAN.path}, 2.00 GiB, ELF core"),
)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """web on h1 can be dumped."""
    scripted = two_of_three()
    scripted.dump_plan, scripted.dumping = PLAN, STEPS
    scripted.setting = CrashSetting(WEB.key)
    answered_by(monkeypatch, scripted, dump_module, setting_module)
    answering(monkeypatch, None)
    return scripted


async def dumping(
    wishes: DumpOptions | None = None, *, dry_run: bool = False, yes: bool = True, json: bool = False
) -> Exit:
    """The command, on web."""
    return await dump(ANY, "web", wishes or DumpOptions(), dry_run=dry_run, yes=yes, json=json)


def wish_asked(fleet: ScriptedFleet) -> DumpWish:
    """The one that was planned."""
    (wish,) = [each[1] for each in fleet.asked if each[0] == "plan dump"]
    assert isinstance(wish, DumpWish)
    return wish


# What is wished --------------------------------------------------------------------------------


async def test_without_options_the_memory_is_dumped_as_elf_while_the_guest_is_paused(
    fleet: ScriptedFleet,
) -> None:
    await dumping()
    assert wish_asked(fleet) == DumpWish(WEB.key)


async def test_each_option_reaches_the_plan(fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/tmp")
    wishes = DumpOptions(format="kdump-zlib", live=True, folder="/srv/dumps", bring=Path("here"))
    await dumping(wishes, dry_run=True)
    assert wish_asked(fleet) == DumpWish(
        WEB.key,
        format=DumpFormat.KDUMP_ZLIB,
        then=WhileDumping.LIVE,
        folder="/srv/dumps",
        bring_to="/tmp/here",
    )


@pytest.mark.parametrize(
    ("wishes", "then"),
    [
        (DumpOptions(crash=True), WhileDumping.CRASH),
        (DumpOptions(reset=True), WhileDumping.RESET),
        (DumpOptions(full=True, live=True), WhileDumping.LIVE),
    ],
)
async def test_what_becomes_of_the_guest_is_chosen_by_one_option(
    fleet: ScriptedFleet, wishes: DumpOptions, then: WhileDumping
) -> None:
    await dumping(wishes, dry_run=True)
    assert (wish_asked(fleet).then, wish_asked(fleet).memory_only) == (then, not wishes.full)


@pytest.mark.parametrize(
    "wishes",
    [
        DumpOptions(live=True, crash=True),
        DumpOptions(crash=True, reset=True),
        DumpOptions(full=True, format="kdump-zlib"),
    ],
)
async def test_options_that_exclude_each_other_are_a_usage_error_and_nothing_is_planned(
    fleet: ScriptedFleet, wishes: DumpOptions
) -> None:
    with pytest.raises(UsageError):
        await dumping(wishes)
    assert not fleet.asked


# The plan --------------------------------------------------------------------------------------


async def test_the_plan_says_what_becomes_of_the_guest_where_the_dump_goes_and_whether_there_is_room(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.dump_plan = replace(PLAN, local_path="/root/web-2026.core", local_free_bytes=40 * GIB)
    assert await dumping(dry_run=True) == Exit.SUCCEEDED
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert "dump web on h1 what its memory, as elf guest paused while it is dumped" in words
    assert f"to h1:{PLAN.path} up to 2.00 GiB; 12.0 GiB are free" in words
    assert (
        "then to /root/web-2026.core on this machine; removed on the host up to 2.00 GiB; 40.0 GiB" in words
    )
    assert "command virsh -c qemu+ssh://root@h1/system dump web" in words
    assert fits_80_columns(out)
    assert not [each for each in fleet.asked if each[0] == "dump"]


@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize("dry_run", [False, True])
async def test_for_lack_of_room_it_is_refused_before_it_starts(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str], json: bool, dry_run: bool
) -> None:
    fleet.dump_plan = NO_ROOM
    assert await dumping(json=json, dry_run=dry_run) == Exit.REFUSED
    out = capsys.readouterr().out
    assert "it needs 2.00 GiB, 1.00 MiB are free" in " ".join(out.split())
    assert ("not started" in out) is not json
    assert not [each for each in fleet.asked if each[0] == "dump"]


async def test_without_a_terminal_and_without_yes_no_guest_is_paused(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await dumping(yes=False) == Exit.REFUSED
    assert "not started: nobody can be asked here: --yes starts it" in capsys.readouterr().out
    assert ("dump", PLAN) not in fleet.asked


@pytest.mark.parametrize(
    ("typed", "status"), [("yes", Exit.SUCCEEDED), ("no", Exit.REFUSED), ("", Exit.REFUSED)]
)
async def test_on_a_terminal_it_starts_only_with_a_yes(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch, typed: str, status: Exit
) -> None:
    asked = answering(monkeypatch, typed)
    assert await dumping(yes=False) == status
    assert asked == ["type yes to start: "]
    assert (("dump", PLAN) in fleet.asked) is (status is Exit.SUCCEEDED)


async def test_a_guest_that_goes_on_meanwhile_needs_no_question(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, None)
    fleet.dump_plan = LIVE
    assert await dumping(DumpOptions(live=True), yes=False) == Exit.SUCCEEDED
    assert asked == []


# Taking it -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fleet")
async def test_each_phase_is_told_once_and_the_last_word_says_what_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await dumping() == Exit.SUCCEEDED
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "dumping",
        "bringing it here",
        "succeeded: /var/lib/libvirt/qemu/dump/web-2026.core, 2.00 GiB, ELF core",
    ]


@pytest.mark.usefixtures("fleet")
async def test_scripts_get_the_plan_how_far_it_is_and_an_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    assert await dumping(json=True) == Exit.SUCCEEDED
    plan, *steps, outcome = objects(capsys)
    assert (plan["event"], plan["guest"], plan["path"]) == ("dump_plan", "web", PLAN.path)
    assert (plan["needed_bytes"], plan["free_bytes"], plan["refusal"]) == (2 * GIB, 12 * GIB, "")
    assert [(step["event"], step["phase"], step["done_bytes"], step["total_bytes"]) for step in steps] == [
        ("dump", "dumping", 0, None),
        ("dump", "dumping", GIB, 2 * GIB),
        ("dump", "bringing it here", GIB, 2 * GIB),
        ("dump", "done", 2 * GIB, 2 * GIB),
    ]
    assert (outcome["event"], outcome["verdict"], outcome["path"]) == ("outcome", "succeeded", PLAN.path)


async def test_a_path_of_any_bytes_does_not_break_the_objects(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.dump_plan = replace(NO_ROOM, path="/tmp/\udcff/web.elf", local_path="/root/\udcff")
    assert await dumping(json=True) == Exit.REFUSED
    plan, outcome = objects(capsys)
    assert plan["path"] == outcome["path"] == "/tmp/?/web.elf"


class OnTerminal(Output):
    """As on a terminal, without colours."""

    def __init__(self) -> None:
        super().__init__()
        self.live = True


async def test_on_a_terminal_the_bytes_are_told_on_one_line(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dump_module, "Output", OnTerminal)
    assert await dumping() == Exit.SUCCEEDED
    assert "\r\x1b[K50%  1.00 of 2.00 GiB" in capsys.readouterr().out


class Breaks(ScriptedFleet):
    """Something comes between, after some steps."""

    error: FerryError | None = None
    in_the_end: FerryError | None = None
    """What goes wrong while it is aborted."""
    aborted = False

    async def dump(self, plan: DumpPlan) -> AsyncGenerator[DumpProgress, None]:
        """As the service: who closes it aborts it."""
        for progress in self.dumping:
            yield progress
        if self.error:
            raise self.error
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(5)
        finally:
            self.aborted = True
            await asyncio.sleep(0)  # it takes a moment on the host
            if self.in_the_end:
                raise self.in_the_end


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Breaks:
    """web on h1."""
    scripted = Breaks("h1")
    scripted.up("h1", WEB)
    scripted.dump_plan, scripted.dumping = PLAN, STEPS[:2]
    answered_by(monkeypatch, scripted, dump_module)
    return scripted


async def test_ctrl_c_aborts_it_at_once_and_says_what_is_left(
    breaking: Breaks, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await dumping() == Exit.CANCELLED
    assert breaking.aborted
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "aborting, and removing what it has written",
        "cancelled: aborted; what it had written is removed",
    ]


async def test_what_could_not_be_removed_is_told_with_the_abort(
    breaking: Breaks, capsys: pytest.CaptureFixture[str]
) -> None:
    breaking.in_the_end = ActionError("half a dump is left in /srv/web.core", host="h1", hint="remove it")
    assert await dumping(json=True) == Exit.CANCELLED
    outcome = objects(capsys)[-1]
    assert outcome["verdict"] == "cancelled"
    assert outcome["reason"] == "h1: half a dump is left in /srv/web.core (remove it)"


@pytest.mark.parametrize(
    ("error", "steps", "status", "word"),
    [
        (LinkError("connection lost", host="h1"), STEPS[:2], Exit.FAILED, "failed: h1: connection lost"),
        (LinkError("connection lost", host="h1"), (), Exit.FAILED, "not started: h1: connection lost"),
        (ActionError("no room", hint="make some"), (), Exit.REFUSED, "not started: no room (make some)"),
        (ActionError("no room is left"), STEPS[:2], Exit.FAILED, "failed: no room is left"),
    ],
)
async def test_an_error_is_told_and_the_status_says_whether_anything_was_done(
    breaking: Breaks,
    capsys: pytest.CaptureFixture[str],
    error: FerryError,
    steps: tuple[DumpProgress, ...],
    status: Exit,
    word: str,
) -> None:
    breaking.error, breaking.dumping = error, steps
    assert await dumping() == status
    assert capsys.readouterr().out.splitlines()[-1] == word


# What happens when it crashes ------------------------------------------------------------------

LEAVES_NOTHING = Finding(
    "crash.leaves-nothing",
    "what a crash would leave",
    Severity.MEDIUM,
    "on_crash is destroy, and no console is written to a file",
    "--on-crash coredump-destroy --panic-device yes",
    guest=WEB.key,
    name="web",
)


async def test_a_guest_of_which_a_crash_would_leave_nothing_is_warned_of(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.setting = CrashSetting(WEB.key, findings=(LEAVES_NOTHING,))
    assert await crash_setting(ANY, "web", SettingOptions(), json=False) == Exit.SUCCEEDED
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert "web on h1 on_crash destroy on_poweroff destroy on_reboot restart panic device none" in words
    assert "medium what a crash would leave on_crash is destroy" in words
    assert "mend: --on-crash coredump-destroy --panic-device yes" in words
    assert fits_80_columns(out)
    assert [each[0] for each in fleet.asked] == ["crash setting"]


async def test_what_is_named_is_changed_and_nothing_else_and_the_new_setting_follows(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = SettingOptions(on_crash="coredump-restart", panic_device="yes")
    assert await crash_setting(ANY, "web", wishes, json=True) == Exit.SUCCEEDED
    assert fleet.asked == [
        ("change crash setting", WEB.key, CrashWish(on_crash=OnCrash.COREDUMP_RESTART, panic_device=True)),
        ("crash setting", WEB.key),
    ]
    outcome, setting = objects(capsys)
    assert (outcome["event"], outcome["verdict"], outcome["reason"]) == ("outcome", "succeeded", "changed")
    assert (setting["event"], setting["guest"], setting["on_crash"]) == ("crash_setting", "web", "destroy")


async def test_a_panic_device_is_taken_away_by_no(fleet: ScriptedFleet) -> None:
    await crash_setting(ANY, "web", SettingOptions(panic_device="no"), json=False)
    assert fleet.asked[0] == ("change crash setting", WEB.key, CrashWish(panic_device=False))


async def test_a_setting_that_cannot_be_read_is_an_error(fleet: ScriptedFleet) -> None:
    fleet.setting = LinkError("connection lost", host="h1")
    with pytest.raises(LinkError):
        await crash_setting(ANY, "web", SettingOptions(), json=False)
