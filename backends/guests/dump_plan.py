"""A dump that is thought through: what is found out becomes findings, and the worst of them a refusal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import humanize

from backends.guests.dump_needs import ABILITIES, is_compressed, most_bytes, virsh_command
from backends.hypervisor.dumping import DumpedGuest
from backends.model.dump import DumpFormat, DumpPlan, DumpWish, WhileDumping
from backends.model.host import HostSpec
from backends.model.posture import Finding, Severity
from backends.probes.dump_place import DumpPlace
from backends.remote.carry import RESERVE_BYTES
from backends.untrusted import clean


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """The folder of this machine that a dump is to be brought to."""

    folder: str
    is_folder: bool
    writable: bool
    free_bytes: int | None
    file_exists: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """All that was found out. Texts are safe to show but for paths."""

    spec: HostSpec
    wish: DumpWish
    name: str
    guest: DumpedGuest
    job: str
    """What libvirt does with it now."""
    is_moving: bool
    path: str
    """The file to be, on the host: to be used."""
    place: DumpPlace | None
    """None: the host is reached by libvirt alone."""
    local_path: str = ""
    local: LocalPlace | None = None


def draw(looked: Looked) -> DumpPlan:
    """All findings, worst first; the first that is HIGH is why it is refused."""
    order = list(Severity)
    findings = sorted(_findings(looked), key=lambda finding: order.index(finding.severity))
    worst = next((finding for finding in findings if finding.severity is Severity.HIGH), None)
    refusal = "" if worst is None else ": ".join(part for part in (worst.evidence, worst.mend) if part)
    return DumpPlan(
        wish=looked.wish,
        name=looked.name,
        path=looked.path,
        local_path=looked.local_path,
        needed_bytes=_needed(looked),
        free_bytes=looked.place.free_bytes if looked.place else None,
        local_free_bytes=looked.local.free_bytes if looked.local else None,
        findings=tuple(findings),
        command=virsh_command(looked.spec, looked.wish, looked.name, looked.path),
        refusal=refusal,
    )


def _findings(looked: Looked) -> Iterator[Finding]:
    yield from _of_the_guest(looked)
    yield from _of_the_wish(looked)
    yield from _of_what_it_does(looked)
    yield from _of_the_place(looked)
    yield from _of_the_room(looked)
    yield from _of_this_machine(looked)


def _needed(looked: Looked) -> int:
    return most_bytes(looked.wish, looked.guest.memory_bytes, looked.guest.video_bytes)


def size(size_bytes: int) -> str:
    """For people."""
    return humanize.naturalsize(size_bytes, binary=True)


def _finding(looked: Looked, topic: str, severity: Severity, evidence: str, mend: str = "") -> Finding:
    return Finding(
        id=f"dump.{topic}",
        title=_TITLES[topic],
        severity=severity,
        evidence=evidence,
        mend=mend,
        guest=looked.wish.guest,
        name=looked.name,
    )


_TITLES = {
    "guest": "is it there to be dumped",
    "job": "what else is done to it",
    "driver": "can this hypervisor dump so",
    "format": "the format of the dump",
    "standstill": "does the guest go on meanwhile",
    "end": "what becomes of the guest",
    "abort": "can it be broken off",
    "place": "where it is written",
    "room": "room for the dump",
    "reading": "who can read it",
    "local": "room on this machine",
}


def _of_the_guest(looked: Looked) -> Iterator[Finding]:
    guest = looked.guest
    if not guest.active:
        why = f" ({guest.reason})" if guest.reason else ""
        yield _finding(
            looked,
            "guest",
            Severity.HIGH,
            f"{looked.name} is {guest.state.value}{why}",
            "it has no memory now",
        )
    if looked.is_moving:
        yield _finding(looked, "job", Severity.HIGH, "the guest is being moved", "wait, or abort the move")
    elif looked.job:
        words = f"libvirt works on the guest: {looked.job}"
        yield _finding(looked, "job", Severity.HIGH, words, "wait until that has ended")


def _of_the_wish(looked: Looked) -> Iterator[Finding]:
    wish, driver = looked.wish, looked.wish.guest.driver
    if driver not in ABILITIES:
        words = f"not known what libvirt's driver {driver} can dump: it will say itself"
        yield _finding(looked, "driver", Severity.UNKNOWN, words)
    else:
        ability = ABILITIES[driver]
        if ability is None:
            words = f"libvirt's driver {driver} dumps no guest"
            yield _finding(looked, "driver", Severity.HIGH, words)
        elif wish.memory_only and not ability.memory_only:
            words = f"libvirt's driver {driver} knows no memory-only dump"
            yield _finding(looked, "driver", Severity.HIGH, words, "take a full one")
        elif wish.then not in ability.then:
            words = f"libvirt's driver {driver} takes no dump of a guest that {wish.then.value}"
            yield _finding(looked, "driver", Severity.HIGH, words)
    if not wish.memory_only and wish.format is not DumpFormat.RAW:
        words = f"{wish.format.value} is a form of a memory-only dump"
        yield _finding(looked, "format", Severity.HIGH, words, "ask for memory only, or for no format")
    if wish.format is DumpFormat.WINDOWS and not looked.guest.tells_its_kernel:
        words = "its definition has no vmcoreinfo device: QEMU makes no Windows dump then"
        mend = "take an ELF dump; or add <vmcoreinfo state='on'/> to its features, and start it anew"
        yield _finding(looked, "format", Severity.MEDIUM, words, mend)
    elif wish.memory_only and wish.format is not DumpFormat.RAW:
        words = f"whether the host's QEMU can write {wish.format.value} is known when it begins"
        yield _finding(looked, "format", Severity.UNKNOWN, words, "every QEMU writes ELF")


def _of_what_it_does(looked: Looked) -> Iterator[Finding]:
    wish, guest = looked.wish, looked.guest
    runs = guest.state.executing
    is_qemu = wish.guest.driver == "qemu"
    match wish.then:
        case WhileDumping.CRASH:
            yield _finding(
                looked, "end", Severity.MEDIUM, "the guest is ended afterwards: what it was doing is lost"
            )
        case WhileDumping.RESET:
            yield _finding(
                looked, "end", Severity.MEDIUM, "the guest is reset afterwards: what it was doing is lost"
            )
        case WhileDumping.LIVE if wish.memory_only and is_qemu and runs:
            words = "it stands still all the same: QEMU itself stops a guest for a memory-only dump"
            yield _finding(looked, "standstill", Severity.MEDIUM, words, "a full dump lets it go on")
        case WhileDumping.LIVE if is_qemu and runs:
            words = "it goes on; what it changes meanwhile is written again: the file may outgrow its memory"
            yield _finding(looked, "standstill", Severity.LOW, words)
        case WhileDumping.LIVE if runs:
            words = "it goes on while its memory is read: the dump may not be consistent"
            yield _finding(looked, "standstill", Severity.MEDIUM, words)
    if runs and wish.then is not WhileDumping.LIVE:
        yield _finding(looked, "standstill", Severity.LOW, "it stands still until the dump is written")
    ability = ABILITIES.get(wish.guest.driver)
    if ability is not None and not ability.aborts:
        yield _finding(looked, "abort", Severity.LOW, "this driver tells no progress, and breaks no dump off")
    elif wish.memory_only and is_qemu and wish.then in (WhileDumping.CRASH, WhileDumping.RESET):
        words = "once it has begun it cannot be broken off, nor what becomes of the guest then"
        yield _finding(looked, "abort", Severity.MEDIUM, words)
    elif wish.memory_only and is_qemu:
        is_ours = looked.place is not None and looked.place.may_read
        after = "what was written is thrown away at once" if is_ours else "the file is left there"
        words = f"once it has begun QEMU writes it to its end: stopped here, {after}"
        yield _finding(looked, "abort", Severity.LOW, words)


def _of_the_place(looked: Looked) -> Iterator[Finding]:
    place, folder = looked.place, clean(str(PurePosixPath(looked.path).parent), limit=1024)
    if not (looked.path.startswith("/") and looked.path.isprintable()):
        yield _finding(looked, "place", Severity.HIGH, f"{folder} is no absolute path that can be used")
        return
    if place is None:
        words = f"the host is reached by libvirt alone: nothing is known of {folder}, nor is anything removed there"
        yield _finding(
            looked, "place", Severity.UNKNOWN, words, "name the host as user@host, to be reached over SSH"
        )
        return
    if place.missing:
        yield _finding(looked, "place", Severity.HIGH, f"there is no folder {folder}", f"mkdir -p {folder}")
    elif place.kind and place.kind != "directory":
        yield _finding(looked, "place", Severity.HIGH, f"{folder} is no folder: {clean(place.kind)}")
    elif not place.kind:
        words = f"this account may not look at {folder}; libvirt writes there as root"
        yield _finding(looked, "place", Severity.UNKNOWN, words, "log in as root")
    elif place.file_exists:
        words = f"{clean(looked.path, limit=1024)} is there already, and is not overwritten"
        yield _finding(looked, "place", Severity.HIGH, words, "try again in a second")
    elif place.on_network:
        words = f"{folder} is on {clean(place.file_system)}: where that lets root not write, QEMU's user must be let"
        yield _finding(looked, "place", Severity.LOW, words)
    elif place.may_read and place.writable is False:
        words = f"not even root can write into {folder}"
        yield _finding(looked, "place", Severity.HIGH, words, "is it mounted read-only?")
    if not place.may_read:
        words = (
            "the dump will be root's alone, and this account is not root: it can be neither read nor removed"
        )
        severity = Severity.HIGH if looked.local_path else Severity.MEDIUM
        yield _finding(looked, "reading", severity, words, "log in as root")
    else:
        words = (
            "it holds all that the guest has in memory, passwords and keys too; root alone can read it there"
        )
        yield _finding(looked, "reading", Severity.LOW, words)


def _of_the_room(looked: Looked) -> Iterator[Finding]:
    place, needed = looked.place, _needed(looked)
    if place is None or (place.kind and place.kind != "directory") or place.missing:
        return
    folder = clean(place.folder, limit=1024)
    if place.free_bytes is None:
        words = f"not known whether {folder} has room for up to {size(needed)}"
        yield _finding(
            looked, "room", Severity.UNKNOWN, words, "log in as root" if not place.may_read else ""
        )
        return
    left = place.free_bytes - RESERVE_BYTES
    if left >= needed:
        words = f"up to {size(needed)} are needed, {folder} has {size(place.free_bytes)}"
        yield _finding(looked, "room", Severity.GOOD, words)
        return
    words = (
        f"no room: up to {size(needed)} are needed and {size(RESERVE_BYTES)} are to stay free, {folder} has "
        f"{size(place.free_bytes)}: {size(needed - left)} are missing"
    )
    may_fit = is_compressed(looked.wish) and left > 0
    severity = Severity.MEDIUM if may_fit else Severity.HIGH
    yield _finding(looked, "room", severity, words, _elsewhere(looked, needed))


def _elsewhere(looked: Looked, needed: int) -> str:
    place, wish = looked.place, looked.wish
    assert place is not None, "the room of a host without a shell is not known"
    ways = [
        f"{clean(mount, limit=200)} has {size(free)}"
        for mount, free in place.rooms
        if free >= needed + RESERVE_BYTES
    ][:1]
    if is_compressed(wish):
        ways.append(
            "compressed it mostly takes much less; should the room end, the dump fails and the guest goes on"
        )
    elif wish.memory_only and wish.guest.driver == "qemu":
        ways.append("a compressed format (kdump-zlib) mostly takes much less")
    return "; ".join(ways) or f"make room in {clean(place.folder, limit=1024)}, or name another folder"


def _of_this_machine(looked: Looked) -> Iterator[Finding]:
    local, needed = looked.local, _needed(looked)
    if local is None:
        return
    folder = clean(local.folder, limit=1024)
    if looked.place is None:
        words = "the host is reached by libvirt alone: no file can be brought from there"
        yield _finding(
            looked, "local", Severity.HIGH, words, "name the host as user@host, to be reached over SSH"
        )
    if not local.is_folder:
        yield _finding(looked, "local", Severity.HIGH, f"there is no folder {folder} on this machine")
    elif not local.writable:
        yield _finding(looked, "local", Severity.HIGH, f"you may not write into {folder} of this machine")
    elif local.file_exists:
        words = f"{clean(looked.local_path, limit=1024)} is there already, and is not overwritten"
        yield _finding(looked, "local", Severity.HIGH, words)
    elif local.free_bytes is not None and local.free_bytes < needed + RESERVE_BYTES:
        words = f"up to {size(needed)} are to be brought here, and {folder} has {size(local.free_bytes)}"
        may_fit = is_compressed(looked.wish) and local.free_bytes > RESERVE_BYTES
        severity = Severity.MEDIUM if may_fit else Severity.HIGH
        yield _finding(looked, "local", severity, words, "name another folder, or leave it on the host")
    else:
        words = f"it is fetched into {folder}, for you alone to read, and then removed on the host"
        yield _finding(looked, "local", Severity.GOOD, words)
