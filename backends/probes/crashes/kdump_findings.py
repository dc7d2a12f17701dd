"""What of kdump is as it should be and what is not, and what to do about it on each distribution. Pure.

The commands are those of kdump.conf(5) and kdumpctl(8), of Debian's README of kdump-tools and Ubuntu's server guide, of
SUSE's System Analysis and Tuning Guide (Kexec and Kdump), and of admin-guide/kdump/kdump.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from backends.model.crash import KdumpVerdict, TargetKind
from backends.model.posture import Finding, Severity
from backends.probes.crashes import kdump_config, kdump_results
from backends.probes.crashes.kdump_config import Target
from backends.probes.crashes.kdump_results import Result
from backends.probes.crashes.kdump_state import State
from backends.probes.survey.memory import size
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

_TENTH = 10
"""With zero, cache, user and free pages left out (makedumpfile(8), -d 31) a dump takes about so small a part."""
_LEVEL = re.compile(r"-d ?(\d{1,2})(?:,(\d{1,2}))?\b")
_ID = re.compile(r'^(ID|ID_LIKE|VERSION_ID)="?([^"\n]*)"?$', re.MULTILINE)


def findings(
    state: State, aim: Target | None, results: Sequence[Result], readings: Readings
) -> tuple[Finding, ...]:
    """Worst first."""
    kin = family(readings)
    found = [
        _memory(state, kin),
        _loaded(state, kin),
        *_service(state, aim, kin),
        _target(aim, kin),
        *_room(state, aim),
        *_key(aim, readings),
        *_oops(readings),
        *_last(results),
    ]
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def family(readings: Readings) -> str:
    """`rhel`, `debian`, `suse`, `old-rhel` (before systemd), or empty."""
    text = readings.text("/etc/os-release") or readings.text("/usr/lib/os-release")
    told = dict(_ID.findall(text))
    words = f"{told.get('ID', '')} {told.get('ID_LIKE', '')}".split()
    if {"debian", "ubuntu"} & set(words):
        return "debian"
    if any(word.startswith(("suse", "sles", "opensuse", "sled")) for word in words):
        return "suse"
    if {"rhel", "fedora", "centos"} & set(words):
        return "rhel"
    return "old-rhel" if readings.there("/etc/redhat-release") else ""


def last_words(results: Sequence[Result], ahead_s: float) -> str:
    """`dump.202606090544 of 42.0 MiB: kdump-compressed, 2026-06-09 05:44`, in the host's local time."""
    if not results:
        return ""
    newest = results[0]
    when = _when(newest.at_s(ahead_s) + ahead_s)
    core = max(newest.cores, key=lambda each: each.size_bytes, default=None)
    if core is None:
        return f"no core, only what the kernel said, {when}"
    trouble = kdump_results.trouble(core)
    return f"{kdump_results.words(core)}, {when}" + (f" ({trouble})" if trouble else "")


def _when(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return "time not known"


def _memory(state: State, kin: str) -> Finding:
    id_, title = "kdump.memory", "memory for a crash kernel"
    source = "/sys/kernel/kexec_crash_size, /proc/cmdline"
    if state.reserved_bytes:
        told = f"{size(state.reserved_bytes)} reserved" + (f" ({state.parameter})" if state.parameter else "")
        return Finding(id_, title, Severity.GOOD, told, source=source)
    if state.denied:
        mend = f"log in as root, or give this account leave to read {state.denied}"
        return Finding(id_, title, Severity.UNKNOWN, "permission denied", mend, state.denied)
    if state.is_dom0:
        mend = "xl info | grep xen_commandline: crashkernel= stands on Xen's own command line, not on the kernel's"
        return Finding(
            id_,
            title,
            Severity.UNKNOWN,
            "Xen reserves it, and does not tell this kernel",
            mend,
            "/proc/xen/capabilities",
        )
    if state.verdict is KdumpVerdict.NOT_POSSIBLE:
        mend = "start a kernel that was built with CONFIG_KEXEC and CONFIG_CRASH_DUMP"
        return Finding(id_, title, Severity.MEDIUM, "this kernel has no kexec for crashes", mend, source)
    if state.reserved_bytes is None:
        return Finding(id_, title, Severity.UNKNOWN, "this host does not tell", source=source)
    told = "none is reserved" + (
        f", although {state.parameter} is asked for: too much, or no place" if state.parameter else ""
    )
    return Finding(id_, title, Severity.MEDIUM, told, _RESERVE.get(kin, _RESERVE[""]), source)


_GRUBBY = 'grubby --update-kernel=ALL --args="crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M"'
_RESERVE = {
    "rhel": f"kdumpctl reset-crashkernel --kernel=ALL (before RHEL 9: {_GRUBBY}), then start the host again",
    "old-rhel": 'grubby --update-kernel=ALL --args="crashkernel=256M", then start the host again',
    "debian": "apt install kdump-tools (it puts crashkernel= into /etc/default/grub.d/kdump-tools.cfg), update-grub, "
    "then start the host again",
    "suse": "zypper install kdump; kdumptool commandline -u (before SLE 15 SP6: yast2 kdump), then start it again",
    "": "add crashkernel=256M to the kernel's command line, then start the host again",
}
_INSTALL = {
    "rhel": "dnf install kdump-utils (before RHEL 10: kexec-tools)",
    "old-rhel": "yum install kexec-tools",
    "debian": "apt install kdump-tools",
    "suse": "zypper install kdump",
}
_LOAD = {
    "rhel": "systemctl enable --now kdump.service; if it fails: journalctl -u kdump, kdumpctl showmem",
    "old-rhel": "chkconfig kdump on; service kdump start",
    "debian": "USE_KDUMP=1 in /etc/default/kdump-tools; systemctl enable --now kdump-tools.service; kdump-config show",
    "suse": "systemctl enable --now kdump.service; if it fails: journalctl -u kdump",
    "": "kexec -p KERNEL --initrd=INITRD --append=...: see kexec(8), or install the distribution's kdump",
}


def _loaded(state: State, kin: str) -> Finding:
    id_, title, source = "kdump.loaded", "crash kernel", "/sys/kernel/kexec_crash_loaded"
    if state.verdict is KdumpVerdict.READY:
        return Finding(id_, title, Severity.GOOD, "loaded", source=source)
    if state.is_loaded is None:
        cannot = state.verdict is KdumpVerdict.NOT_POSSIBLE
        told = "this kernel cannot load one" if cannot else "this host does not tell"
        return Finding(id_, title, Severity.MEDIUM if cannot else Severity.UNKNOWN, told, source=source)
    if state.is_disabled:
        told = "not loaded, and loading is shut off until the next start (kernel.kexec_load_disabled=1)"
        return Finding(
            id_, title, Severity.MEDIUM, told, "load it before the setting is made, at the next start", source
        )
    return Finding(
        id_, title, Severity.MEDIUM, "not loaded: a crash leaves no dump", _LOAD.get(kin, _LOAD[""]), source
    )


def _service(state: State, aim: Target | None, kin: str) -> Iterator[Finding]:
    id_, title = "kdump.service", "service that loads it"
    source = "systemctl show"
    if not state.unit:
        if state.asks_units:
            mend = _INSTALL.get(kin, "install the distribution's kdump")
            yield Finding(id_, title, Severity.MEDIUM, "the host has none", mend, source)
        else:
            yield Finding(id_, title, Severity.UNKNOWN, "systemd does not tell", source=source)
        return
    name, active = state.unit.get("Id", "kdump.service"), state.unit.get("ActiveState", "")
    enabled = state.unit.get("UnitFileState", "")
    told = f"{name}: {active}" + (f", {enabled}" if enabled else "")
    if active == "failed":
        yield Finding(id_, title, Severity.MEDIUM, told, f"journalctl -b -u {name}", source)
    elif enabled in ("disabled", "masked"):
        verb = "unmask" if enabled == "masked" else "enable"
        mend = f"systemctl {verb} {name}: else the next start leaves the crash kernel out"
        yield Finding(id_, title, Severity.MEDIUM, told, mend, source)
    elif active != "active":
        yield Finding(id_, title, Severity.MEDIUM, told, f"systemctl start {name}", source)
    else:
        yield Finding(id_, title, Severity.GOOD, told, source=source)
    if aim is not None and aim.is_off:
        yield Finding(
            "kdump.setting",
            "kdump in its settings",
            Severity.MEDIUM,
            "USE_KDUMP=0",
            "USE_KDUMP=1 in " + aim.source,
            aim.source,
        )


def _target(aim: Target | None, kin: str) -> Finding:
    id_, title = "kdump.target", "where dumps go"
    if aim is None:
        mend = _LOAD.get(kin, "install the distribution's kdump")
        return Finding(
            id_,
            title,
            Severity.UNKNOWN,
            "the host has no settings of kdump",
            mend,
            ", ".join(kdump_config.FILES[:3]),
        )
    if aim.denied:
        mend = f"log in as root, or give this account leave to read {aim.source}"
        return Finding(id_, title, Severity.UNKNOWN, "permission denied", mend, aim.source)
    words = clean(aim.words, limit=300)
    if aim.kind is TargetKind.UNKNOWN:
        return Finding(id_, title, Severity.UNKNOWN, words or "not told", source=aim.source)
    return Finding(id_, title, Severity.GOOD, f"{aim.kind.value}: {words}", source=aim.source)


def _room(state: State, aim: Target | None) -> Iterator[Finding]:
    """A dump without -d 31 may be as large as the memory."""
    if aim is None or aim.kind is TargetKind.UNKNOWN:
        return
    id_, title = "kdump.room", "room for a dump"
    if state.free_bytes is None or state.memory_bytes is None:
        told = "not told: this host sees it only while it dumps"
        yield Finding(id_, title, Severity.UNKNOWN, told, "look at the target itself")
        return
    told = f"{size(state.free_bytes)} free, {size(state.memory_bytes)} of memory"
    is_small = _leaves_out(aim)
    if state.free_bytes >= state.memory_bytes:
        yield Finding(id_, title, Severity.GOOD, told)
    elif is_small and state.free_bytes * _TENTH >= state.memory_bytes:
        yield Finding(id_, title, Severity.LOW, f"{told}: enough for most dumps without free and cache pages")
    elif is_small:
        yield Finding(
            id_,
            title,
            Severity.MEDIUM,
            f"{told}: too little even without free and cache pages",
            "make room there, or choose another target",
        )
    else:
        mend = "core_collector makedumpfile -l -d 31 leaves out free, cache and user pages; or make room"
        yield Finding(id_, title, Severity.MEDIUM, f"{told}, and nothing says that pages are left out", mend)


def _leaves_out(aim: Target) -> bool:
    """Debian's and SUSE's default, and Red Hat's where no core_collector stands, leave pages out."""
    if not aim.collector:
        return aim.source in (kdump_config.RED_HAT, kdump_config.DEBIAN)
    levels = _LEVEL.search(aim.collector)
    return levels is not None and max(int(levels[1]), int(levels[2] or 0)) >= 16


def _key(aim: Target | None, readings: Readings) -> Iterator[Finding]:
    """Other keys than the usual one are not looked for; who is not root does not see root's folder."""
    if (
        aim is None
        or aim.kind is not TargetKind.SSH
        or aim.ssh_key != kdump_config.DEFAULT_KEY
        or not readings.is_root
    ):
        return
    id_, title = "kdump.key", "key for the target"
    if readings.there(aim.ssh_key):
        yield Finding(id_, title, Severity.GOOD, "it is there", source=aim.ssh_key)
    else:
        mend = "kdumpctl propagate" if aim.source == kdump_config.RED_HAT else "kdump-config propagate"
        yield Finding(id_, title, Severity.MEDIUM, "it is not there", mend, aim.ssh_key)


def _oops(readings: Readings) -> Iterator[Finding]:
    source = "/proc/sys/kernel/panic_on_oops"
    if readings.text(source).strip() == "0":
        told = "an Oops is no panic: the kernel goes on, damaged, and leaves no dump"
        mend = "sysctl -w kernel.panic_on_oops=1, and the same in /etc/sysctl.d/"
        yield Finding("kdump.oops", "panic at an Oops", Severity.LOW, told, mend, source)


def _last(results: Sequence[Result]) -> Iterator[Finding]:
    if not results or kdump_results.is_whole(results[0]):
        return
    folder = clean(results[0].folder, limit=200)
    core = max(results[0].cores, key=lambda each: each.size_bytes, default=None)
    told = kdump_results.trouble(core) if core else "there is no core beside what the kernel said"
    if core is not None and not core.readable:
        mend = f"log in as root, or give this account leave to read {folder}"
        yield Finding("kdump.result", "last dump", Severity.UNKNOWN, told, mend, folder)
        return
    mend = "see what kdump has said (kexec-dmesg.log beside it, or the console), and make room"
    yield Finding("kdump.result", "last dump", Severity.MEDIUM, told, mend, folder)
