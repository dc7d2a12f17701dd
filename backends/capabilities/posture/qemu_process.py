"""How much the process of a guest, its QEMU, may do: as which user, which system calls, which devices it sees.

All are protections behind a first one, QEMU's own correctness: what is missing is MEDIUM at the most, as a guest
has to break into its QEMU before it matters. As root (drvqemu.html, "POSIX users/groups") nothing but confinement
is left then, and without the filter of system calls (seccomp(2)) all of the kernel is within reach: MEDIUM. A /dev
of its own (qemu.conf, namespaces) comes on top of users and the device cgroup, which guard the same devices: LOW.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backends.capabilities.posture.looked import QEMU, Looked, Question, named, permission
from backends.hypervisor.guest_confinement import GuestConfinement
from backends.model.posture import Finding, Severity
from backends.probes.qemu_conf import PATH

_HIDDEN = "log in as root: /proc hides other accounts' processes from this one (hidepid, proc(5))"


@dataclass(frozen=True, slots=True)
class _Protection:
    """One protection that each QEMU has or has not."""

    question: Question
    severity: Severity
    """Of its absence."""
    has: str
    lacks: str
    """What is said of guests: they run `as root`."""
    host_cause: str
    """What in qemu.conf takes it from every guest; empty: it does not."""
    mend: str
    guest_mend: str
    source: str
    hidden: str = _HIDDEN
    """Which permission would tell it."""


def user(looked: Looked) -> Iterator[Finding]:
    """As whom QEMU runs. Pure."""
    seen = looked.drivers.get(QEMU)
    if seen is None:
        return
    written = looked.exposure.qemu.user if looked.exposure else ""
    is_root = seen.default_uid == 0
    where = "qemu.conf: user" if written else "the default"
    protection = _Protection(
        Question("guests.user", "QEMU's user"),
        Severity.MEDIUM,
        has="not as root",
        lacks="as root",
        host_cause=f"{where} is root" if is_root else "",
        mend=f'user = "libvirt-qemu" (or "qemu") in {PATH}; restart libvirt and the guests',
        guest_mend="take <seclabel model='dac'> with user 0 out of its definition; start it anew",
        source="/proc/PID/status: Uid; libvirt: label of the model dac",
    )

    def answer(guest: GuestConfinement) -> bool | None:
        process = looked.process(guest)
        uid = process.uid if process and process.uid is not None else guest.uid
        return None if uid is None else uid != 0

    default = None if seen.default_uid is None else seen.default_uid != 0
    yield from _judge(looked, protection, answer, default)


def system_calls(looked: Looked) -> Iterator[Finding]:
    """Is QEMU kept to the system calls that it needs? Pure."""
    if QEMU not in looked.drivers or looked.exposure is None:
        return
    conf = looked.exposure.qemu
    protection = _Protection(
        Question("guests.seccomp", "filter of QEMU's system calls"),
        Severity.MEDIUM,
        has="with a filter of system calls",
        lacks="without a filter of system calls",
        host_cause="" if conf.seccomp else "qemu.conf: seccomp_sandbox = 0",
        mend=f"take seccomp_sandbox = 0 out of {PATH}; restart libvirt and the guests",
        guest_mend="is QEMU built with seccomp? start it anew",
        source=f"/proc/PID/status: Seccomp; {PATH}",
    )

    def answer(guest: GuestConfinement) -> bool | None:
        process = looked.process(guest)
        return None if process is None or process.seccomp is None else process.seccomp == 2

    yield from _judge(looked, protection, answer, conf.seccomp if conf.readable else None)


def devices(looked: Looked) -> Iterator[Finding]:
    """Does QEMU see the host's devices? Pure."""
    if QEMU not in looked.drivers or looked.exposure is None:
        return
    conf = looked.exposure.qemu
    protection = _Protection(
        Question("guests.devices", "devices that QEMU sees"),
        Severity.LOW,
        has="with a /dev of its own",
        lacks="with all of the host's /dev in sight",
        host_cause="" if conf.namespaces else "qemu.conf: namespaces = []",
        mend=f"take namespaces = [] out of {PATH}; restart libvirt and the guests",
        guest_mend="start it anew",
        source=f"/proc/PID/ns/mnt; {PATH}",
        hidden=permission(f"{PATH} and /proc/PID/ns"),
    )

    def answer(guest: GuestConfinement) -> bool | None:
        process = looked.process(guest)
        own = process.own_mounts if process else None
        return (conf.namespaces or None) if own is None and conf.readable else own

    yield from _judge(looked, protection, answer, conf.namespaces if conf.readable else None)


def _judge(
    looked: Looked,
    protection: _Protection,
    answer: Callable[[GuestConfinement], bool | None],
    default: bool | None,
) -> Iterator[Finding]:
    """What holds for all is told of the host; a guest that is worse than the rest is told by itself."""
    running = looked.running()
    question, severity, source = protection.question, protection.severity, protection.source
    good, bad, unseen = ([g for g in running if answer(g) is which] for which in (True, False, None))
    if protection.host_cause:
        whom = f"{protection.lacks}: {named(bad)}" if bad else "no guest runs now that would show it"
        yield question.host(severity, f"{protection.host_cause}; {whom}", protection.mend, source)
    else:
        for guest in bad:
            words = f"its QEMU runs {protection.lacks}"
            yield question.guest(looked, guest, severity, words, protection.guest_mend, source)
    if unseen:
        words = f"not told: {named(unseen)}"
        yield question.host(Severity.UNKNOWN, words, protection.hidden, source)
    if good:
        yield question.host(Severity.GOOD, f"{protection.has}: {named(good)}", source=source)
    if not running and not protection.host_cause:
        yield _of_none(protection, default)


def _of_none(protection: _Protection, default: bool | None) -> Finding:
    question, source = protection.question, protection.source
    if default is None:
        return question.host(Severity.UNKNOWN, "no guest runs that would show it", permission(PATH), source)
    return question.host(Severity.GOOD, f"no guest runs now; one would run {protection.has}", source=source)
