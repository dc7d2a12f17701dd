"""Storage spread over servers: GlusterFS and CephFS where they are mounted, RBD images where they are mapped."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from backends.model.storage import Access, Health, StorageKind, Way, WayKind
from backends.probes.storage import script
from backends.probes.storage.mounts import Mount, Room
from backends.probes.storage.nfs import is_loopback, server_name
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

GLUSTER_KINDS = ("fuse.glusterfs", "glusterfs")
CEPH_KINDS = ("ceph", "fuse.ceph", "fuse.ceph-fuse")
_GLUSTER_SOURCE = re.compile(r"(?P<server>\[[^\]]+\]|[^:/]+):/?(?P<volume>[^/]+)(?P<below>/.*)?", re.DOTALL)
_CEPH_NEW = re.compile(r"[^@]*@(?P<fsid>[0-9a-fA-F-]*)\.(?P<name>[^=]*)=(?P<path>/.*)?", re.DOTALL)
_CEPH_OLD = re.compile(r"(?P<monitors>[^/]*):(?P<path>/.*)?", re.DOTALL)
_FSID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_RBD = "/sys/bus/rbd/devices/"
_KEY_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Volume:
    """One of GlusterFS's, as a server of it tells (`gluster volume info`). NOT yet safe to show."""

    name: str
    id: str = ""
    type: str = ""
    started: bool | None = None
    servers: tuple[str, ...] = ()
    """Of its bricks, as `server_name` gives them."""


def volumes(text: str) -> tuple[Volume, ...]:
    """Blocks of `KEY: VALUE` lines, each begun by `Volume Name`. Pure."""
    return tuple(_volume(block) for block in re.split(r"^Volume Name:", text, flags=re.MULTILINE)[1:])


def gluster(mount: Mount, room: Room, readings: Readings) -> Seen:
    """By server and volume, and by the volume's id where this host is one of its servers."""
    found = _GLUSTER_SOURCE.fullmatch(mount.source)
    server = server_name(found["server"]) if found else ""
    name, below = (found["volume"], found["below"] or "") if found else (mount.source, "")
    volume = next(
        (each for each in volumes(readings.text(script.GLUSTER_VOLUMES.name)) if each.name == name), None
    )
    servers = {server, *(volume.servers if volume else ())}
    servers = {each for each in servers if each and not is_loopback(each)}
    aliases = {f"gluster:{each}/{name}{below}" for each in servers}
    if volume and volume.id:
        aliases.add(f"glusterid:{volume.id}{below}")
    health, detail = _gluster_health(volume, room, readings)
    return Seen(
        kind=StorageKind.GLUSTER,
        key=clean(f"{server}:/{name}{below}" if server else mount.source, limit=_KEY_LIMIT),
        label=clean(mount.source),
        aliases=frozenset(clean(alias, limit=_KEY_LIMIT) for alias in aliases),
        way=Way(WayKind.MOUNT, clean(mount.point), mount.point),
        access=mount.access,
        health=health,
        detail=detail,
        options=(clean(volume.type),) if volume and volume.type else (),
        capacity_bytes=room.capacity_bytes,
        available_bytes=room.available_bytes,
        is_own=not aliases,
    )


def cephfs(mount: Mount, room: Room, readings: Readings) -> Seen:
    """By the cluster's fsid, the file system's name and the path; where no fsid is known, by the monitors."""
    fsid, name, path, monitors = _ceph_source(mount, readings)
    cluster = fsid or ",".join(monitors)
    place = f"/{name}:{path}" if name else f":{path}"
    aliases = {f"cephfs:{fsid}{place}"} if fsid else set()
    if name:
        aliases |= {f"cephmon:{each}{place}" for each in monitors}
    return Seen(
        kind=StorageKind.CEPHFS,
        key=clean(f"{cluster}{place}" if cluster else mount.source, limit=_KEY_LIMIT),
        label=clean(f"{name or 'CephFS'}:{path}"),
        aliases=frozenset(clean(alias, limit=_KEY_LIMIT) for alias in aliases),
        way=Way(WayKind.MOUNT, clean(mount.point), mount.point),
        access=mount.access,
        health=room.health,
        detail=room.detail if cluster else room.detail or "its cluster is not known: no fsid and no monitors",
        options=tuple(word for word in ("nowsync", "noshare") if word in mount.fs_options),
        capacity_bytes=room.capacity_bytes,
        available_bytes=room.available_bytes,
        is_own=not cluster,
    )


def rbd(readings: Readings) -> tuple[Seen, ...]:
    """Images that the kernel has mapped (Documentation/ABI/testing/sysfs-bus-rbd)."""
    numbers = {path.split("/")[5] for path in readings.under(_RBD)}
    return tuple(
        _image(number, readings) for number in sorted(numbers) if readings.text(f"{_RBD}{number}/name")
    )


def _image(number: str, readings: Readings) -> Seen:
    def told(name: str) -> str:
        return readings.text(f"{_RBD}{number}/{name}").strip()

    fsid, snapshot, size = told("cluster_fsid").lower(), told("current_snap"), told("size")
    image = "/".join(each for each in (told("pool"), told("pool_ns"), told("name")) if each)
    image += f"@{snapshot}" if snapshot not in ("", "-") else ""
    known = bool(_FSID.fullmatch(fsid))
    key = clean(f"{fsid}/{image}" if known else image, limit=_KEY_LIMIT)
    device = f"/dev/rbd{number}"
    return Seen(
        kind=StorageKind.RBD,
        key=key,
        label=clean(image),
        aliases=frozenset({f"rbd:{key}"} if known else ()),
        way=Way(WayKind.DEVICE, clean(device), device),
        access=Access.READ_ONLY if "@" in image else Access.UNKNOWN,
        health=Health.UNKNOWN,
        detail="" if known else "its cluster is not known: the kernel does not tell its fsid",
        capacity_bytes=int(size) if re.fullmatch(r"[0-9]{1,20}", size) else None,
        is_own=not known,
    )


def _volume(block: str) -> Volume:
    name, _, rest = block.partition("\n")
    told = dict(re.findall(r"^(Volume ID|Type|Status): *(.*?)\s*$", rest, flags=re.MULTILINE))
    bricks = re.findall(r"^Brick[0-9]+: *(\[[^\]]+\]|[^:/\s]+):/", rest, flags=re.MULTILINE)
    status = told.get("Status", "")
    servers = tuple(dict.fromkeys(server_name(each) for each in bricks))
    return Volume(
        name.strip(),
        told.get("Volume ID", ""),
        told.get("Type", ""),
        status == "Started" if status else None,
        servers,
    )


def _gluster_health(volume: Volume | None, room: Room, readings: Readings) -> tuple[Health, str]:
    """The mount's, unless a server of the pool tells of something worse."""
    if room.health is Health.BROKEN:
        return room.health, room.detail
    if volume and volume.started is False:
        return Health.BROKEN, "the volume is not started"
    states = [
        state
        for host, state in _peers(readings.text(script.GLUSTER_PEERS.name))
        if volume and not is_loopback(host)
    ]
    away = sum(state != "Connected" for state in states)
    if away:
        return Health.DEGRADED, f"{away} of {len(states)} other servers not connected"
    return room.health, room.detail


def _peers(text: str) -> Iterator[tuple[str, str]]:
    """`UUID HOSTNAME STATE`, after one line of heads."""
    for line in text.split("\n"):
        words = line.split()
        if len(words) == 3 and _FSID.fullmatch(words[0]):
            yield words[1], words[2]


def _ceph_source(mount: Mount, readings: Readings) -> tuple[str, str, str, tuple[str, ...]]:
    """fsid, file system's name, path, monitors; each empty where it is not known (mount.ceph(8), ceph-fuse(8))."""
    conf = _conf(readings)
    named = mount.option("mds_namespace") or mount.option("fs")
    if new := _CEPH_NEW.fullmatch(mount.source):
        fsid, name, path = new["fsid"].lower(), new["name"] or named, new["path"] or "/"
        monitors = mount.option("mon_addr").split("/")
    elif mount.kind == "ceph" and (old := _CEPH_OLD.fullmatch(mount.source)):
        fsid, name, path = "", named, old["path"] or "/"
        monitors = old["monitors"].split(",")
    else:
        fsid, name, path, monitors = conf.get("fsid", ""), named, "/", []
    known = tuple(sorted({_monitor(each) for each in monitors if each}))
    if not fsid and known:
        fsid = _only_cluster(readings)
    return fsid if _FSID.fullmatch(fsid) else "", name, posixpath.normpath(path), known


def _monitor(word: str) -> str:
    """With its port (6789 of old, msgr v1), without what begins the new form of an address: `v1:`, `v2:`."""
    plain = re.sub(r"^v[12]:", "", word.strip())
    return plain if re.search(r"(\]|^[^:]+):[0-9]+$", plain) else f"{plain}:6789"


def _conf(readings: Readings) -> dict[str, str]:
    """`fsid = ...` of ceph.conf(5); a name's words may be parted by blanks or underscores."""
    text = next(
        (each.text for path, each in readings.files.items() if path.endswith("/etc/ceph/ceph.conf")), ""
    )
    lines = (line.partition("=") for line in text.split("\n"))
    return {name.strip().replace(" ", "_"): value.strip().lower() for name, equals, value in lines if equals}


def _only_cluster(readings: Readings) -> str:
    """Of a mount that names monitors alone: the cluster that the kernel talks to, where that is one (debugfs)."""
    names = readings.text("/sys/kernel/debug/ceph").split("\n")
    fsids = {name.partition(".client")[0].lower() for name in names if ".client" in name}
    return fsids.pop() if len(fsids) == 1 else ""
