"""NFS: what a host mounts from a server, and what it serves itself."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from backends.model.storage import Access, Health, StorageKind, Way, WayKind
from backends.probes.storage import script
from backends.probes.storage.mounts import Mount, Room, room_of, unescaped, which_mount
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Gap, Readings
from backends.untrusted import clean

KINDS = ("nfs", "nfs4")
_SOURCE = re.compile(r"(?P<server>\[[^\]]+\]|[^:/\[\]][^:/]*):(?P<path>/.*)", re.DOTALL)
_TOLD = ("vers", "proto", "sec")
_WORDS = ("hard", "soft", "softerr", "softreval", "nolock", "noac", "nosharecache")
"""nfs(5). `soft` gives up and loses writes; `nolock` keeps locks on this host."""
_ADDRESS = re.compile(r"[0-9]+: (?P<link>\S+)\s+inet6? (?P<address>[0-9a-fA-F.:]+)/.*")
_PRIVATE_LINK = re.compile(
    r"(virbr|docker|podman|cni|flannel|cali|lxc|lxdbr|incusbr|vnet|veth|tap|br-[0-9a-f]{12}).*"
)
"""Networks inside a host, where every host has the same addresses: libvirt's 192.168.122.1, Docker's 172.17.0.1."""
_FSID_0 = re.compile(r"[(,](fsid=(0|root))[,)]")
_KEY_LIMIT = 4096
"""PATH_MAX: no key is cut, so that no two become one."""


def server_and_path(source: str) -> tuple[str, str] | None:
    """`server:/export`, `[2001:db8::1]:/export` (nfs(5)): the server as it compares, and the path. None: neither."""
    found = _SOURCE.fullmatch(source)
    if not found:
        return None
    path = posixpath.normpath(found["path"])
    return server_name(found["server"]), "/" + path.lstrip("/")


def server_name(name: str) -> str:
    """As it compares: in small letters, without the dot at its end; an address in its short form, without brackets."""
    plain = name.strip("[].").lower()
    address = _address(plain)
    return plain if address is None else str(address)


def is_loopback(server: str) -> bool:
    """Is it, for every host, the host itself?"""
    address = _address(server)
    return server.partition(".")[0] == "localhost" if address is None else address.is_loopback


def is_each_host_itself(server: str) -> bool:
    """As `is_loopback`, of a server whose port may be named: `127.0.0.1:3260`, `[::1]:3260`, `localhost`."""
    host, colon, port = server.rpartition(":")
    has_port = colon and port.isdecimal() and (":" not in host or host.endswith("]"))
    return is_loopback(server_name(host if has_port else server))


def export_alias(server: str, path: str) -> str:
    """What all who mount or serve it have in common. `server` as `server_name` gives it."""
    return clean(f"export:{server}:{path}", limit=_KEY_LIMIT)


def nfs(mount: Mount, room: Room) -> Seen:
    """One mount of an export. By its server's name and by its address: hosts may use the one or the other."""
    named = server_and_path(mount.source)
    server, path = named or ("", mount.source)
    is_own = not server or is_loopback(server)
    address = server_name(mount.option("addr"))
    servers = {server, address} if _is_told_everywhere(address) else {server}
    return Seen(
        kind=StorageKind.NFS,
        key=clean(f"{server}:{path}" if server else mount.source, limit=_KEY_LIMIT),
        label=clean(mount.source),
        aliases=frozenset() if is_own else frozenset(export_alias(each, path) for each in servers),
        way=Way(WayKind.MOUNT, clean(mount.point), mount.point),
        access=mount.access,
        health=room.health,
        detail=room.detail,
        options=_options(mount),
        capacity_bytes=room.capacity_bytes,
        available_bytes=room.available_bytes,
        is_own=is_own,
    )


def exports(
    readings: Readings, table: Sequence[Mount], known: Mapping[str, Room]
) -> tuple[tuple[str, Seen], ...]:
    """Folders that the host serves (exports(5)), each with what clients see it as. Their paths are the host's."""
    addresses = _own_addresses(readings)
    found = dict(_exported(readings))
    tops = [folder for folder, words in found.items() if _FSID_0.search(words)]
    return tuple(
        (folder, _export(folder, addresses, tops, table, known, readings)) for folder in sorted(found)
    )


def _export(
    folder: str,
    addresses: Sequence[str],
    tops: Sequence[str],
    table: Sequence[Mount],
    known: Mapping[str, Room],
    readings: Readings,
) -> Seen:
    mount = which_mount(table, folder)
    room = room_of(mount, known, readings) if mount else Room(Health.UNKNOWN)
    server = addresses[0] if addresses else ""
    paths = {folder, *(_below(folder, top) for top in tops)} - {""}
    return Seen(
        kind=StorageKind.NFS,
        key=clean(f"{server}:{folder}", limit=_KEY_LIMIT),
        label=clean(f"{server or 'this host'}:{folder}"),
        aliases=frozenset(export_alias(each, path) for each in addresses for path in paths),
        way=Way(WayKind.MOUNT, clean(folder), folder),
        access=mount.access if mount else Access.UNKNOWN,
        health=room.health,
        detail=room.detail,
        options=("served by this host",),
        capacity_bytes=room.capacity_bytes,
        available_bytes=room.available_bytes,
        is_own=not server,
    )


def _options(mount: Mount) -> tuple[str, ...]:
    """NFS version first, then what decides about locks and lost writes."""
    values = [f"{name}={value}" for name in _TOLD if (value := mount.option(name))]
    if not mount.option("vers") and mount.kind == "nfs4":
        values.insert(0, "vers=4")
    words = [word for word in _WORDS if word in mount.fs_options]
    local = mount.option("local_lock")
    if local and local != "none":
        words.append(f"local_lock={local}")
    return tuple(clean(word) for word in (*values, *words))


def _exported(readings: Readings) -> Iterator[tuple[str, str]]:
    """What is exported now (etab); where that may not be read, what is to be (exports(5)): folders, their options."""
    files = [readings.text("/var/lib/nfs/etab")]
    if readings.reading("/var/lib/nfs/etab").gap in (Gap.DENIED, Gap.BROKEN):
        files = [readings.text("/etc/exports")]
        files += [each.text for each in readings.under("/etc/exports.d/").values()]
    for line in "\n".join(files).replace("\\\n", " ").split("\n"):
        found = re.fullmatch(r'\s*("(?P<quoted>/[^"]*)"|(?P<plain>/\S*))(?P<rest>\s.*)?', line)
        if found:
            folder = unescaped(found["quoted"] or found["plain"])
            yield posixpath.normpath("/" + folder.lstrip("/")), found["rest"] or ""


def _own_addresses(readings: Readings) -> tuple[str, ...]:
    """By which others mount from it. Not its name, which clones of one image share."""
    told = readings.text(script.ADDRESSES.name).split("\n")
    found = [
        line for line in map(_ADDRESS.fullmatch, told) if line and not _PRIVATE_LINK.fullmatch(line["link"])
    ]
    addresses = (server_name(line["address"]) for line in found)
    return tuple(dict.fromkeys(each for each in addresses if _is_told_everywhere(each)))


def _below(folder: str, top: str) -> str:
    """As clients of NFS 4 name it where `top` is exported with fsid=0; empty where it is not under it."""
    if folder == top:
        return "/"
    return folder.removeprefix(top) if folder.startswith(f"{top.rstrip('/')}/") else ""


def _is_told_everywhere(server: str) -> bool:
    """An address that means the same server on every host of a network."""
    address = _address(server)
    return address is not None and not (
        address.is_loopback or address.is_link_local or address.is_unspecified
    )


def _address(server: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(server)
    except ValueError:
        return None
