"""A host and this machine asked for all that a dump needs."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from backends.errors import ActionError, FerryError
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.guests.dump_plan import LocalPlace, Looked
from backends.hypervisor import jobs
from backends.hypervisor.connection import Connection
from backends.hypervisor.dumping import read_dumped_guest
from backends.migration.host_files import files_of
from backends.model.dump import DumpWish
from backends.model.host import Reach
from backends.probes import dump_place, qemu_conf
from backends.remote.shell import Shell
from backends.untrusted import clean

_FOLDERS = {"xen": "/var/lib/libvirt/libxl/dump"}
"""libvirt's own, of drivers that have no setting for it; QEMU's is in qemu.conf."""


def runs_here(supervisor: Supervisor) -> bool:
    """Is its libvirt a driver within this program (drvtest.html), which writes as ourselves?"""
    return supervisor.spec.reach is Reach.URI and supervisor.spec.target.startswith("test:")


def shell_of(supervisor: Supervisor) -> Shell | None:
    """None: the host is reached by libvirt alone. Raises LinkError."""
    try:
        return files_of(supervisor)
    except ActionError:
        return None


@asynccontextmanager
async def own_connection(session: Session, driver: str) -> AsyncIterator[Connection]:
    """For long calls. A second one to libvirt's test driver would lead to another host: it has its own."""
    if session.spec.target.startswith("test:"):
        yield session.connection(driver)
        return
    async with session.another(driver) as connection:
        yield connection


async def folder_for(supervisor: Supervisor, wish: DumpWish) -> str:
    """Where the dump is written, without a slash at its end. Raises FerryError."""
    if wish.folder:
        return wish.folder.rstrip("/") or "/"
    if runs_here(supervisor):
        return tempfile.gettempdir()
    usual = _FOLDERS.get(wish.guest.driver)
    if usual is not None:
        return usual
    conf = await qemu_conf.read(shell_of(supervisor))
    return conf.auto_dump_path.rstrip("/") or "/"


async def look(supervisor: Supervisor, name: str, wish: DumpWish, path: str, local_path: str) -> Looked:
    """Nothing is done. Raises FerryError where the host does not answer."""
    connection = supervisor.current().connection(wish.guest.driver)
    guest, job, place, local = await asyncio.gather(
        read_dumped_guest(connection, wish.guest.uuid),
        _job(connection, wish.guest.uuid),
        _place(supervisor, path),
        asyncio.to_thread(local_place, local_path),
    )
    return Looked(
        spec=supervisor.spec,
        wish=wish,
        name=name,
        guest=guest,
        job=job,
        is_moving=supervisor.fleet.move_of(wish.guest) is not None,
        path=path,
        place=place,
        local_path=local_path,
        local=local,
    )


async def _job(connection: Connection, uuid: str) -> str:
    """Empty where there is none; a driver without jobs has none."""
    try:
        running = await jobs.read_statistics(connection, uuid)
    except ActionError:
        return ""
    return running.operation if running.running else ""


async def _place(supervisor: Supervisor, path: str) -> dump_place.DumpPlace | None:
    shell = shell_of(supervisor)
    if shell is None or not (path.startswith("/") and path.isprintable()):
        return None
    place = await dump_place.look(shell, str(PurePosixPath(path).parent), path)
    return replace(place, may_read=True) if runs_here(supervisor) else place


def local_path_of(wish: DumpWish, name: str) -> str:
    """The file to be on this machine; empty where there is to be none. Raises ActionError for `~nobody`."""
    if not wish.bring_to:
        return ""
    try:
        return str(Path(wish.bring_to).expanduser().absolute() / name)
    except RuntimeError as error:
        raise ActionError(clean(str(error)), operation="bring the dump here") from error


def local_place(path: str) -> LocalPlace | None:
    """Of the file to be on this machine; None where there is to be none."""
    if not path:
        return None
    folder = Path(path).parent
    try:
        is_folder = folder.is_dir()
        return LocalPlace(
            folder=str(folder),
            is_folder=is_folder,
            writable=is_folder and os.access(folder, os.W_OK | os.X_OK),
            free_bytes=shutil.disk_usage(folder).free if is_folder else None,
            file_exists=os.path.lexists(path),
        )
    except (OSError, ValueError):  # no permission on the way to it, or no name at all
        return LocalPlace(str(folder), is_folder=False, writable=False, free_bytes=None, file_exists=False)


async def room_now(shell: Shell, path: str) -> int | None:
    """None where it cannot be told now: that ends no dump."""
    try:
        return await dump_place.free_bytes(shell, str(PurePosixPath(path).parent))
    except FerryError:
        return None
