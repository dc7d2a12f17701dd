"""What each reader of a host's storage tells: one storage, by its identity, as this one host sees it."""

from __future__ import annotations

from dataclasses import dataclass

from backends.model.storage import Access, Health, StorageKind, Way


@dataclass(frozen=True, slots=True)
class Seen:
    """One storage on one host, by one way. Several may tell of the same one: whoever assembles them merges.

    All text but `way.path` is safe to show.
    """

    kind: StorageKind
    key: str
    """As `StorageId.key`. For what is the host's own (`is_own`) without the host's name: `/dev/vda1`."""
    label: str
    """For people: the export, the mount point, the volume."""
    aliases: frozenset[str] = frozenset()
    """Other names of the same thing, whoever tells of them: `wwid:...`, `serial:...`, `iqn:.../lun`, `fsuuid:...`,
    `vg:...`, `export:server:/path`. What shares one of them is one storage. Compared as they are."""
    way: Way | None = None
    """None: it is known of, as by a driver or a portal, and reached in no way."""
    access: Access = Access.UNKNOWN
    health: Health = Health.UNKNOWN
    detail: str = ""
    """Of the health, or why something is not known, with the permission that it needs."""
    options: tuple[str, ...] = ()
    """That matter, as `Sighting.options`."""
    capacity_bytes: int | None = None
    available_bytes: int | None = None
    is_own: bool = False
    """The key says nothing outside of this host: a local folder, a device without a WWID or serial number."""
    under: frozenset[str] = frozenset()
    """What it lies on, one layer down, where that is known: aliases, or what is true on this host alone, as
    `dev:8:1` (the device's number) and `path:/dev/sda2`."""
