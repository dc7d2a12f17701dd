"""A dump or a core of a host, brought here."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from backends.crashes.keeping import keep
from backends.errors import ActionError, UnsupportedError
from backends.fleet.session import Session
from backends.model.crash import Evidence
from backends.model.log import Saving
from backends.remote.file_errors import shown
from backends.remote.shell import Shell


async def fetch(session: Session, evidence: Evidence, path: Path) -> AsyncGenerator[Saving, None]:
    """The file that an evidence names, to `path`, which must not be there yet. See backends.api. Raises FerryError."""
    if not evidence.path:
        raise ActionError(
            f"{evidence.place} is no file that could be brought", host=session.host, operation="fetch"
        )
    if session.shell is None:
        raise UnsupportedError(
            "its files cannot be read: it is reached by libvirt alone",
            host=session.host,
            operation="fetch",
            hint="give its address as ssh://",
        )
    async with aclosing(fetch_file(session.shell, session.host, evidence.path, path)) as steps:
        async for saving in steps:
            yield saving


async def fetch_file(
    shell: Shell, host: str, there: str, path: Path, *, overwrite: bool = False
) -> AsyncGenerator[Saving, None]:
    """The same of any file of a host."""
    place = f"{host}:{shown(there)}"
    async with (
        shell.open_file(there) as file,
        aclosing(keep(file, path, place, overwrite=overwrite)) as steps,
    ):
        async for saving in steps:
            yield saving
