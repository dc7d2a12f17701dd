"""Would a crash of the host's kernel leave a dump, and where?

The kernel tells whether memory is reserved and the crash kernel loaded (ABI/testing/sysfs-kernel-kexec...,
admin-guide/kdump/kdump.rst; on POWER admin-guide/kdump/fadump.rst); systemd whether the service will load it at the
next start; the distribution's file where dumps go. What is found is told by kdump_findings, what was dumped by
kdump_results. Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backends.model.crash import Kdump, KdumpVerdict, TargetKind
from backends.probes.crashes import host_time, kdump_config, kdump_findings, kdump_results
from backends.probes.crashes.kdump_config import Target
from backends.probes.crashes.kdump_state import State
from backends.probes.crashes.looked import Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import Wanted
from backends.probes.survey.asking import Command, Questions
from backends.probes.survey.readings import Gap, Readings
from backends.untrusted import clean

LOADED, SIZE = "/sys/kernel/kexec_crash_loaded", "/sys/kernel/kexec_crash_size"
"""Since November 2025 also in /sys/kernel/kexec/ (ABI/testing/sysfs-kernel-kexec-kdump)."""
_NEW_LOADED, _NEW_SIZE = "/sys/kernel/kexec/crash_loaded", "/sys/kernel/kexec/crash_size"
FADUMP = ("/sys/kernel/fadump_registered", "/sys/kernel/fadump/registered")
DISABLED = "/proc/sys/kernel/kexec_load_disabled"
CMDLINE, MEMINFO, DOM0 = "/proc/cmdline", "/proc/meminfo", "/proc/xen/capabilities"
OOPS = "/proc/sys/kernel/panic_on_oops"
UNITS = ("kdump.service", "kdump-tools.service")
SERVICE = Command(("systemctl", "show", *UNITS, "-p", "Id,LoadState,ActiveState,SubState,UnitFileState"))
LOCAL = Command(("df", "-P", "-k", "-l"))
NFS = Command(("df", "-P", "-k", "-t", "nfs", "-t", "nfs4"), 2)
DISKS = Command(("lsblk", "-b", "-P", "-p", "-o", "NAME,KNAME,UUID,LABEL,SIZE,MOUNTPOINT"))
WANTED = Wanted(
    questions=Questions(
        files=(
            LOADED,
            SIZE,
            _NEW_LOADED,
            _NEW_SIZE,
            *FADUMP,
            DISABLED,
            CMDLINE,
            MEMINFO,
            DOM0,
            OOPS,
            host_time.UPTIME,
        ),
        heads=(*kdump_config.FILES, "/etc/os-release", "/usr/lib/os-release", "/etc/redhat-release"),
        devices=(kdump_config.DEFAULT_KEY, "/run/systemd/system"),
        commands=(host_time.ZONE, SERVICE, LOCAL, NFS, DISKS),
    ),
    logs=kdump_results.WANTED.logs,
    files=kdump_results.WANTED.files,
    only_whole=True,
)
"""While a host is up its kernel does not crash."""

_NUMBER = re.compile(r"[0-9]{1,18}")
_TOTAL = re.compile(r"MemTotal: *([0-9]{1,15}) kB")
_CRASHKERNEL = re.compile(r"(?:^|\s)(crashkernel=\S+)")
_PAIR = re.compile(r'([A-Z:]+)="([^"]*)"')


def sightings(looked: Looked) -> Iterator[Sighting]:
    """Crashes that were dumped. Pure."""
    yield from kdump_results.sightings(looked)


def read_kdump(looked: Looked) -> Kdump | None:
    """How it stands; None where nothing was asked. Pure."""
    readings = looked.readings
    if not any(readings.there(path) for path in (LOADED, _NEW_LOADED, CMDLINE, MEMINFO)):
        return None
    aim = kdump_config.target(readings)
    state = _state(readings, aim)
    results = kdump_results.results(looked)
    return Kdump(
        verdict=state.verdict,
        reserved_bytes=state.reserved_bytes,
        service=_service_words(state, readings),
        target_kind=aim.kind if aim else TargetKind.UNKNOWN,
        target=clean(aim.words, limit=300) if aim else "",
        free_bytes=state.free_bytes,
        memory_bytes=state.memory_bytes,
        core_collector=clean(aim.collector, limit=200) if aim else "",
        last=kdump_findings.last_words(results, host_time.zone_s(readings)),
        findings=kdump_findings.findings(state, aim, results, readings),
    )


def _state(readings: Readings, aim: Target | None) -> State:
    loaded = _flag(readings, LOADED, _NEW_LOADED)
    reserved = _first_number(readings, SIZE, _NEW_SIZE)
    fadump = _flag(readings, *FADUMP)
    parameter = _CRASHKERNEL.search(readings.text(CMDLINE))
    denied = next((path for path in (LOADED, SIZE) if readings.reading(path).gap is Gap.DENIED), "")
    unit = _unit(readings.text(SERVICE.name))
    return State(
        verdict=_verdict(readings, loaded, reserved, fadump),
        reserved_bytes=reserved,
        parameter=clean(parameter[1], limit=200) if parameter else "",
        is_loaded=loaded,
        is_disabled=readings.text(DISABLED).strip() == "1",
        is_dom0="control_d" in readings.text(DOM0),
        unit=unit,
        asks_units=readings.reading(SERVICE.name).gap is None and bool(readings.text(SERVICE.name)),
        memory_bytes=_memory(readings),
        free_bytes=_free(readings, aim) if aim else None,
        denied=denied,
    )


def _verdict(
    readings: Readings, loaded: bool | None, reserved: int | None, fadump: bool | None
) -> KdumpVerdict:
    if loaded or fadump:
        return KdumpVerdict.READY
    if loaded is None:
        is_missing = (
            readings.reading(LOADED).gap is Gap.MISSING and readings.reading(_NEW_LOADED).gap is Gap.MISSING
        )
        has_kernel = bool(readings.text(CMDLINE))
        return KdumpVerdict.NOT_POSSIBLE if is_missing and has_kernel else KdumpVerdict.UNKNOWN
    if reserved:
        return KdumpVerdict.NOT_LOADED
    if "control_d" in readings.text(DOM0):
        return KdumpVerdict.NOT_LOADED if "crashkernel" in readings.text(CMDLINE) else KdumpVerdict.UNKNOWN
    return KdumpVerdict.NO_MEMORY if reserved == 0 else KdumpVerdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class _FileSystem:
    source: str
    point: str
    free_bytes: int


def _free(readings: Readings, aim: Target) -> int | None:
    """At the target, where this host sees it; of a raw device its size."""
    if aim.kind is TargetKind.RAW:
        row = _disk(readings, aim.device)
        return _whole(row.get("SIZE", "")) if row else None
    if aim.kind is TargetKind.NFS:
        mounted = [each for each in _mounted(readings.text(NFS.name)) if each.source == aim.device]
        return mounted[0].free_bytes if mounted else None
    if aim.kind is not TargetKind.LOCAL:
        return None
    mounted = _mounted(readings.text(LOCAL.name))
    if aim.device:
        row = _disk(readings, aim.device)
        points = {row["MOUNTPOINT"]} if row and row.get("MOUNTPOINT") else set()
        at = [each for each in mounted if each.point in points or each.source == aim.device]
        return at[0].free_bytes if at else None
    path = posixpath.normpath(aim.path) if aim.path.startswith("/") else kdump_config.CRASH
    above = [each for each in mounted if path == each.point or path.startswith(f"{each.point.rstrip('/')}/")]
    best = max(above, key=lambda each: len(each.point), default=None)
    return best.free_bytes if best else None


def _mounted(text: str) -> list[_FileSystem]:
    """df(1), -P: `SOURCE BLOCKS USED AVAILABLE CAPACITY POINT`; a point may hold blanks."""
    found = []
    for line in text.split("\n")[1:]:
        words = line.split(None, 5)
        if len(words) == 6 and (free := _whole(words[3])) is not None:
            found.append(_FileSystem(words[0], words[5], free * 1024))
    return found


def _disk(readings: Readings, name: str) -> Mapping[str, str] | None:
    """A row of lsblk(8), -P, by a device's path, UUID=, LABEL=, or a link that udev makes of one."""
    wanted = name.removeprefix("/dev/disk/by-")
    for key in ("uuid", "label"):
        wanted = wanted.removeprefix(f"{key.upper()}=").removeprefix(f"{key}/")
    wanted = wanted.strip("\"'")
    for line in readings.text(DISKS.name).split("\n"):
        row = dict(_PAIR.findall(line[:4096]))
        if wanted and wanted in (row.get("NAME"), row.get("KNAME"), row.get("UUID"), row.get("LABEL")):
            return row
    return None


def _unit(text: str) -> Mapping[str, str]:
    """That of the units which the host has; of several the one that is active."""
    blocks = [dict(line.partition("=")[::2] for line in block.split("\n")) for block in text.split("\n\n")]
    there = [block for block in blocks if block.get("LoadState") not in (None, "not-found")]
    there.sort(key=lambda block: block.get("ActiveState") != "active")
    return {key: clean(value, limit=60) for key, value in there[0].items()} if there else {}


def _service_words(state: State, readings: Readings) -> str:
    if state.unit:
        enabled = state.unit.get("UnitFileState", "")
        words = f"{state.unit.get('Id', 'kdump')}: {state.unit.get('ActiveState', '')}"
        return words + (f", {enabled}" if enabled else "")
    if state.asks_units:
        return "no kdump.service, no kdump-tools.service"
    return "" if readings.there("/run/systemd/system") else "no systemd: not told"


def _memory(readings: Readings) -> int | None:
    match = _TOTAL.search(readings.text(MEMINFO))
    return int(match[1]) * 1024 if match else None


def _flag(readings: Readings, *paths: str) -> bool | None:
    number = _first_number(readings, *paths)
    return None if number is None else number != 0


def _first_number(readings: Readings, *paths: str) -> int | None:
    numbers = (_whole(readings.text(path).strip()) for path in paths)
    return next((number for number in numbers if number is not None), None)


def _whole(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None
