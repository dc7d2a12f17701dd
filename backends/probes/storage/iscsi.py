"""iSCSI sessions of a host, and the disks behind them.

From sysfs (the kernel's scsi_transport_iscsi.c), and from `iscsiadm -m session -P 3` (iscsiadm(8)). Pure.
Secrets are never asked for: that a session has a CHAP user is told, nothing else of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from backends.model.storage import Health, StorageKind, Way, WayKind
from backends.probes.storage import attributes, block
from backends.probes.storage.block import Device, Devices
from backends.probes.storage.seen import Seen
from backends.probes.survey.asking import Command
from backends.probes.survey.readings import Gap, Readings
from backends.untrusted import clean

SESSIONS, CONNECTIONS = block.SESSIONS, "/sys/class/iscsi_connection"
INITIATOR = "/etc/iscsi/initiatorname.iscsi"
ISCSIADM = Command(("iscsiadm", "-m", "session", "-P", "3"))
LOGGED_IN = "LOGGED_IN"
DEFAULT_PORT = 3260
"""RFC 7143."""

_NOTHING = ("", "(null)", "<NULL>", "<empty>")
_NUMBER_OF = re.compile(r"(?:session|connection)(\d+)(?::\d+)?")
_LINE = re.compile(r"\s*(?P<name>[A-Za-z][A-Za-z _-]*): ?(?P<value>.*)")
_LUN_LINE = re.compile(r"\s*scsi\d+ Channel \d+ Id \d+ Lun: (\d{1,20})")
_DISK_LINE = re.compile(r"\s*Attached scsi disk (\S+)\s+State: (.*)")
_PORTAL = re.compile(r"\[?(?P<host>[^,\]]*?)\]?:(?P<port>\d{1,5})(?:,\d+)?")


@dataclass(frozen=True, slots=True)
class Session:
    """One login of this host at a target. Texts are safe to show."""

    number: str
    target: str
    portal: str = ""
    """`10.0.0.1:3260`, `[fe80::1]:3260`: the one that was logged in to, not one that it was led on to."""
    initiator: str = ""
    state: str = ""
    """`LOGGED_IN`, `FAILED`, `FREE`."""
    recovery_s: int | None = None
    """How long the kernel holds back errors of a lost session."""
    chap: bool | None = None
    """Is there a CHAP user? None: this account may not know."""
    disks: tuple[SessionDisk, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionDisk:
    """A LUN that the kernel has made a disk of."""

    lun: int
    device: str
    """The kernel's name."""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Sessions:
    """All of one host's."""

    sessions: tuple[Session, ...] = ()
    initiator: str = ""
    """What this host calls itself; empty where it does not tell."""
    trouble: str = ""
    mend: str = ""


def read(readings: Readings, devices: Devices) -> Sessions:
    """Pure. A host without the kernel's iSCSI has no sessions."""
    initiator = _initiator(readings.text(INITIATOR))
    told = {each.number: each for each in parse_iscsiadm(readings.text(ISCSIADM.name))}
    if readings.reading(SESSIONS).gap is not None:
        why = ("", "") if readings.reading(SESSIONS).gap is Gap.MISSING else readings.trouble(SESSIONS)
        return Sessions(tuple(told.values()), initiator, *(("", "") if told else why))
    connections = attributes.parse(readings.text(CONNECTIONS))
    portals = {_number(name): _portal(files) for name, files in sorted(connections.items(), reverse=True)}
    sessions = []
    for name, files in attributes.parse(readings.text(SESSIONS)).items():
        number = _number(name)
        other = told.get(number, Session(number, ""))
        user = files.get("username")
        sessions.append(
            Session(
                number=number,
                target=clean(files.get("targetname", "")) or other.target,
                portal=portals.get(number, "") or other.portal,
                initiator=_word(files, "initiatorname") or other.initiator,
                state=_word(files, "state") or other.state,
                recovery_s=_first(attributes.number(files.get("recovery_tmo", "")), other.recovery_s),
                chap=other.chap if user is None else user not in _NOTHING,
                disks=_disks(number, devices) or other.disks,
            )
        )
    return Sessions(tuple(sessions), initiator or next((each.initiator for each in sessions), ""))


def parse_iscsiadm(text: str) -> tuple[Session, ...]:
    """Of `iscsiadm -m session -P 3` (open-iscsi's usr/session_info.c writes it). Pure."""
    found: list[Session] = []
    target = portal = initiator = ""
    lun: int | None = None
    for line in text.split("\n"):
        if match := _LUN_LINE.match(line):
            lun = int(match[1])
        elif (match := _DISK_LINE.match(line)) and found and lun is not None:
            disk = SessionDisk(lun, clean(match[1]), clean(match[2]))
            found[-1] = replace(found[-1], disks=(*found[-1].disks, disk))
        elif match := _LINE.fullmatch(line):
            name, value = match["name"], match["value"].strip()
            if name == "Target":
                target = clean(value.partition(" ")[0])
            elif name in ("Current Portal", "Persistent Portal"):
                portal = portal_of(value)
            elif name == "Iface Initiatorname":
                initiator = "" if value in _NOTHING else clean(value)
            elif name == "SID":
                found.append(Session(clean(value), target, portal, initiator))
            elif found:
                found[-1] = _with(found[-1], name, value)
    return tuple(found)


def portal_of(text: str) -> str:
    """`address:port` of `10.0.0.1:3260,1` or `[fe80::1]:3260,1`, safe to show; empty for anything else."""
    match = _PORTAL.fullmatch(text.strip())
    return _joined(match["host"], match["port"]) if match else ""


def seen(sessions: Sessions, devices: Devices) -> tuple[Seen, ...]:
    """The disks behind iSCSI, once for each session that brings them."""
    ways: dict[tuple[str, int], list[tuple[Session, SessionDisk]]] = {}
    for session in sessions.sessions:
        for disk in session.disks:
            ways.setdefault((session.target, disk.lun), []).append((session, disk))
    return tuple(
        _seen(session, disk, devices, several) for several in ways.values() for session, disk in several
    )


def _seen(
    session: Session, disk: SessionDisk, devices: Devices, several: list[tuple[Session, SessionDisk]]
) -> Seen:
    device = devices.find(disk.device) or Device(disk.device)
    health, detail = _health([_way_health(*each) for each in several])
    options = (
        "CHAP" if session.chap else "",
        "" if session.recovery_s is None else f"errors after {session.recovery_s} s",
    )
    return Seen(
        kind=StorageKind.ISCSI,
        key=f"{session.target}/{disk.lun}",
        label=f"{session.target} LUN {disk.lun}",
        aliases=block.aliases(device) | {block.iscsi_alias(session.target, disk.lun)},
        way=Way(WayKind.SESSION, session.portal or device.path, device.path),
        access=block.access(device),
        health=health,
        detail=detail,
        options=tuple(filter(None, options)),
        capacity_bytes=device.size_bytes,
    )


def _way_health(session: Session, disk: SessionDisk) -> Health:
    """Of one session's way to a disk; the kernel's iscsi_session_state."""
    if session.state in ("FAILED", "FREE"):
        return Health.BROKEN
    if session.state != LOGGED_IN:
        return Health.UNKNOWN
    return Health.GOOD if disk.state == "" else block.health(disk.state)


def _health(ways: list[Health]) -> tuple[Health, str]:
    """Of all ways to one disk, and in words."""
    good = ways.count(Health.GOOD)
    if Health.UNKNOWN in ways:
        return Health.UNKNOWN, "the state of a session is not known"
    if good == len(ways):
        return Health.GOOD, f"{good} of {len(ways)} sessions" if len(ways) > 1 else ""
    if good or Health.DEGRADED in ways:
        return Health.DEGRADED, f"{good} of {len(ways)} sessions work"
    return Health.BROKEN, "no session works"


def _disks(number: str, devices: Devices) -> tuple[SessionDisk, ...]:
    behind = (each for each in devices.by_name.values() if each.session == number and not each.parent)
    return tuple(SessionDisk(each.lun, each.name, each.state) for each in behind if each.lun is not None)


def _with(session: Session, name: str, value: str) -> Session:
    if name == "iSCSI Session State":
        return replace(session, state=clean(value))
    if name == "Recovery Timeout":
        return replace(session, recovery_s=attributes.number(value))
    if name == "username":
        return replace(session, chap=value not in _NOTHING)
    return session


def _portal(files: Mapping[str, str]) -> str:
    address = files.get("persistent_address", "") or files.get("address", "")
    port = files.get("persistent_port", "") or files.get("port", "") or str(DEFAULT_PORT)
    return "" if address in _NOTHING else _joined(address, port)


def _joined(address: str, port: str) -> str:
    return clean(f"[{address}]:{port}" if ":" in address else f"{address}:{port}")


def _number(name: str) -> str:
    match = _NUMBER_OF.fullmatch(name)
    return match[1] if match else clean(name)


def _word(files: Mapping[str, str], name: str) -> str:
    text = files.get(name, "")
    return "" if text in _NOTHING else clean(text)


def _first(*numbers: int | None) -> int | None:
    return next((number for number in numbers if number is not None), None)


def _initiator(text: str) -> str:
    """Of /etc/iscsi/initiatorname.iscsi: `InitiatorName=iqn...`."""
    for line in text.split("\n"):
        name, _, value = line.partition("=")
        if name.strip() == "InitiatorName":
            return clean(value.strip())
    return ""
