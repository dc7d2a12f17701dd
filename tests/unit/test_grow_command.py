"""`virt-ferry grow` and `chain`: the plan, the question, each step, and the truth at the end (a scripted fleet)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from backends.api import ActionError, LinkError
from backends.model.storage import (
    Chain,
    ChainLink,
    GrowKind,
    GrowPlan,
    GrowProgress,
    GrowStep,
    LayerKind,
    StepState,
)
from tests.tui.scripted import GIB, ScriptedFleet
from tests.unit.answered import ANY, H1, WEB, answered_by, answering, fits_80_columns, objects, two_of_three
from tui.headless import chain as chain_module
from tui.headless import grow as grow_module
from tui.headless.chain import chain
from tui.headless.exits import Exit, UsageError
from tui.headless.grow import grow

WAITING, DOING, DONE = StepState.WAITING, StepState.DOING, StepState.DONE
FAILED, LEFT = StepState.FAILED, StepState.LEFT

EXTEND = GrowStep(
    GrowKind.EXTEND_LV,
    H1,
    "extend the logical volume vg0/web",
    10 * GIB,
    15 * GIB,
    "lvextend --size 16106127360b vg0/web",
)
TELL = GrowStep(
    GrowKind.RESIZE_GUEST_DISK,
    H1,
    "tell the guest",
    10 * GIB,
    15 * GIB,
    "virsh blockresize web vda 16106127360b",
)
INSIDE = GrowStep(
    GrowKind.INSIDE_GUEST, H1, "grow partition and file system", None, None, "growpart /dev/vda 1", ours=False
)
PLAN = GrowPlan(
    WEB.key, "web", "vda", 10 * GIB, 15 * GIB, (EXTEND, TELL, INSIDE), doubts=("only 2 GiB are left then",)
)
REFUSED = replace(PLAN, steps=(), refused="a disk is never made smaller", hint="copy it to a smaller one")
STEPS = (
    GrowProgress(PLAN, (WAITING, WAITING, LEFT)),
    GrowProgress(PLAN, (DOING, WAITING, LEFT), EXTEND.words),
    GrowProgress(PLAN, (DONE, WAITING, LEFT), f"done: {EXTEND.words}"),
    GrowProgress(PLAN, (DONE, DOING, LEFT), TELL.words),
    GrowProgress(PLAN, (DONE, DONE, LEFT), f"done: {TELL.words}"),
    GrowProgress(PLAN, (DONE, DONE, LEFT), f"vda has grown; left to do: {INSIDE.words}", finished=True),
)
FAILS = (
    *STEPS[:4],
    GrowProgress(
        PLAN, (DONE, FAILED, LEFT), "tell the guest: no monitor. done before: extend", finished=True
    ),
)
NOW_10_GIB = Chain(
    WEB.key,
    "web",
    "vda",
    (
        ChainLink(LayerKind.GUEST_DISK, "vda", 10 * GIB, "virtio"),
        ChainLink(LayerKind.LOGICAL_VOLUME, "vg0/web", 10 * GIB),
        ChainLink(LayerKind.VOLUME_GROUP, "vg0", 100 * GIB, "shared", trouble="vgs needs root"),
    ),
)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """web on h1 has one disk, which can grow."""
    scripted = two_of_three()
    scripted.growth, scripted.growing, scripted.disk_chain = PLAN, STEPS, NOW_10_GIB
    answered_by(monkeypatch, scripted, grow_module, chain_module)
    answering(monkeypatch, None)
    return scripted


async def growing(size: str = "15G", *, dry_run: bool = False, yes: bool = True, json: bool = False) -> Exit:
    """The command, on web's vda."""
    return await grow(ANY, "web", "vda", size, dry_run=dry_run, yes=yes, json=json)


async def test_the_plan_shows_each_step_with_its_sizes_whose_it_is_and_its_command(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await growing(dry_run=True, yes=False) == Exit.SUCCEEDED
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert "vda of web on h1: 10.0 GiB -> 15.0 GiB" in words
    assert (
        "1 extend the logical volume vg0/web 10.0 GiB -> 15.0 GiB, while it is in use lvextend --size"
        in words
    )
    assert (
        "3 grow partition and file system left to you: virt-ferry does not do this growpart /dev/vda 1"
        in words
    )
    assert "mind: only 2 GiB are left then" in words
    assert fits_80_columns(out)
    assert not [asked for asked in fleet.asked if asked[0] == "grow"]


async def test_each_step_is_told_as_it_goes_and_the_last_word_says_what_the_guest_still_must_do(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await growing() == Exit.SUCCEEDED
    assert ("grow", PLAN) in fleet.asked
    assert capsys.readouterr().out.splitlines()[-5:] == [
        "step 1 doing: extend the logical volume vg0/web",
        "step 1 done: extend the logical volume vg0/web",
        "step 2 doing: tell the guest",
        "step 2 done: tell the guest",
        "succeeded: vda has grown; left to do: grow partition and file system",
    ]


async def test_a_step_that_fails_ends_it_and_the_status_says_so(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.growing = FAILS
    assert await growing() == Exit.FAILED
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "step 2 failed: tell the guest",
        "failed: tell the guest: no monitor. done before: extend",
    ]


async def test_scripts_get_the_plan_each_step_and_an_outcome(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.growing = FAILS
    assert await growing(json=True) == Exit.FAILED
    plan, *steps, outcome = objects(capsys)
    assert (plan["event"], plan["guest"], plan["host"]) == ("growth_plan", "web", "h1")
    assert (plan["before_bytes"], plan["after_bytes"], plan["refused"]) == (10 * GIB, 15 * GIB, "")
    assert [(step["ours"], step["kind"]) for step in plan["steps"]] == [  # type: ignore[attr-defined]
        (True, "extend the logical volume"), (True, "tell the guest"), (False, "inside the guest"),
    ]  # fmt: skip
    assert [step["event"] for step in steps] == ["growth"] * 5
    assert steps[-1]["states"] == ["done", "failed", "left to do"]
    assert (outcome["event"], outcome["verdict"], outcome["done"], outcome["left"]) == (
        "outcome",
        "failed",
        [1],
        [2, 3],
    )


async def test_a_little_more_of_a_large_disk_is_told_to_the_byte(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.growth = replace(PLAN, before_bytes=1024 * GIB, after_bytes=1025 * GIB)
    await growing("1025G", dry_run=True)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "vda of web on h1: 1,099,511,627,776 -> 1,100,585,369,600 bytes"


# Before it starts ------------------------------------------------------------------------------


@pytest.mark.parametrize("json", [False, True])
async def test_what_is_refused_says_why_and_what_else_could_be_done(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str], json: bool
) -> None:
    fleet.growth = REFUSED
    assert await growing(json=json) == Exit.REFUSED
    out = capsys.readouterr().out
    assert "a disk is never made smaller" in out
    assert "copy it to a smaller one" in out
    assert ("not started" in out) is not json


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_plan_that_is_refused_is_refused_also_when_only_planned(
    fleet: ScriptedFleet, dry_run: bool
) -> None:
    fleet.growth = REFUSED
    assert await growing(dry_run=dry_run) == Exit.REFUSED


async def test_without_a_terminal_and_without_yes_nothing_is_done(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await growing(yes=False) == Exit.REFUSED
    assert "not started: nobody can be asked here: --yes starts it" in capsys.readouterr().out
    assert ("grow", PLAN) not in fleet.asked


@pytest.mark.parametrize(
    ("typed", "status"), [("yes", Exit.SUCCEEDED), ("no", Exit.REFUSED), ("", Exit.REFUSED)]
)
async def test_on_a_terminal_it_starts_only_with_a_yes(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch, typed: str, status: Exit
) -> None:
    asked = answering(monkeypatch, typed)
    assert await growing(yes=False) == status
    assert asked == ["type yes to start: "]
    assert (("grow", PLAN) in fleet.asked) is (status is Exit.SUCCEEDED)


async def test_a_plus_counts_from_what_the_disk_has_now(fleet: ScriptedFleet) -> None:
    await growing("+5G", dry_run=True)
    assert ("plan growth", WEB.key, "vda", 15 * GIB) in fleet.asked


async def test_a_whole_size_needs_no_look_at_the_disk_first(fleet: ScriptedFleet) -> None:
    await growing("15G", dry_run=True)
    assert [asked[0] for asked in fleet.asked] == ["plan growth"]


@pytest.mark.parametrize("size", ["15", "big", "+5", "-5G"])
async def test_what_is_no_size_is_refused_before_any_host_is_asked(fleet: ScriptedFleet, size: str) -> None:
    with pytest.raises(UsageError) as refused:
        await growing(size)
    assert "+5G" in refused.value.hint
    assert not fleet.asked


async def test_a_disk_that_the_guest_has_not_got_is_a_usage_error_with_those_it_has(
    fleet: ScriptedFleet,
) -> None:
    with pytest.raises(UsageError) as refused:
        await grow(ANY, "web", "vdz", "15G", dry_run=True, yes=False, json=False)
    assert refused.value.hint == "its disks: vda"
    assert not fleet.asked


# When it goes wrong ----------------------------------------------------------------------------


class Interrupted(ScriptedFleet):
    """The user presses ctrl-c while a step is under way."""

    during = 1
    closed = False

    async def grow(self, plan: GrowPlan) -> AsyncGenerator[GrowProgress, None]:
        """As the service: a step that has begun is ended."""
        self.asked.append(("grow", plan))
        try:
            for number, progress in enumerate(self.growing):
                yield progress
                if number == self.during:
                    os.kill(os.getpid(), signal.SIGINT)
                    await asyncio.sleep(0.05)
        finally:
            self.closed = True


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Interrupted:
    """web on h1."""
    scripted = Interrupted("h1")
    scripted.up("h1", WEB)
    scripted.growth, scripted.growing = PLAN, STEPS
    answered_by(monkeypatch, scripted, grow_module)
    return scripted


async def test_ctrl_c_ends_it_after_the_step_that_has_begun_and_says_what_is_left(
    interrupted: Interrupted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await growing() == Exit.CANCELLED
    assert interrupted.closed
    out = capsys.readouterr().out
    assert "stopping as soon as the step that has begun is over" in out
    assert out.partition("stopping")[2].splitlines()[1:] == [
        "step 1 done: extend the logical volume vg0/web",
        "cancelled: stopped between two steps, as you asked",
        "done:",
        "  1  extend the logical volume vg0/web",
        "left to do:",
        "  2  tell the guest",
        "  3  grow partition and file system",
    ]


async def test_ctrl_c_during_the_last_step_cancels_nothing(
    interrupted: Interrupted, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted.during = 3
    assert await growing(json=True) == Exit.SUCCEEDED
    assert objects(capsys)[-1]["verdict"] == "succeeded"


class Lost(ScriptedFleet):
    """The host falls silent after some steps."""

    error: ActionError | LinkError = LinkError("connection lost", host="h1", hint="see the host")

    async def grow(self, plan: GrowPlan) -> AsyncGenerator[GrowProgress, None]:
        """Some steps, then the error."""
        for progress in self.growing:
            yield progress
        raise self.error


@pytest.mark.parametrize(
    ("error", "steps", "status", "word"),
    [
        (LinkError("connection lost", host="h1"), STEPS[:3], Exit.FAILED, "failed: h1: connection lost"),
        (LinkError("connection lost", host="h1"), (), Exit.FAILED, "not started: h1: connection lost"),
        (ActionError("the plan no longer fits", hint="plan anew"), (), Exit.REFUSED, "not started: the plan"),
        (ActionError("it is not there any more"), STEPS[:3], Exit.FAILED, "failed: it is not there"),
    ],
)
async def test_an_error_is_told_with_what_is_done_by_then(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: ActionError | LinkError,
    steps: tuple[GrowProgress, ...],
    status: Exit,
    word: str,
) -> None:
    lost = Lost("h1")
    lost.up("h1", WEB)
    lost.growth, lost.growing, lost.error = PLAN, steps, error
    answered_by(monkeypatch, lost, grow_module)
    assert await growing() == status
    out = capsys.readouterr().out
    assert word in out
    assert ("done:\n  1  extend the logical volume vg0/web\nleft to do:" in out) is bool(steps)


# The chain -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fleet")
async def test_a_chain_is_drawn_from_the_guest_down_to_where_nothing_more_is_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await chain(ANY, "web", None, json=False) == Exit.SUCCEEDED
    assert capsys.readouterr().out.splitlines() == [
        "vda of web on h1",
        "  guest disk      vda, 10.0 GiB, virtio",
        "  |",
        "  logical volume  vg0/web, 10.0 GiB",
        "  |",
        "  volume group    vg0, 100 GiB, shared",
        "                  not known from here on: vgs needs root",
    ]


@pytest.mark.usefixtures("fleet")
async def test_scripts_get_the_layers_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert await chain(ANY, "h1/web", "vda", json=True) == Exit.SUCCEEDED
    (line,) = objects(capsys)
    assert (line["event"], line["guest"], line["target"]) == ("chain", "web", "vda")
    assert [link["kind"] for link in line["links"]] == [  # type: ignore[attr-defined]
        "guest disk", "logical volume", "volume group",
    ]  # fmt: skip


async def test_a_disk_that_cannot_be_read_is_told_and_fails(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.disk_chain = LinkError("no answer", host="h1", hint="try again")
    assert await chain(ANY, "web", "vda", json=False) == Exit.FAILED
    assert capsys.readouterr().err == "virt-ferry: h1: no answer (try again)\n"
