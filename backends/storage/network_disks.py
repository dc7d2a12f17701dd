"""The storage of disks that QEMU reaches by itself, over the network (formatdomain.html: `source protocol`). Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from backends.model.guest import Layer
from backends.model.storage import Access, StorageKind, Way
from backends.probes.storage.nfs import server_name
from backends.probes.storage.seen import Seen

NOT_OPEN = "no guest that runs has it open"


@dataclass(frozen=True, slots=True)
class Remote:
    """A source taken apart: `PROTOCOL:NAME@SERVER[:PORT]`, as domain_xml writes it."""

    protocol: str
    name: str
    server: str
    """With the port, where one is named."""

    @property
    def storage(self) -> str:
        """The LUN, the Gluster volume, the Ceph pool, the exported folder; of all else the name itself."""
        if self.protocol in ("gluster", "rbd"):
            return self.name.strip("/").partition("/")[0]
        if self.protocol == "nfs":
            return posixpath.dirname("/" + self.name.lstrip("/"))
        return self.name

    @property
    def image(self) -> str:
        """What of the storage is the disk, as `HostTold.inside` has it where it is mounted; empty: all of it."""
        if self.protocol == "gluster":
            return "/" + self.name.strip("/").partition("/")[2]
        if self.protocol == "nfs":
            return "/" + posixpath.basename(self.name)
        return self.name.strip("/").partition("/")[2] if self.protocol == "rbd" else ""

    @property
    def host(self) -> str:
        """The server without its port, as it compares."""
        host, colon, port = self.server.rpartition(":")
        return server_name(host if colon and port.isdecimal() else self.server)


def remote_of(layer: Layer) -> Remote:
    """Of a network disk, or of a network image below one."""
    protocol, _, rest = layer.source.partition(":")
    name, at, server = rest.rpartition("@")
    return Remote(protocol, name if at else rest, server if at else "")


def network_seen(layer: Layer, way: Way | None = None) -> Seen:
    """`way`: None while no guest that runs has it open."""
    remote = remote_of(layer)
    kind, key, label, alias = _identity(remote)
    is_own = layer.local_service
    return Seen(
        kind,
        key,
        label,
        frozenset() if is_own or not alias else frozenset({alias}),
        way,
        Access.UNKNOWN if way is None else Access.READ_WRITE,
        detail=NOT_OPEN if way is None else "",
        is_own=is_own,
    )


def _identity(remote: Remote) -> tuple[StorageKind, str, str, str]:
    """(kind, key, label, alias)."""
    match remote.protocol:
        case "iscsi":
            target, slash, lun = remote.name.rpartition("/")
            target, lun = (target, lun) if slash else (remote.name, "0")
            key = f"{target}/{lun}"
            return StorageKind.ISCSI, key, f"{target} LUN {lun}", f"iqn:{key}"
        case "rbd":
            key = f"{remote.storage}@{remote.server}"
            return StorageKind.RBD, key, key, f"rbd:{key}"
        case "gluster" | "nfs":
            is_gluster = remote.protocol == "gluster"
            key = f"{remote.host}:/{remote.storage.lstrip('/')}"
            alias = f"gluster:{remote.host}/{remote.storage}" if is_gluster else f"export:{key}"
            return StorageKind.GLUSTER if is_gluster else StorageKind.NFS, key, key, alias
    key = f"{remote.protocol}://{remote.server}/{remote.name.lstrip('/')}"
    return StorageKind.OTHER, key, key, ""
