"""DRBD: each volume of a resource, what this host has of it, and what its peers have.

From `drbdsetup status --json` of DRBD 9 (DRBD user's guide 9, "Status information"), else from `drbdadm status`, else
from /proc/drbd of DRBD 8 (user's guide 8.4, "Status information in /proc/drbd"). Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from backends.model.storage import Access, Health, StorageKind, Way, WayKind
from backends.probes.storage import attributes
from backends.probes.storage.block import Devices
from backends.probes.storage.seen import Seen
from backends.probes.survey.asking import Command
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

SETUP = Command(("drbdsetup", "status", "--json"))
ADM = Command(("drbdadm", "status"))
PROC = "/proc/drbd"
UP_TO_DATE, PRIMARY, DISKLESS = "UpToDate", "Primary", "Diskless"

_OLD_LINE = re.compile(
    r"\s*(?P<minor>\d{1,7}): cs:(?P<cs>\w+)(?: (?:ro|st):(?P<role>\w+)/(?P<peer>\w+) ds:(?P<disk>\w+)/(?P<far>\w+))?"
)
_DONE = re.compile(r"\s*\[[=>.]*\] sync'ed: *(\d{1,3}(?:\.\d+)?)%")
_TEXT_LIMIT = 128 * 1024
_SYNCS = re.compile(r"Sync|Paused|WFBitMap|Verify|Ahead|Behind")


@dataclass(frozen=True, slots=True)
class Peer:
    """Another host that has the volume, or should. Texts are safe to show."""

    name: str
    """Empty where DRBD 8 does not tell."""
    connection: str = ""
    """`Connected`, `Connecting`, `StandAlone`, ..."""
    role: str = ""
    disk: str = ""
    """`UpToDate`, `Inconsistent`, `Outdated`, `DUnknown`, `Diskless`, ..."""
    replication: str = ""
    """`Established`, `SyncSource`, `SyncTarget`, ...; empty where that is not told."""
    percent: float | None = None
    """Of what is the same on both, while it is brought up to date."""

    @property
    def is_well(self) -> bool:
        """Connected, and with the same data, or meant to have none."""
        return self.connection == "Connected" and self.disk in (UP_TO_DATE, DISKLESS) and not self.syncs

    @property
    def syncs(self) -> bool:
        """Is data on the way between the two that should be there already?"""
        return _SYNCS.search(self.replication) is not None


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume of a resource on this host. Texts are safe to show."""

    resource: str
    """Empty where DRBD 8 does not tell."""
    number: int
    minor: int | None
    """Of /dev/drbd: which device it is."""
    role: str
    """`Primary`: this host may use it; `Secondary`: it only keeps a copy."""
    disk: str
    size_bytes: int | None = None
    client: bool = False
    """Is this host meant to have no copy of its own?"""
    suspended: bool = False
    quorum: bool = True
    peers: tuple[Peer, ...] = ()

    @property
    def device(self) -> str:
        """Safe to show; empty where it is not told."""
        return "" if self.minor is None else f"/dev/drbd{self.minor}"

    @property
    def health(self) -> Health:
        """Good where this host and all peers have the same data."""
        far = any(peer.connection == "Connected" and peer.disk == UP_TO_DATE for peer in self.peers)
        if self.suspended or not self.quorum or not (self.disk == UP_TO_DATE or far):
            return Health.BROKEN
        mine = self.disk == UP_TO_DATE or (self.disk == DISKLESS and self.client)
        return Health.GOOD if mine and all(peer.is_well for peer in self.peers) else Health.DEGRADED

    @property
    def two_primaries(self) -> bool:
        """May two hosts write it at the same time: as a live move needs it, and nothing else should."""
        return self.role == PRIMARY and any(peer.role == PRIMARY for peer in self.peers)


@dataclass(frozen=True, slots=True)
class Drbd:
    """All of one host's."""

    volumes: tuple[Volume, ...] = ()
    trouble: str = ""
    mend: str = ""


def read(readings: Readings) -> Drbd:
    """Pure. A host without DRBD has none."""
    for name, parse in ((SETUP.name, parse_json), (ADM.name, parse_status), (PROC, parse_proc)):
        if volumes := parse(readings.text(name)):
            return Drbd(volumes)
    if not readings.there(PROC) or readings.reading(SETUP.name).gap is None:
        return Drbd()
    return Drbd((), *readings.trouble(SETUP.name))


def parse_json(text: str) -> tuple[Volume, ...]:
    """Of `drbdsetup status --json`. Pure; empty where that is none."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(volume for resource in _list(told) for volume in _of_json(resource))


def parse_status(text: str) -> tuple[Volume, ...]:
    """Of `drbdadm status`, as people read it: what is as it should be is left out there. Pure."""
    found: list[Volume] = []
    head = Volume("", 0, None, "", "")
    first = 0
    for line in text[:_TEXT_LIMIT].split("\n"):
        words = {key: value for key, _, value in (word.partition(":") for word in line.split()) if value}
        name = line.split(maxsplit=1)[0] if line.strip() else ""
        if name and not line[0].isspace():
            head = Volume(
                clean(name), 0, None, clean(words.get("role", "")), "", suspended=_is_on(words, "suspended")
            )
            first = len(found)
        elif "disk" in words and head.peers:  # as DRBD 9.0 named a peer's
            words["peer-disk"] = words["disk"]
        elif "disk" in words and head.resource:
            found.append(_volume(head, words))
        elif name and ":" not in name and len(found) > first:
            connection = clean(words.get("connection", "Connected"))
            peer = Peer(clean(name), connection, clean(words.get("role", "")), "DUnknown")
            found[first:] = [replace(each, peers=(*each.peers, peer)) for each in found[first:]]
            head = replace(head, peers=(peer,))
        if "peer-disk" in words and len(found) > first and head.peers:
            number = attributes.number(words.get("volume", "0"))
            found[first:] = [
                _with_peer(each, words) if each.number == number else each for each in found[first:]
            ]
    return tuple(found)


def parse_proc(text: str) -> tuple[Volume, ...]:
    """Of /proc/drbd: DRBD 8 tells neither names nor sizes there; DRBD 9 tells only its version. Pure."""
    found: list[Volume] = []
    for line in text.split("\n"):
        if (match := _OLD_LINE.match(line)) and match["role"]:
            cs = clean(match["cs"])
            linked = cs == "Connected" or _SYNCS.search(cs) is not None
            peer = Peer(
                "",
                "Connected" if linked else cs,
                clean(match["peer"]),
                clean(match["far"]),
                cs if linked else "",
            )
            minor = int(match["minor"])
            found.append(Volume("", 0, minor, clean(match["role"]), clean(match["disk"]), peers=(peer,)))
        elif (match := _DONE.match(line)) and found:
            peers = tuple(replace(peer, percent=float(match[1])) for peer in found[-1].peers)
            found[-1] = replace(found[-1], peers=peers)
    return tuple(found)


def seen(drbd: Drbd, host: str, devices: Devices) -> tuple[Seen, ...]:
    """One for each volume. `host`: what the host calls itself (`uname -n`), as its peers know it; not safe to show."""
    return tuple(_seen(volume, clean(host), devices) for volume in drbd.volumes)


def _seen(volume: Volume, host: str, devices: Devices) -> Seen:
    names = sorted({host, *(peer.name for peer in volume.peers)})
    is_named = bool(volume.resource) and all(names) and len(names) > 1
    what = f"{volume.resource}/{volume.number}" if volume.resource else volume.device
    key = f"{what} on {', '.join(names)}" if is_named else volume.device or what
    device = devices.find(volume.device)
    roles = (volume.role, "two primaries" if volume.two_primaries else "")
    return Seen(
        kind=StorageKind.DRBD,
        key=key,
        label=f"{what} ({volume.device})" if volume.resource and volume.device else what,
        aliases=frozenset({f"drbd:{key}"}) if is_named else frozenset(),
        way=Way(WayKind.DEVICE, volume.device, volume.device) if volume.device else None,
        access=Access.READ_WRITE if volume.role == PRIMARY else Access.READ_ONLY,
        health=volume.health,
        detail=_detail(volume),
        options=tuple(filter(None, roles)),
        capacity_bytes=volume.size_bytes or (device.size_bytes if device else None),
        is_own=not is_named,
    )


def _detail(volume: Volume) -> str:
    told = [f"here {volume.disk}"] if volume.disk != UP_TO_DATE else []
    told += ["no quorum"] if not volume.quorum else []
    told += ["writes are held back"] if volume.suspended else []
    for peer in volume.peers:
        name = peer.name or "the peer"
        if peer.connection != "Connected":
            told.append(f"{name} {peer.connection}")
        elif peer.syncs:
            done = "" if peer.percent is None else f" {peer.percent:.0f} %"
            told.append(f"{name} {peer.replication}{done}")
        elif not peer.is_well:
            told.append(f"{name} {peer.disk}")
    return ", ".join(told)


def _of_json(resource: Mapping[str, object]) -> Iterator[Volume]:
    for device in _list(resource.get("devices")):
        number = _int(device.get("volume"))
        size = _int(device.get("size"))
        yield Volume(
            resource=_text(resource, "name"),
            number=number or 0,
            minor=_int(device.get("minor")),
            role=_text(resource, "role"),
            disk=_text(device, "disk-state"),
            size_bytes=None if size is None else size * 1024,  # drbdsetup counts in KiB
            client=device.get("client") is True,
            suspended=resource.get("suspended") is True,
            quorum=device.get("quorum") is not False,
            peers=tuple(_peer(each, number) for each in _list(resource.get("connections"))),
        )


def _peer(told: Mapping[str, object], number: int | None) -> Peer:
    devices = _list(told.get("peer_devices"))
    mine = next((each for each in devices if _int(each.get("volume")) == number), {})
    percent = mine.get("percent-in-sync")
    return Peer(
        name=_text(told, "name"),
        connection=_text(told, "connection-state"),
        role=_text(told, "peer-role"),
        disk=_text(mine, "peer-disk-state") or "DUnknown",
        replication=_text(mine, "replication-state"),
        percent=float(percent) if isinstance(percent, int | float) and 0 <= percent <= 100 else None,
    )


def _volume(head: Volume, words: Mapping[str, str]) -> Volume:
    disk = clean(words["disk"])
    return replace(
        head,
        number=attributes.number(words.get("volume", "0")) or 0,
        minor=attributes.number(words.get("minor", "")),
        disk=disk,
        client=words.get("client") == "yes",
        quorum=words.get("quorum") != "no",
        peers=(),
    )


def _with_peer(volume: Volume, words: Mapping[str, str]) -> Volume:
    if not volume.peers:
        return volume
    done = words.get("done", "")
    peer = replace(
        volume.peers[-1],
        disk=clean(words["peer-disk"]),
        replication=clean(words.get("replication", "Established")),
        percent=float(done) if re.fullmatch(r"\d{1,3}(\.\d+)?", done) else None,
    )
    return replace(volume, peers=(*volume.peers[:-1], peer))


def _is_on(words: Mapping[str, str], name: str) -> bool:
    return words.get(name, "no") != "no"


def _list(value: object) -> tuple[Mapping[str, object], ...]:
    return tuple(each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def _text(told: Mapping[str, object], key: str) -> str:
    value = told.get(key)
    return clean(value) if isinstance(value, str) else ""


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None
