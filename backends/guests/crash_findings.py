"""What a crash of a guest would leave to look at. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.guests.dump_needs import FIRMWARE_BYTES
from backends.guests.dump_plan import size
from backends.guests.panic_device import panic_device_for
from backends.hypervisor.crash_settings import CrashDefinition, CrashDefinitions
from backends.model.guest import GuestKey
from backends.model.posture import Finding, Severity
from backends.remote.carry import RESERVE_BYTES
from backends.untrusted import clean

_TITLES = {
    "leaves": "what a crash would leave",
    "panic-device": "does libvirt hear of a panic",
    "on-crash": "what libvirt does with a crashed guest",
    "dump-room": "room for the dump of a crash",
    "console": "is what the kernel says last kept",
    "watchdog": "is a guest noticed that hangs",
    "next-start": "does the stored definition say the same",
}
_CONTAINERS = ("lxc", "openvz")


@dataclass(frozen=True, slots=True)
class DumpRoom:
    """Where libvirt puts the dumps that it takes by itself."""

    folder: str
    """Safe to show."""
    free_bytes: int | None = None
    why_not: str = ""
    """Why that is not known, or which permission would tell."""


@dataclass(frozen=True, slots=True)
class Asked:
    """All that was found out about one guest."""

    guest: GuestKey
    name: str
    definitions: CrashDefinitions
    room: DumpRoom


def findings(asked: Asked) -> tuple[Finding, ...]:
    """Worst first."""
    order = list(Severity)
    found = _containers(asked) if asked.guest.driver in _CONTAINERS else _all(asked)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _finding(asked: Asked, topic: str, severity: Severity, evidence: str, mend: str = "") -> Finding:
    return Finding(
        f"crash.{topic}", _TITLES[topic], severity, evidence, mend, "definition", asked.guest, asked.name
    )


def _containers(asked: Asked) -> Iterator[Finding]:
    words = "a container has no kernel of its own: what its programs said last is in libvirt's log of it"
    yield _finding(asked, "leaves", Severity.LOW, words)
    yield from _of_the_next_start(asked)


def _all(asked: Asked) -> Iterator[Finding]:
    yield _of_what_is_left(asked)
    yield from _of_the_panic_device(asked)
    yield from _of_the_action(asked)
    yield from _of_the_room(asked)
    yield _of_the_console(asked)
    yield from _of_the_watchdog(asked)
    yield from _of_the_next_start(asked)


def hears(asked: Asked) -> bool:
    """Does libvirt hear of a crash of the guest's kernel, so that on_crash is carried out? Xen always does."""
    return bool(asked.definitions.now.panic_devices) or asked.guest.driver == "xen"


def dumps(definition: CrashDefinition) -> bool:
    """Does libvirt dump the guest when it has crashed, if it hears of it?"""
    return definition.on_crash.startswith("coredump-")


def _dumps_by_watchdog(definition: CrashDefinition) -> bool:
    return any(action == "dump" for _, action in definition.watchdogs)


def _of_what_is_left(asked: Asked) -> Finding:
    now = asked.definitions.now
    left = []
    if hears(asked) and dumps(now):
        left.append(f"a dump of its memory in {asked.room.folder}")
    if hears(asked) and now.on_crash == "preserve":
        left.append("the guest as it is, to be dumped")
    if _dumps_by_watchdog(now):
        left.append(f"when its watchdog fires, a dump in {asked.room.folder}")
    if now.console_logs:
        left.append(f"its console in {_named(now.console_logs)}")
    if left:
        return _finding(asked, "leaves", Severity.GOOD, "; ".join(left))
    why = [] if hears(asked) else ["it has no panic device"]
    why += [
        f"on_crash is {now.on_crash}" + ("" if hears(asked) else ", which is never carried out then"),
        "no console of it is written to a file",
    ]
    words = f"a crash would leave nothing but the hypervisor's own log: {'; '.join(why)}"
    mend = (
        "set on_crash to coredump-destroy or coredump-restart, with a panic device; log a console to a file"
    )
    return _finding(asked, "leaves", Severity.MEDIUM, words, mend)


def _of_the_panic_device(asked: Asked) -> Iterator[Finding]:
    now, driver = asked.definitions.now, asked.guest.driver
    if driver == "xen":
        yield _finding(asked, "panic-device", Severity.GOOD, "Xen itself tells of a crashed guest")
        return
    if now.panic_devices:
        yield _finding(asked, "panic-device", Severity.GOOD, f"by {_named(now.panic_devices)}")
        return
    words = "no panic device: libvirt never hears of a panic, on_crash is not carried out, and the guest just hangs"
    device = panic_device_for(driver, now.arch, now.machine)
    mend = f"give it one (model {device.model})" if device.model else ""
    yield _finding(
        asked,
        "panic-device",
        Severity.MEDIUM,
        words,
        "; ".join(part for part in (mend, device.words) if part),
    )


def _of_the_action(asked: Asked) -> Iterator[Finding]:
    action = asked.definitions.now.on_crash
    if action == "preserve":
        words = "it stays as it was when it crashed, its memory taken, until somebody dumps and ends it"
        yield _finding(asked, "on-crash", Severity.LOW, words)
    elif action in ("restart", "rename-restart"):
        words = f"on_crash is {action}: it is started anew, and what was in its memory is lost"
        yield _finding(asked, "on-crash", Severity.LOW, words, "coredump-restart dumps it before")
    elif action == "destroy":
        words = "on_crash is destroy: it is ended, and what was in its memory is lost"
        yield _finding(asked, "on-crash", Severity.LOW, words, "coredump-destroy dumps it before")
    else:
        yield _finding(asked, "on-crash", Severity.GOOD, f"on_crash is {action}")


def _of_the_room(asked: Asked) -> Iterator[Finding]:
    """libvirt takes such a dump as memory-only ELF (qemu_driver.c, doCoreDumpToAutoDumpPath)."""
    now, room = asked.definitions.now, asked.room
    if not (dumps(now) or _dumps_by_watchdog(now)):
        return
    needed = asked.definitions.memory_bytes + now.video_bytes + FIRMWARE_BYTES
    if room.free_bytes is None:
        words = f"not known whether {room.folder} has room for up to {size(needed)}"
        yield _finding(asked, "dump-room", Severity.UNKNOWN, words, room.why_not)
    elif room.free_bytes < needed + RESERVE_BYTES:
        words = f"up to {size(needed)} are needed, {room.folder} has {size(room.free_bytes)}: there would be no dump"
        mend = "make room there, or name another folder in qemu.conf: auto_dump_path"
        yield _finding(asked, "dump-room", Severity.MEDIUM, words, mend)
    else:
        words = f"up to {size(needed)} are needed, {room.folder} has {size(room.free_bytes)}"
        yield _finding(asked, "dump-room", Severity.GOOD, words)


def _of_the_console(asked: Asked) -> Finding:
    logs = asked.definitions.now.console_logs
    if logs:
        return _finding(asked, "console", Severity.GOOD, f"in {_named(logs)}")
    mend = "virsh edit: <log file='/var/log/libvirt/qemu/NAME-serial0.log' append='on'/> in its serial device"
    return _finding(asked, "console", Severity.LOW, "no console of it is written to a file", mend)


def _of_the_watchdog(asked: Asked) -> Iterator[Finding]:
    """formatdomain.html, watchdog: reset, shutdown, poweroff, pause, none, dump, inject-nmi."""
    watchdogs = asked.definitions.now.watchdogs
    if asked.guest.driver == "xen":
        return
    if not watchdogs:
        words = "it has no watchdog: one that hangs is noticed by nobody"
        yield _finding(asked, "watchdog", Severity.LOW, words)
    elif all(action == "none" for _, action in watchdogs):
        words = f"{watchdog_words(watchdogs)}: when it fires nothing is done"
        yield _finding(asked, "watchdog", Severity.LOW, words, "virsh edit: action='dump' or 'reset'")
    else:
        yield _finding(asked, "watchdog", Severity.GOOD, watchdog_words(watchdogs))


def _of_the_next_start(asked: Asked) -> Iterator[Finding]:
    now, stored = asked.definitions.now, asked.definitions.stored
    if stored is None:
        words = "the guest is transient: nothing is stored, and it is forgotten when it ends"
        yield _finding(asked, "next-start", Severity.LOW, words)
        return
    if asked.definitions.saved:
        words = "its saved state goes on as it was saved: what is changed now holds from the start after that"
        yield _finding(
            asked, "next-start", Severity.LOW, words, "virsh managedsave-edit changes the saved one"
        )
    pairs = (
        ("on_crash", now.on_crash, stored.on_crash),
        ("on_poweroff", now.on_poweroff, stored.on_poweroff),
        ("on_reboot", now.on_reboot, stored.on_reboot),
        ("panic devices", _named(now.panic_devices), _named(stored.panic_devices)),
        ("watchdog", watchdog_words(now.watchdogs), watchdog_words(stored.watchdogs)),
    )
    differ = [
        f"{what}: {after or 'none'} (now {before or 'none'})"
        for what, before, after in pairs
        if before != after
    ]
    if differ:
        yield _finding(
            asked, "next-start", Severity.LOW, f"from the next start other things hold: {'; '.join(differ)}"
        )


def watchdog_words(watchdogs: tuple[tuple[str, str], ...]) -> str:
    """`i6300esb: reset`."""
    return ", ".join(f"{model}: {action}" for model, action in watchdogs)


def _named(paths: tuple[str, ...]) -> str:
    return ", ".join(clean(path, limit=300) for path in paths)
