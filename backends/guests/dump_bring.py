"""A dump that is complete on its host is fetched to this machine, and then removed there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from backends.errors import ActionError, FerryError
from backends.fleet.supervisor import Supervisor
from backends.guests.dump_look import shell_of
from backends.guests.dump_watch import Found
from backends.model.dump import DumpPhase, DumpPlan, DumpProgress
from backends.remote.carry import FileAt, carry_file
from backends.remote.local import LocalShell
from backends.untrusted import clean

SAMPLE_INTERVAL_S = 0.25
_HERE = "this machine"


async def bring(plan: DumpPlan, supervisor: Supervisor, found: Found) -> AsyncGenerator[DumpProgress, None]:
    """Proved whole by its SHA-256 on both ends. Raises FerryError; the dump stays on the host then, and that is said.

    Who closes it wants nothing of it: neither end keeps it.
    """
    try:
        shell = shell_of(supervisor)
    except FerryError as error:
        raise _stays(error, plan, supervisor) from error
    assert shell is not None, "a plan to bring a file from a host without a shell is refused"
    origin = FileAt(supervisor.name, shell, plan.path)
    part = f"{plan.local_path}.part"
    carried = 0

    def hear(so_far: int) -> None:
        nonlocal carried
        carried = so_far

    task = asyncio.ensure_future(carry_file(origin, FileAt(_HERE, LocalShell(), part), on_progress=hear))
    try:
        yield DumpProgress(plan, DumpPhase.BRINGING, 0, found.size_bytes)
        while not (await asyncio.wait((task,), timeout=SAMPLE_INTERVAL_S))[0]:
            yield DumpProgress(plan, DumpPhase.BRINGING, carried, found.size_bytes)
        task.result()
        await asyncio.to_thread(_publish, part, plan.local_path)
        left = await _remove(origin)
    except (GeneratorExit, asyncio.CancelledError):
        await _remove(origin)
        raise
    except FerryError as error:
        raise _stays(error, plan, supervisor) from error
    except OSError as error:
        raise _stays(ActionError(clean(str(error))), plan, supervisor) from error
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await asyncio.to_thread(Path(part).unlink, missing_ok=True)
    here = clean(plan.local_path, limit=1024)
    yield DumpProgress(plan, DumpPhase.DONE, carried, carried, f"{here}: {found.what}{left}")


def _publish(part: str, path: str) -> None:
    """Under its own name when it is whole, never in the place of another file."""
    os.link(part, path)
    Path(part).unlink()


async def _remove(file: FileAt) -> str:
    """Returns what is left of it, in words."""
    try:
        await file.remove()
    except FerryError as error:
        return f"; on {file.host} it is left: {error.cause}"
    return ""


def _stays(error: FerryError, plan: DumpPlan, supervisor: Supervisor) -> FerryError:
    where = f"the dump is whole on {supervisor.name}: {clean(plan.path, limit=1024)}"
    hint = f"{where}; {error.hint}" if error.hint else where
    return ActionError(error.cause, host=error.host, operation="bring the dump here", hint=hint)
