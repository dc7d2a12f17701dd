"""What scripted hosts tell of crashes: usual values in the forms that QEMU, libvirt and the kernel give them.

Texts are real ones: of QEMU's log (libvirt's qemuLogOperation and qemu's error_report), of the kernel's OOM killer
(mm/oom_kill.c), of libvirt's daemons. No test relies on them being true.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backends.errors import FerryError
from backends.model.crash import (
    Cause,
    CrashGap,
    CrashKind,
    CrashRecord,
    Evidence,
    HostCrashes,
    Kdump,
    KdumpVerdict,
    Source,
    TargetKind,
)
from backends.model.guest import GuestState
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from tests.tui.capable import guest_key
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest
from tests.tui.scripted_crashes import ScriptedLog

GIB = 1024**3
NOW = datetime.now(UTC)
"""Crashes are some units and a half before it, so that their ages read the same as long as tests run."""

QEMU_LOG = "/var/log/libvirt/qemu/web-01.log"
NO_SPACE_LINES = (
    "2026-11-24 13:58:41.207+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4, qemu version: 7.2.0",
    "qemu-system-x86_64: block I/O error in device 'drive-virtio-disk0': No space left on device (28)",
    "2026-11-24T13:59:12.114093Z qemu-system-x86_64: terminating on signal 15 from pid 812 (/usr/sbin/libvirtd)",
)
OOM_LINES = (
    "qemu-system-x86 invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0",
    "Out of memory: Killed process 41922 (qemu-system-x86) total-vm:9381244kB, anon-rss:8212340kB, file-rss:1536kB,"
    " shmem-rss:0kB, UID:64055 pgtables:16732kB oom_score_adj:0",
)


def record(
    host: str,
    name: str,
    kind: CrashKind = CrashKind.ENDED,
    *,
    ago: timedelta = timedelta(hours=3.5),
    cause: Cause | None = None,
    evidence: tuple[Evidence, ...] = (),
    **more: object,
) -> CrashRecord:
    """A crash of a guest of this name, some time ago."""
    at = NOW - ago
    usual = CrashRecord(
        id=f"{kind.name.lower()}-{name or host}-{int(ago.total_seconds())}",
        host=HostName(host),
        kind=kind,
        at=at,
        host_at=at + timedelta(seconds=2),
        exact=True,
        guest=None if kind.of_host else guest_key(host, name),
        name=name,
        cause=cause or Cause("nothing was said"),
        evidence=evidence,
    )
    return replace(usual, **more)  # type: ignore[arg-type]  # fields by name


def qemu_log(*lines: str, path: str = QEMU_LOG, offset: int | None = 9_000, size: int = 12_345) -> Evidence:
    """What QEMU's log tells."""
    return Evidence(Source.QEMU_LOG, path, lines, path, offset, size)


NO_SPACE = record(
    "h1",
    "web-01",
    CrashKind.IO_ERROR,
    cause=Cause(
        "no space left on the file system of /srv/images/web-01.qcow2",
        "no-space",
        "make room there, then: virsh resume web-01",
    ),
    evidence=(
        qemu_log(*NO_SPACE_LINES),
        Evidence(
            Source.JOURNAL,
            "journalctl -u libvirtd",
            ("libvirtd[812]: internal error: guest stopped: enospc",),
        ),
        Evidence(Source.EVENT, "libvirt: I/O error of vda, the guest was paused"),
    ),
)
OOM = record(
    "h2",
    "db-01",
    ago=timedelta(hours=5.5),
    cause=Cause(
        "the host's kernel killed it for want of memory (8.2 GiB in use)",
        "oom",
        "give the host more memory, or its guests less; move one away",
    ),
    evidence=(
        Evidence(Source.KERNEL, "journalctl -k", OOM_LINES),
        qemu_log(
            "2026-11-24 08:58:02.001+0000: shutting down, reason=crashed",
            path="/var/log/libvirt/qemu/db-01.log",
        ),
    ),
)
UNKNOWN = record(
    "h1",
    "cache-7",
    ago=timedelta(days=2.5),
    cause=Cause("qemu-system-x86_64: terminating on signal 11"),
    evidence=(
        Evidence(
            Source.CORE_DUMP,
            "/var/lib/systemd/coredump/core.qemu-system-x86.64055.zst",
            ("PID 3121 (qemu-system-x86), signal 11 (SEGV)",),
            "/var/lib/systemd/coredump/core.qemu-system-x86.64055.zst",
            None,
            412_000_000,
            is_text=False,
        ),
    ),
)
INCOMING = record(
    "h2",
    "web-01",
    CrashKind.INCOMING,
    ago=timedelta(hours=26.5),
    cause=Cause(
        "h2's QEMU has no device that the guest has: 0000:00:03.0/virtio-net", "incoming-device",
        "start both with the same machine type",
    ),
    evidence=(qemu_log("qemu-system-x86_64: load of migration failed: Invalid argument"),),
)  # fmt: skip
DOWN = record(
    "h3",
    "",
    CrashKind.HOST_UNCLEAN,
    ago=timedelta(days=4.5),
    exact=False,
    cause=Cause("the last boot ended without a shutdown; nothing tells why"),
    evidence=(Evidence(Source.BOOTS, "journalctl --list-boots", ("-1 9f2c… Fri 2026-11-20 03:11:58 UTC",)),),
)
DUMPED = record(
    "h1",
    "web-01",
    CrashKind.DUMP,
    ago=timedelta(days=5.5),
    cause=Cause("somebody took it"),
    evidence=(
        Evidence(
            Source.GUEST_DUMP,
            "/var/lib/libvirt/qemu/dump/2-web-01-2026-11-19-10:01:12",
            (),
            "/var/lib/libvirt/qemu/dump/2-web-01-2026-11-19-10:01:12",
            None,
            2 * GIB,
            is_text=False,
        ),
    ),
)

NO_LOGS = CrashGap(
    "QEMU's logs", "permission denied", "setfacl -R -m u:ferry:rX /var/log/libvirt/qemu, or log in as root"
)
NO_PSTORE = CrashGap("pstore", "permission denied", "log in as root")

READY = Kdump(
    KdumpVerdict.READY,
    256 * 1024**2,
    "kdump-tools.service: active",
    TargetKind.LOCAL,
    "/var/crash",
    180 * GIB,
    24 * GIB,
    "makedumpfile -l --message-level 7 -d 31",
    "vmcore of 2026-10-31 12:00, 1.2 GiB",
    (Finding("kdump.room", "room for a dump", Severity.GOOD, "180 GiB free, the memory has 24.0 GiB"),),
)
NOT_READY = Kdump(
    KdumpVerdict.NO_MEMORY,
    0,
    "kdump.service: failed",
    TargetKind.NFS,
    "nas:/crash",
    None,
    384 * GIB,
    findings=(
        Finding("kdump.target", "where dumps go", Severity.GOOD, "NFS nas:/crash"),
        Finding(
            "kdump.service",
            "service",
            Severity.MEDIUM,
            "kdump.service: failed: No memory reserved for crash kernel",
            "systemctl restart kdump, once memory is reserved",
        ),
        Finding(
            "kdump.memory",
            "memory for the crash kernel",
            Severity.HIGH,
            "/sys/kernel/kexec_crash_size is 0, and /proc/cmdline has no crashkernel=",
            "add crashkernel=512M to the kernel's command line (GRUB_CMDLINE_LINUX), update-grub, and start anew",
        ),
    ),
)


def told(
    host: str,
    *records: CrashRecord,
    gaps: tuple[CrashGap, ...] = (),
    kdump: Kdump | None = None,
    ahead_s: float | None = 2.0,
    days: float = 7,
) -> HostCrashes:
    """What one look brought."""
    at = datetime.now(UTC)
    newest_first = sorted(records, key=lambda each: each.at or at - timedelta(days=999), reverse=True)
    return HostCrashes(
        HostName(host), at, at - timedelta(days=days), 0.4, 1, ahead_s, tuple(newest_first), gaps, kdump
    )


class SlowCrashes(ScriptedFleet):
    """Hosts that take their time to tell what crashes have left, and tell nothing by themselves."""

    def __init__(self, *hosts: str) -> None:
        super().__init__(*hosts)
        self.may_answer = asyncio.Event()

    async def crashes(self, host: HostName, since: datetime | None = None) -> HostCrashes:
        """Once the test lets it."""
        await self.may_answer.wait()
        return await super().crashes(host, since)

    @asynccontextmanager
    async def follow_crashes(self) -> AsyncIterator[None]:
        """Nothing comes by itself."""
        self.followers += 1
        try:
            yield
        finally:
            self.followers -= 1


def crashed(fleet: ScriptedFleet | None = None) -> ScriptedFleet:
    """h1 has a guest that stands for want of space, h2 had one killed, h3 went down; h2 lets its logs not be read."""
    fleet = fleet or ScriptedFleet("h1", "h2", "h3")
    fleet.up("h1", guest("h1", "web-01", GuestState.PAUSED), guest("h1", "cache-7"))
    fleet.up("h2", guest("h2", "db-01"))
    fleet.up("h3")
    h1, h2, h3 = (HostName(name) for name in ("h1", "h2", "h3"))
    known: dict[HostName, HostCrashes | FerryError] = {
        h1: told("h1", NO_SPACE, UNKNOWN, DUMPED, kdump=READY),
        h2: told("h2", OOM, INCOMING, gaps=(NO_LOGS,), kdump=NOT_READY),
        h3: told("h3", DOWN, ahead_s=None),
    }
    fleet.host_crashes = known
    fleet.logs = {QEMU_LOG: ScriptedLog("h1: " + QEMU_LOG, log_text())}
    return fleet


def log_text(before: int = 90, after: int = 60) -> str:
    """A log whose evidence begins at byte 9,000, in lines of a hundred bytes."""
    filler = [
        f"{number:05} qemu-system-x86_64: warning: host doesn't support requested feature".ljust(99)
        for number in range(before + after)
    ]
    lines = [*filler[:before], *NO_SPACE_LINES, *filler[before:]]
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def looking(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """Mode 4."""
    async with program_on(fleet, **how) as program:
        await program.press("4")
        await program.sees("CRASHES")
        yield program
