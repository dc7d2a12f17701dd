"""Dumping a guest's memory, or all of its state, into a file of its host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import libvirt
from lxml import etree

from backends.errors import UnsupportedError
from backends.hypervisor import jobs
from backends.hypervisor.connection import Connection
from backends.hypervisor.states import guest_state, state_reason
from backends.hypervisor.xml import parse
from backends.model.dump import DumpFormat, WhileDumping
from backends.model.guest import GuestState

DUMP = "dump"
"""As libvirt calls the job."""

_FORMATS = {
    DumpFormat.RAW: libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_RAW,
    DumpFormat.KDUMP_ZLIB: libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_ZLIB,
    DumpFormat.KDUMP_LZO: libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_LZO,
    DumpFormat.KDUMP_SNAPPY: libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_SNAPPY,
    DumpFormat.WINDOWS: libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_WIN_DMP,
}
_FLAGS = {
    WhileDumping.PAUSED: 0,
    WhileDumping.LIVE: libvirt.VIR_DUMP_LIVE,
    WhileDumping.CRASH: libvirt.VIR_DUMP_CRASH,
    WhileDumping.RESET: libvirt.VIR_DUMP_RESET,
}
_MOST_VIDEO_BYTES = 1 << 34
"""A definition that says more is not believed."""
_VIDEO = ("vram", "ram", "vgamem", "vram64")
"""formatdomain.html, video/model: all in KiB."""


@dataclass(frozen=True, slots=True)
class DumpedGuest:
    """What counts of a guest that is to be dumped."""

    active: bool
    """Has it a process or domain? One that has crashed and is preserved has."""
    state: GuestState
    reason: str
    memory_bytes: int
    """Its maximum memory: QEMU writes what the balloon holds, too."""
    video_bytes: int
    """Of its video cards: they lie in the guest's address space."""
    tells_its_kernel: bool
    """features/vmcoreinfo: without it QEMU makes no Windows dump."""


class Aborting(Enum):
    """What became of the wish that a dump should end."""

    GRANTED = "granted"
    REFUSED = "refused"
    """libvirt: cannot abort memory-only dump (QEMU has no command for it); or a driver without such a call."""
    NOTHING = "no dump runs"


async def read_dumped_guest(connection: Connection, uuid: str) -> DumpedGuest:
    """Raises FerryError: GuestMissingError where there is no such guest any more."""

    def work(conn: Any) -> DumpedGuest:
        domain = conn.lookupByUUIDString(uuid)
        state, reason = domain.state()
        root = parse(domain.XMLDesc(0))
        return DumpedGuest(
            active=bool(domain.isActive()),
            state=guest_state(state, reason),
            reason=state_reason(state, reason),
            memory_bytes=int(domain.info()[1]) * 1024,
            video_bytes=video_bytes(root),
            tells_its_kernel=root.find("features/vmcoreinfo[@state='on']") is not None,
        )

    return await connection.call("read the guest", work)


def video_bytes(root: etree._Element) -> int:
    """Pure: of all video cards of a definition."""
    words = (model.get(name, "") for model in root.iterfind("devices/video/model") for name in _VIDEO)
    total = sum(int(word) * 1024 for word in words if word.isascii() and word.isdigit() and len(word) < 12)
    return min(total, _MOST_VIDEO_BYTES)


async def core_dump(
    connection: Connection,
    uuid: str,
    path: str,
    *,
    memory_only: bool,
    form: DumpFormat = DumpFormat.RAW,
    then: WhileDumping = WhileDumping.PAUSED,
) -> None:
    """Write the dump (virDomainCoreDumpWithFormat); a file that is there already is overwritten.

    Returns when the file is complete. There is no deadline: the job is watched on another connection. A daemon goes on
    with it when our link is lost. Raises FerryError; what libvirt had written it has removed then, if it answered.
    """
    flags = _FLAGS[then] | (libvirt.VIR_DUMP_MEMORY_ONLY if memory_only else 0)

    def work(conn: Any) -> None:
        domain = conn.lookupByUUIDString(uuid)
        if form is DumpFormat.RAW:  # drivers other than QEMU's know no other call
            domain.coreDump(path, flags)
        else:
            domain.coreDumpWithFormat(path, _FORMATS[form], flags)

    await connection.call_aside("dump the guest", work, deadline_s=None)


async def abort_dump(connection: Connection, uuid: str) -> Aborting:
    """Ask for the end of the dump that runs; jobs of other kinds are somebody else's. Raises FerryError."""

    def work(conn: Any) -> Aborting:
        domain = conn.lookupByUUIDString(uuid)
        try:
            if not jobs.from_fields(domain.jobStats()).runs(DUMP):
                return Aborting.NOTHING
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:  # the guest is off
                return Aborting.NOTHING
            raise
        try:
            domain.abortJob()
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
                return Aborting.REFUSED
            raise
        return Aborting.GRANTED

    try:
        return await connection.call("abort the dump", work, deadline_s=jobs.ABORT_DEADLINE_S)
    except UnsupportedError:
        return Aborting.REFUSED
