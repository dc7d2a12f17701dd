"""Crash records of a small fleet, as the backends would tell them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from tests.tui.scripted import GIB, MIB
from tests.unit.answered import H1, H2, MAIL, WEB

NOW = datetime.now(UTC).replace(microsecond=0)
WEB_LOG = "/var/log/libvirt/qemu/web.log"

KILLED = CrashRecord(
    "h1-web-1",
    H1,
    CrashKind.ENDED,
    NOW - timedelta(minutes=3),
    NOW - timedelta(minutes=3),
    exact=True,
    guest=WEB.key,
    name="web",
    cause=Cause("the host was out of memory, its kernel killed the guest", "oom-kill", "give it less memory"),
    evidence=(
        Evidence(
            Source.KERNEL,
            "journalctl --dmesg",
            ("Out of memory: Killed process 4242 (qemu-system-x86) total-vm:9876kB",),
        ),
        Evidence(
            Source.QEMU_LOG,
            WEB_LOG,
            ("2026-11-24 15:02:03.004+0000: shutting down, reason=crashed",),
            path=WEB_LOG,
            offset=4711,
            size_bytes=9000,
        ),
    ),
)
PANICKED = replace(
    KILLED,
    id="h1-mail-1",
    kind=CrashKind.PANIC,
    at=NOW - timedelta(hours=3),
    host_at=NOW - timedelta(hours=3),
    guest=MAIL.key,
    name="mail",
    cause=Cause("its kernel gave up: VFS: Unable to mount root fs", "guest-panic"),
    evidence=(),
)
WENT_DOWN = CrashRecord(
    "h2-boot-1",
    H2,
    CrashKind.HOST_UNCLEAN,
    NOW - timedelta(hours=1),
    NOW - timedelta(hours=1) + timedelta(seconds=42),
    exact=False,
    guest=None,
    name="",
    cause=Cause("nothing was said"),
    evidence=(
        Evidence(Source.BOOTS, "last -x", trouble="unreadable: permission denied", mend="log in as root"),
    ),
)
DAEMON = replace(
    WENT_DOWN, id="h2-libvirtd-1", kind=CrashKind.PROCESS, name="libvirtd", at=None, host_at=None
)

GAP = CrashGap("logs of QEMU", "permission denied", "be a member of the group adm")

READY = Kdump(
    KdumpVerdict.READY,
    reserved_bytes=256 * MIB,
    service="kdump.service: active",
    target_kind=TargetKind.LOCAL,
    target="/var/crash",
    free_bytes=12 * GIB,
    memory_bytes=64 * GIB,
    core_collector="makedumpfile -l --message-level 7 -d 31",
    last="vmcore of 2026-01-31 12:00, 1.2 GiB",
    findings=(Finding("kdump.memory", "memory for the crash kernel", Severity.GOOD, "256 MiB"),),
)
NO_MEMORY = Kdump(
    KdumpVerdict.NO_MEMORY,
    reserved_bytes=0,
    findings=(
        Finding(
            "kdump.memory",
            "memory for the crash kernel",
            Severity.MEDIUM,
            "0 bytes in /sys/kernel/kexec_crash_size",
            "boot with crashkernel=256M",
        ),
    ),
)


def looked(host: HostName, *records: CrashRecord, **changes: object) -> HostCrashes:
    """One look at a host a week back."""
    usual = HostCrashes(
        host,
        at=NOW,
        since=NOW - timedelta(weeks=1),
        took_s=0.4,
        commands=1,
        clock_ahead_s=0.01,
        records=records,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # fields by name
