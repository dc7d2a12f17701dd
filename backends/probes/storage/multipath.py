"""Disks that are reached by several paths: which paths work.

From `multipathd show maps json` (libmultipath's print.c; the daemon's own view), else `multipath -ll` (multipath(8)),
else from what sysfs alone tells. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backends.model.storage import Access, Health, StorageKind, Way, WayKind
from backends.probes.storage import block, wwid
from backends.probes.storage.block import Device, Devices
from backends.probes.storage.seen import Seen
from backends.probes.survey.asking import Command
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

DAEMON = Command(("multipathd", "show", "maps", "json"))
LISTED = Command(("multipath", "-ll"))
QUEUES = "queue_if_no_path"
_LINE_LIMIT = 1000
"""What is longer is none of its lines."""

_MAP = re.compile(
    r"(?:[a-z]+: )?(?:(?P<alias>\S+) \((?P<wwid>[^()]+)\)|(?P<bare>\S.*?)) +(?P<dm>dm-\d+)(?:\s+(?P<maker>.*))?$"
)
"""`mpatha (36001...) dm-1 LIO-ORG,disk`, or without an alias; `create: ` before it while it changes."""
_SETTINGS = re.compile(r"size=(\S+) features='([^']*)' hwhandler='[^']*'(?: wp=(\w+))?")
_OLD_SETTINGS = re.compile(r"\[size=([^\]]*)\]\[features=([^\]]*)\](?:\[hwhandler=[^\]]*\])?(?:\[(\w+)\])?")
"""As RHEL 5 wrote them."""
_PATH = re.compile(r"\W* ?(?:\\_ )?(\d+:\d+:\d+:\d+|#:#:#:#) +(\S+) +(?:\d+:\d+|#:#)\s*(.*)$")
_GOOD = frozenset({"ready", "ghost"})
"""Of the path's checker. `ghost`: up, and waiting for the other controller to fail (multipath(8))."""
_LOST = frozenset({"faulty", "shaky", "offline", "timeout", "removed", "failed", "marginal", "delayed"})
_UNDEFINED = ("[undef]", "undef", "")


@dataclass(frozen=True, slots=True)
class Path:
    """One way to the disk."""

    device: str
    """The kernel's name; empty where it has none any more."""
    kernel: str
    """What device-mapper makes of it: `active`, `failed`; empty where that is not told."""
    checker: str
    """What multipath-tools makes of it: `ready`, `ghost`, `faulty`, `shaky`, ...; empty where that is not told."""
    state: str
    """The disk's own: `running`, `offline`; empty where that is not told."""

    @property
    def works(self) -> bool | None:
        """Does it carry data, or would it? None: not known."""
        if self.kernel == "failed" or self.checker in _LOST or block.health(self.state) is Health.BROKEN:
            return False
        if self.checker in _GOOD:
            return True
        return True if self.kernel == "active" and self.state == "running" and not self.checker else None


@dataclass(frozen=True, slots=True)
class Map:
    """One disk with its paths. Texts are safe to show."""

    name: str
    """Its alias, or its WWID in multipath's form."""
    wwid: str
    """As wwid.canonical; empty where it is none of the known forms."""
    dm: str
    """The kernel's name: `dm-3`."""
    paths: tuple[Path, ...] = ()
    queues: bool | None = None
    """Does a guest wait where no path works (`queue_if_no_path`), in place of an error? None: not known."""
    read_only: bool | None = None

    @property
    def health(self) -> Health:
        """Good where all paths work."""
        works = [path.works for path in self.paths]
        if not works or not any(each is not False for each in works):
            return Health.BROKEN
        if False in works:
            return Health.DEGRADED
        return Health.UNKNOWN if None in works else Health.GOOD


@dataclass(frozen=True, slots=True)
class Maps:
    """All of one host's."""

    maps: tuple[Map, ...] = ()
    trouble: str = ""
    """Why no more is known of the paths than sysfs tells."""
    mend: str = ""


def read(readings: Readings, devices: Devices) -> Maps:
    """Pure. A host without multipath has none."""
    for name, parse in ((DAEMON.name, parse_json), (LISTED.name, parse_listed)):
        if maps := parse(readings.text(name)):
            return Maps(maps)
    maps = tuple(_of_sysfs(each, devices) for each in devices.by_name.values() if each.is_multipath)
    if not maps:
        return Maps()
    name = DAEMON.name if readings.there(DAEMON.name) else LISTED.name
    trouble, mend = readings.trouble(name)
    return Maps(maps, trouble or "the daemon tells of no map", mend)


def parse_json(text: str) -> tuple[Map, ...]:
    """Of `multipathd show maps json`. Pure; empty where that is none."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    maps = told.get("maps") if isinstance(told, dict) else None
    return tuple(_of_json(each) for each in maps if isinstance(each, dict)) if isinstance(maps, list) else ()


def parse_listed(text: str) -> tuple[Map, ...]:
    """Of `multipath -ll` (RHEL's DM Multipath guide, 5.7). Pure."""
    found: list[Map] = []
    for line in text.split("\n"):
        if len(line) > _LINE_LIMIT:
            continue
        if match := _MAP.match(line):
            names = match["wwid"] or match["bare"], match["alias"] or match["bare"]
            found.append(Map(clean(names[1]), wwid.canonical(names[0]), match["dm"]))
        elif found and (match := _SETTINGS.search(line) or _OLD_SETTINGS.search(line)):
            found[-1] = _with_settings(found[-1], match)
        elif found and (match := _PATH.match(line)):
            states = match[3].replace("i/o pending", "pending").replace("][", " ").strip("[] ").split()
            found[-1] = _with_path(found[-1], _path(match[2], *(states + [""] * 3)[:3]))
    return tuple(found)


def seen(maps: Maps, devices: Devices) -> tuple[Seen, ...]:
    """Each disk once, by its map: its paths are told by the readers of iSCSI, Fibre Channel and disks."""
    return tuple(_seen(each, maps, devices) for each in maps.maps)


def _seen(each: Map, maps: Maps, devices: Devices) -> Seen:
    device = devices.find(each.dm) or Device(each.dm, wwid=each.wwid, dm_name=each.name)
    works = sum(path.works is True for path in each.paths)
    unknown = sum(path.works is None for path in each.paths)
    told = f"{works} of {len(each.paths)} paths" + (f", {unknown} not known" if unknown else "")
    names = wwid.aliases(each.wwid or device.wwid)
    on_loss = {True: QUEUES, False: "errors when no path works", None: ""}[each.queues]
    return Seen(
        kind=_kind(each, devices),
        key=min(names).removeprefix("wwid:") if names else device.path,
        label=each.name,
        aliases=names,
        way=Way(WayKind.DEVICE, device.path, device.path),
        access=Access.READ_ONLY if each.read_only else block.access(device),
        health=each.health,
        detail=" ".join(filter(None, (told, f"({maps.trouble})" if maps.trouble else "", maps.mend))),
        options=(on_loss,) if on_loss else (),
        capacity_bytes=device.size_bytes,
        is_own=not names,
    )


def _kind(each: Map, devices: Devices) -> StorageKind:
    """By what its paths are reached."""
    paths = [devices.find(path.device) for path in each.paths]
    if any(path and path.remote_port for path in paths):
        return StorageKind.FIBRE_CHANNEL
    return StorageKind.ISCSI if any(path and path.session for path in paths) else StorageKind.BLOCK


def _of_sysfs(device: Device, devices: Devices) -> Map:
    below = (devices.by_name.get(name, Device(name)) for name in device.made_of)
    return Map(
        name=device.dm_name,
        wwid=wwid.canonical(device.dm_uuid.removeprefix("mpath-")),
        dm=device.name,
        paths=tuple(Path(each.name, "", "", each.state) for each in below),
        read_only=device.read_only,
    )


def _of_json(told: Mapping[str, object]) -> Map:
    queueing, features = _text(told, "queueing"), _text(told, "features")
    return Map(
        name=_text(told, "name"),
        wwid=wwid.canonical(str(told.get("uuid", ""))),
        dm=_text(told, "sysfs"),
        paths=tuple(_paths(told)),
        queues=None if not features and queueing in ("", "-") else QUEUES in features or queueing == "on",
        read_only={"ro": True, "rw": False}.get(_text(told, "write_prot")),
    )


def _paths(told: Mapping[str, object]) -> Iterator[Path]:
    groups = told.get("path_groups")
    for group in groups if isinstance(groups, list) else ():
        paths = group.get("paths") if isinstance(group, dict) else None
        for path in paths if isinstance(paths, list) else ():
            if isinstance(path, dict):
                yield _path(*(_text(path, key) for key in ("dev", "dm_st", "chk_st", "dev_st")))


def _path(device: str, kernel: str, checker: str, state: str) -> Path:
    words = (clean("" if word in _UNDEFINED else word) for word in (kernel, checker, state))
    return Path("" if device == "-" else clean(device), *words)


def _with_path(found: Map, path: Path) -> Map:
    return Map(found.name, found.wwid, found.dm, (*found.paths, path), found.queues, found.read_only)


def _with_settings(found: Map, match: re.Match[str]) -> Map:
    read_only = {"ro": True, "rw": False}.get(match[3] or "")
    return Map(found.name, found.wwid, found.dm, found.paths, QUEUES in match[2], read_only)


def _text(told: Mapping[str, object], key: str) -> str:
    value = told.get(key, "")
    return clean(value.strip()) if isinstance(value, str) else ""
