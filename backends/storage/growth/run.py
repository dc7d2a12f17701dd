"""A plan to grow a disk, carried out step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any

from backends.errors import ActionError, CommandError, FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.volumes import resize_guest_disk, resize_volume
from backends.model.storage import GrowKind, GrowPlan, GrowProgress, GrowStep, StepState
from backends.storage.growth.drafts import Deed, Planned, ResizeGuestDisk, ResizeVolume, Run
from backends.storage.growth.looking import read_stack
from backends.storage.growth.plan import Drawn, draw
from backends.untrusted import clean

_PLAN_ANEW = "look at it, and plan anew: what is done already is left out then"
_ON_STORAGE = (GrowKind.GROW_LUN,)
_DONE_BY_ITSELF = (GrowKind.RESCAN_LUN, GrowKind.RESIZE_MULTIPATH, GrowKind.RESIZE_PV)
"""A storage may tell the host that a LUN has grown, and multipathd may follow by itself (`auto_resize`,
multipath.conf(5)): what is as it should be is left so."""


async def grow(plan: GrowPlan, host: Supervisor) -> AsyncGenerator[GrowProgress, None]:
    """One progress before each step and one after it, so that the last one is true whenever nobody reads on.

    A step that has begun is done to its end, also when this is cancelled. A step of others (a LUN on its storage) is
    passed over; the next one then finds whether it was done.
    Raises ActionError for a plan that is refused, or that no longer fits what is there: then nothing was done.
    """
    if plan.refused:
        raise ActionError(plan.refused, host=host.name, operation="grow a disk", hint=plan.hint)
    drawn = await _look(plan, host)
    if why := _misfit(plan.steps, drawn):
        raise ActionError(f"the plan no longer fits: {why}", host=host.name, hint="plan anew")
    states = [StepState.WAITING if step.ours else StepState.LEFT for step in plan.steps]
    yield GrowProgress(plan, tuple(states))
    for number, step in enumerate(plan.steps):
        if not step.ours:
            continue
        states[number] = StepState.DOING
        yield GrowProgress(plan, tuple(states), step.words)
        trouble = await _one(plan, number, host)
        if trouble:
            states[number] = StepState.FAILED
            yield GrowProgress(plan, tuple(states), _failed(plan, states, number, trouble), finished=True)
            return
        states[number] = StepState.DONE
        for before in range(number):
            if plan.steps[before].kind in _ON_STORAGE:
                states[before] = StepState.DONE
        yield GrowProgress(plan, tuple(states), f"done: {step.words}")
    yield GrowProgress(plan, tuple(states), _ended(plan, states), finished=True)


async def _look(plan: GrowPlan, host: Supervisor) -> Drawn:
    """What is left of the plan, as things are now."""
    guest = host.fleet.guest(plan.guest)
    if guest is None:
        raise ActionError(f"{plan.name} is not there any more", host=host.name, operation="grow a disk")
    return draw(await read_stack(host, guest, plan.target), plan.after_bytes)


async def _one(plan: GrowPlan, number: int, host: Supervisor) -> str:
    """Look whether all is as planned, do one step, look what has become of it. Returns why it failed, if it has."""
    step = plan.steps[number]
    try:
        drawn = await _look(plan, host)
        if why := _misfit(plan.steps[number:], drawn):
            return why
        planned = _of(step, drawn.planned)
        if planned is None or planned.deed is None:
            return ""
        await _to_its_end(_do(planned.deed, plan, host))
        drawn = await _look(plan, host)
    except FerryError as error:
        return f"{error.cause} ({error.hint})" if error.hint else error.cause
    if step.kind is GrowKind.RESCAN_LUN and any(each.step.kind is step.kind for each in drawn.planned):
        return "the LUN is not as large as it has to be"
    if _of(step, drawn.planned) is not None:
        return "it was done, and nothing has become larger"
    return _misfit(plan.steps[number + 1 :], drawn)


def _of(step: GrowStep, planned: Sequence[Planned]) -> Planned | None:
    return next((each for each in planned if _is_same(each.step, step)), None)


def _is_same(one: GrowStep, other: GrowStep) -> bool:
    """The same deed from the same beginning; a LUN may have become larger than it had to."""
    return (one.kind, one.command, one.before_bytes) == (other.kind, other.command, other.before_bytes)


def _misfit(steps: Sequence[GrowStep], drawn: Drawn) -> str:
    """Why these steps are not what is to be done now; empty: they are. Pure."""
    wanted = [step for step in steps if step.ours]
    if drawn.is_reached:
        return "the disk has that size already" if wanted else ""
    if drawn.plan.refused:
        return drawn.plan.refused
    found = [step for step in drawn.plan.steps if step.ours]
    for each in found:
        if not any(_is_same(each, step) for step in wanted):
            now = f" ({each.before_bytes:,} bytes now)" if each.before_bytes is not None else ""
            return f"to {each.kind.value} is needed in another way{now}"
    for step in wanted:
        if step.kind not in _DONE_BY_ITSELF and not any(_is_same(step, each) for each in found):
            return f"to {step.kind.value} is not needed any more"
    return ""


async def _do(deed: Deed, plan: GrowPlan, host: Supervisor) -> None:
    session = host.current()
    connection = session.connection(plan.guest.driver)
    match deed:
        case Run():
            if session.shell is None:
                raise ActionError("this host is reached by libvirt alone", host=host.name)
            answer = await session.shell.run(deed.argv, stdin=deed.stdin, deadline_s=deed.deadline_s)
            if answer.status != 0:
                said = clean(" ".join((answer.err or answer.out).split()), limit=400)
                raise CommandError(said or f"it ended with status {answer.status}", host=host.name)
        case ResizeGuestDisk():
            await resize_guest_disk(connection, plan.guest.uuid, plan.target, deed.size_bytes)
        case ResizeVolume():
            await resize_volume(connection, deed.pool, deed.volume, deed.size_bytes)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Cancelled or not: half of a step is worse than all of it. Its own deadline ends it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()
        raise


def _failed(plan: GrowPlan, states: Sequence[StepState], number: int, trouble: str) -> str:
    done = [step.kind.value for step in plan.steps[:number] if step.ours]
    left = [step.kind.value for step in plan.steps[number + 1 :] if step.ours]
    waits = [
        step.words
        for step, state in zip(plan.steps[:number], states, strict=False)
        if step.kind in _ON_STORAGE and state is StepState.LEFT
    ]
    parts = [
        f"{plan.steps[number].kind.value}: {trouble}",
        f"this has to be done before: {waits[0]}" if waits else "",
        f"done before: {', '.join(done)}" if done else "nothing was changed before",
        f"left: {', '.join(left)}" if left else "",
        _PLAN_ANEW,
    ]
    return ". ".join(part for part in parts if part)


def _ended(plan: GrowPlan, states: Sequence[StepState]) -> str:
    left = [step.words for step, state in zip(plan.steps, states, strict=True) if state is StepState.LEFT]
    done = f"{plan.target} has grown" if StepState.DONE in states else "nothing was ours to do"
    return f"{done}; left to do: {'; '.join(left)}" if left else done
