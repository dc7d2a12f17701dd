"""Takes a dump of a guest: thought through first, then carried out with progress."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from backends.errors import ActionError, FerryError
from backends.fleet.supervisor import Supervisor
from backends.guests.dump_bring import bring
from backends.guests.dump_look import folder_for, local_path_of, look, own_connection
from backends.guests.dump_needs import file_name
from backends.guests.dump_plan import draw
from backends.guests.dump_watch import DumpWatch
from backends.hypervisor.connection import Connection
from backends.hypervisor.dumping import core_dump
from backends.model.dump import DumpPhase, DumpPlan, DumpProgress, DumpWish
from backends.model.guest import Guest
from backends.untrusted import clean

FIRST_SAMPLE_S = 0.05
SAMPLE_INTERVAL_S = 0.25
"""The first samples come sooner: a small guest is dumped within a second."""


async def plan_dump(supervisor: Supervisor, guest: Guest, wish: DumpWish) -> DumpPlan:
    """Nothing is done. Raises FerryError."""
    folder = await folder_for(supervisor, wish)
    name = file_name(wish, guest.name, datetime.now(UTC).astimezone())
    path = f"{folder.rstrip('/')}/{name}"
    local_path = local_path_of(wish, name)
    return draw(await look(supervisor, guest.name, wish, path, local_path))


async def take_dump(plan: DumpPlan, supervisor: Supervisor) -> AsyncGenerator[DumpProgress, None]:
    """The last progress is DONE and says what the file is. Raises FerryError.

    Who closes it has the dump aborted, and what it had written removed. What cannot be aborted (a memory-only dump of
    QEMU's) is thrown away while it is written; where even that is not over soon, closing raises ActionError. One that
    is cancelled does the same, without a word.
    """
    before = await _must_fit(plan, supervisor)
    session, driver = supervisor.current(), plan.wish.guest.driver
    async with own_connection(session, driver) as control, own_connection(session, driver) as worker:
        watch = DumpWatch(plan, supervisor, control, was_running=before)
        yield DumpProgress(plan, DumpPhase.DUMPING)
        task = asyncio.ensure_future(_dump(worker, plan))
        try:
            async for _ in _ticks(task):
                yield await watch.sample()
            task.result()
        except GeneratorExit:
            await watch.give_up(task)
            raise
        except asyncio.CancelledError:
            with contextlib.suppress(FerryError):
                await watch.give_up(task)
            raise
        except FerryError as error:
            raise await watch.explained(error, task) from error
        finally:
            task.cancel()  # without effect on one that is done; else libvirt's call is not waited for
    found = await watch.found()
    if not plan.local_path:
        shown = clean(plan.path, limit=1024)
        yield DumpProgress(plan, DumpPhase.DONE, found.size_bytes, found.size_bytes, f"{shown}: {found.what}")
        return
    async with aclosing(bring(plan, supervisor, found)) as steps:
        async for progress in steps:
            yield progress


async def _dump(worker: Connection, plan: DumpPlan) -> None:
    wish = plan.wish
    await core_dump(
        worker,
        wish.guest.uuid,
        plan.path,
        memory_only=wish.memory_only,
        form=wish.format,
        then=wish.then,
    )


async def _must_fit(plan: DumpPlan, supervisor: Supervisor) -> bool:
    """All that was asked for the plan is asked again. Returns whether the guest runs now."""
    looked = await look(supervisor, plan.name, plan.wish, plan.path, plan.local_path)
    refusal = plan.refusal or draw(looked).refusal
    if refusal:
        raise ActionError(refusal, host=supervisor.name, operation="dump the guest")
    return looked.guest.state.executing


async def _ticks(task: asyncio.Future[Any]) -> AsyncIterator[None]:
    """Now and then, until the task is done."""
    interval_s = FIRST_SAMPLE_S
    while not (await asyncio.wait((task,), timeout=interval_s))[0]:
        yield
        interval_s = min(2 * interval_s, SAMPLE_INTERVAL_S)
