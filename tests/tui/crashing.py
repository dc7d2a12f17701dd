"""What scripted hosts tell of a crash of a guest, of its dump, and of what happens when it crashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from backends.model.crash import Cause, CrashKind, CrashRecord, Evidence, HostCrashes, Source
from backends.model.crash_setting import CrashSetting
from backends.model.dump import DumpPhase, DumpPlan, DumpProgress, DumpWish
from backends.model.guest import Guest, GuestKey
from backends.model.host import HostName
from backends.model.posture import Finding, Severity

GIB = 1024**3

FULL = Cause(
    "/var/lib/libvirt/images is full (No space left on device)",
    "no-space",
    "make room on /var/lib/libvirt/images, then resume the guest",
)
KILLED = Cause("killed by signal 9 by process 4711 (oom-kill)", "killed", "find out who has killed it")
MISSING = Cause("/images/web-01.qcow2 is not there", "missing-image", "bring the image back")
INCOMING = Cause(
    "the destination's QEMU does not know the machine q35-9.9", "incoming", "choose another machine"
)


def crash(
    of: Guest,
    kind: CrashKind = CrashKind.ENDED,
    cause: Cause = KILLED,
    *,
    minutes_ago: float = 3,
    exact: bool = True,
    host: str = "",
) -> CrashRecord:
    """A crash of a guest, told by QEMU's log; `host`: where it was, if not where the guest is now."""
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    where = HostName(host or of.key.host)
    path = f"/var/log/libvirt/qemu/{of.name}.log"
    line = "2026-03-01 13:02:03.456+0000: shutting down, reason=crashed"
    evidence = Evidence(Source.QEMU_LOG, path, (line,), path=path, offset=0, size_bytes=len(line))
    key = of.key._replace(host=where)
    return CrashRecord(
        f"{kind.name}-{of.name}-{minutes_ago}", where, kind, at, at, exact, key, of.name, cause, (evidence,)
    )


def told(host: str, *records: CrashRecord) -> HostCrashes:
    """All that a host tells, newest first."""
    now = datetime.now(UTC)
    newest = sorted(records, key=lambda record: record.at or now, reverse=True)
    return HostCrashes(HostName(host), now, now - timedelta(days=7), 0.4, 1, 0.0, tuple(newest))


def dump_plan(guest: GuestKey, **changes: object) -> DumpPlan:
    """Memory only, into libvirt's own folder."""
    path = "/var/lib/libvirt/qemu/dump/web-01-20260301.elf"
    usual = DumpPlan(
        DumpWish(guest),
        "web-01",
        path,
        "",
        needed_bytes=2 * GIB,
        free_bytes=40 * GIB,
        local_free_bytes=None,
        findings=(),
        command=f"virsh -c qemu+ssh://root@h1/system dump web-01 {path} --memory-only",
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # fields by name


def dumping(plan: DumpPlan, *, words: str = "") -> tuple[DumpProgress, ...]:
    """Half of it, all of it, done."""
    words = words or f"{plan.path}, 2.00 GiB, ELF 64-bit LSB core file"
    return (
        DumpProgress(plan, DumpPhase.DUMPING, GIB, 2 * GIB),
        DumpProgress(plan, DumpPhase.DUMPING, 2 * GIB, 2 * GIB),
        DumpProgress(plan, DumpPhase.DONE, 2 * GIB, 2 * GIB, words),
    )


LEAVES_NOTHING = Finding(
    "crash.leaves-nothing",
    "after a panic",
    Severity.MEDIUM,
    "a panic would leave nothing: no panic device, no dump, no log of the console",
    "give it a panic device, and set on_crash to coredump-restart",
)


def setting(
    guest: GuestKey, findings: Sequence[Finding] = (LEAVES_NOTHING,), **changes: object
) -> CrashSetting:
    """As a definition without any care for crashes has it."""
    return replace(CrashSetting(guest, findings=tuple(findings)), **changes)  # type: ignore[arg-type]  # by name
