"""A plan is carried out step by step: each is looked at before and after, the first failure stops, the rest is told.

The kernel of the lab has no iSCSI: a LUN, its host and LVM are played here by four sizes that their commands change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from backends.errors import ActionError, DeadlineError
from backends.fleet.supervisor import Supervisor
from backends.model.guest import Guest, GuestKey
from backends.model.storage import GrowKind, GrowPlan, GrowProgress, StepState
from backends.remote.shell import Answer
from backends.storage.growth import run
from backends.storage.growth.layers import Stack
from backends.storage.growth.plan import draw
from tests.unit.storage.stacks import EXTENT, GIB, H1, MIB, WEB, group_report, lun_files, on_volume

DOING, DONE, FAILED, LEFT, WAITING = (
    *(StepState.DOING, StepState.DONE, StepState.FAILED, StepState.LEFT, StepState.WAITING),
)


@dataclass
class World:
    """One guest's disk: its sizes on the storage, for the kernel, for LVM and for QEMU."""

    storage: int = 40 * GIB
    kernel: int = 10 * GIB
    physical: int = 10 * GIB
    volume: int = 8 * GIB
    seen: int = 8 * GIB
    refuses: str = ""
    """The first word of a command that fails."""
    commands: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event | None = None

    def stack(self) -> Stack:
        usable = (self.physical - MIB) // EXTENT * EXTENT
        lv = {"lv_size": str(self.volume)}
        report = group_report(device_bytes=self.physical, free=usable - self.volume, lv=lv)
        return on_volume(report, lun_files(self.kernel), virtual_bytes=self.seen)

    def plan(self, size: int = 20 * GIB) -> GrowPlan:
        return draw(self.stack(), size).plan

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = 0.0) -> Answer:
        words = [word for word in argv if word != "env" and "=" not in word]
        self.commands.append(words[0])
        self.begun.set()
        if self.go_on is not None:
            await self.go_on.wait()
        if words[0] == self.refuses:
            return Answer(5, "", "  Insufficient\x1b free space")
        match words[0]:
            case "tee":
                assert stdin == b"1\n"
                self.kernel = self.storage
            case "pvresize":
                self.physical = self.kernel
            case "lvextend":
                self.volume = int(words[2].removesuffix("b"))
        assert deadline_s > 0
        return Answer(0, "", "")

    async def resize_guest_disk(self, _connection: object, uuid: str, target: str, size: int) -> int:
        assert (uuid, target) == (WEB.uuid, "vda")
        self.commands.append("blockresize")
        self.seen = min(size, self.volume)
        return self.seen


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    async def look(_host: Supervisor, _guest: Guest, _target: str) -> Stack:
        return made.stack()

    monkeypatch.setattr(run, "read_stack", look)
    monkeypatch.setattr(run, "resize_guest_disk", made.resize_guest_disk)
    return made


def host_of(world: World) -> Supervisor:
    def guest(key: GuestKey) -> GuestKey:
        return key

    session = SimpleNamespace(shell=world, connection=lambda driver: driver)
    fake = SimpleNamespace(name=H1.name, fleet=SimpleNamespace(guest=guest), current=lambda: session)
    return cast("Supervisor", fake)


async def all_of(
    world: World, plan: GrowPlan, then: Callable[[GrowProgress], None] = lambda _: None
) -> list[GrowProgress]:
    told = []
    async for progress in run.grow(plan, host_of(world)):
        told.append(progress)
        then(progress)
    return told


async def test_every_layer_grows_in_its_turn_and_each_is_told_before_and_after(world: World) -> None:
    told = await all_of(world, world.plan())
    assert world.commands == ["tee", "pvresize", "lvextend", "blockresize"]
    assert (world.kernel, world.volume, world.seen) == (40 * GIB, 20 * GIB, 20 * GIB)
    assert told[0].states == (LEFT, WAITING, WAITING, WAITING, WAITING, LEFT)
    assert told[1].states == (LEFT, DOING, WAITING, WAITING, WAITING, LEFT)
    assert told[2].states == (DONE, DONE, WAITING, WAITING, WAITING, LEFT)
    assert told[-1].states == (DONE, DONE, DONE, DONE, DONE, LEFT)
    assert (told[-1].finished, told[-1].succeeded) == (True, True)
    assert "in the guest" in told[-1].words
    assert not any(progress.finished for progress in told[:-1])


async def test_a_lun_that_has_not_grown_ends_it_at_the_rescan_with_nothing_changed(world: World) -> None:
    world.storage = 10 * GIB
    last = (await all_of(world, world.plan()))[-1]
    assert last.states == (LEFT, FAILED, WAITING, WAITING, WAITING, LEFT)
    assert "on its storage, the LUN" in last.words
    assert "nothing was changed before" in last.words
    assert world.commands == ["tee"]
    world.storage = 40 * GIB
    assert (await all_of(world, world.plan()))[-1].succeeded


async def test_a_lun_that_has_grown_too_little_is_not_enough(world: World) -> None:
    world.storage = 15 * GIB
    last = (await all_of(world, world.plan()))[-1]
    assert last.states[1] is FAILED
    assert "on its storage, the LUN" in last.words
    assert world.commands == ["tee"]


async def test_the_first_failure_stops_and_says_what_is_done_and_what_is_left(world: World) -> None:
    world.refuses = "lvextend"
    last = (await all_of(world, world.plan()))[-1]
    assert last.states == (DONE, DONE, DONE, FAILED, WAITING, LEFT)
    assert (last.finished, last.succeeded) == (True, False)
    assert "extend the logical volume: Insufficient␛ free space" in last.words
    assert "done before: rescan the LUN, resize the physical volume" in last.words
    assert "left: tell the guest" in last.words
    assert world.commands[-1] == "lvextend"
    world.refuses = ""
    rest = world.plan()
    assert [step.kind for step in rest.steps] == [
        *(GrowKind.EXTEND_LV, GrowKind.RESIZE_GUEST_DISK, GrowKind.INSIDE_GUEST)
    ]
    assert (await all_of(world, rest))[-1].succeeded
    assert world.seen == 20 * GIB


async def test_a_step_that_was_done_and_changed_nothing_is_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_arguments: object) -> int:
        return 0

    monkeypatch.setattr(run, "resize_guest_disk", nothing)
    last = (await all_of(world, world.plan()))[-1]
    assert last.states[-2:] == (FAILED, LEFT)
    assert "nothing has become larger" in last.words


async def test_a_plan_that_no_longer_fits_does_nothing(world: World) -> None:
    plan = world.plan()
    world.volume = 9 * GIB
    with pytest.raises(ActionError, match="no longer fits"):
        await all_of(world, plan)
    world.volume = world.seen = 20 * GIB
    with pytest.raises(ActionError, match="already"):
        await all_of(world, plan)
    assert world.commands == []


async def test_what_others_do_in_between_is_seen_before_the_next_step(world: World) -> None:
    def meddle(progress: GrowProgress) -> None:
        if progress.states[2] is DONE and progress.states[3] is WAITING:
            world.volume = 9 * GIB

    last = (await all_of(world, world.plan(), meddle))[-1]
    assert last.states == (DONE, DONE, DONE, FAILED, WAITING, LEFT)
    assert "extend the logical volume is needed in another way" in last.words
    assert "lvextend" not in world.commands


async def test_what_has_come_by_itself_is_not_done_again(world: World) -> None:
    plan = world.plan()
    world.kernel = 40 * GIB
    last = (await all_of(world, plan))[-1]
    assert world.commands == ["pvresize", "lvextend", "blockresize"]
    assert last.succeeded
    assert last.states[:2] == (DONE, DONE)


async def test_a_plan_that_is_refused_raises_its_reason(world: World) -> None:
    with pytest.raises(ActionError, match="never made smaller"):
        await all_of(world, world.plan(4 * GIB))


async def test_a_deadline_that_was_missed_is_a_failure_of_its_step(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_arguments: object) -> int:
        raise DeadlineError("no answer within 60 s")

    monkeypatch.setattr(run, "resize_guest_disk", slow)
    last = (await all_of(world, world.plan()))[-1]
    assert last.states[-2] is FAILED
    assert "no answer within 60 s" in last.words


async def test_who_stops_listening_between_two_steps_has_heard_the_truth(world: World) -> None:
    plan, last = world.plan(), None
    growing = run.grow(plan, host_of(world))
    async for progress in growing:
        last = progress
        if progress.states[1] is DONE:
            break
    await growing.aclose()
    assert last is not None
    assert last.states == (DONE, DONE, WAITING, WAITING, WAITING, LEFT)
    assert world.commands == ["tee"]


async def test_a_step_that_has_begun_is_done_to_its_end_when_its_user_gives_up(world: World) -> None:
    world.go_on = asyncio.Event()
    told: list[GrowProgress] = []
    task = asyncio.ensure_future(all_of(world, world.plan(), told.append))
    await world.begun.wait()
    task.cancel()
    world.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.kernel == 40 * GIB
    assert world.commands == ["tee"]
    assert told[-1].states[1] is DOING
