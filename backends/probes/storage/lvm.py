"""LVM: volume groups by their UUID, what they lie on, how they are locked, and their volumes.

From one `lvm fullreport` (lvmreport(7)), the same rows as of `vgs`, `lvs` and `pvs`, in one scan. It reads, activates
nothing, and does not wait for locks that others hold. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from backends.model.storage import Access, Health, StorageKind, Way, WayKind
from backends.probes.storage import attributes
from backends.probes.storage.block import Devices, lvm_uuid
from backends.probes.storage.seen import Seen
from backends.probes.survey.asking import Command
from backends.probes.survey.readings import Gap, Readings
from backends.untrusted import clean

_FIELDS = {
    "vg": "vg_name,vg_uuid,vg_attr,vg_lock_type,vg_lock_args,vg_size,vg_free,vg_extent_size,vg_missing_pv_count,"
    "vg_systemid",
    "pv": "pv_name,pv_uuid,pv_attr,dev_size,pv_size,pv_free,pv_duplicate",
    "lv": "lv_name,lv_uuid,lv_attr,lv_size,data_percent,metadata_percent,pool_lv,origin,lv_health_status",
    "pvseg": "pvseg_start",
    "seg": "lv_uuid,segtype,devices",
}
"""All of them are as old as the report itself (2.02.158): one that LVM does not know would make it tell nothing."""
REPORT = Command(
    (
        *("lvm", "fullreport"),
        *("--reportformat", "json", "--units", "b", "--nosuffix", "--config", "global{wait_for_locks=0}"),
        *(word for kind, fields in _FIELDS.items() for word in ("--configreport", kind, "-o", fields)),
    ),
    6,
)
TOO_OLD = "its LVM is too old to tell (before 2.02.158)"
NEARLY_FULL_PERCENT = 80.0
"""From here dmeventd warns of a thin pool (WARNING_THRESH of its thin plug-in)."""

_FAILED = frozenset({"partial", "failed", "out_of_data", "metadata_read_only", "unknown"})
"""Of lv_health_status; the others, of RAID, say that a mirror has to be mended (`refresh needed`)."""
_OLD = re.compile(
    r"No such command|unrecognized option|Unrecognised option|Unrecognised field", re.IGNORECASE
)
_DUPLICATE = re.compile(r"Not using (?:device|lvmetad device) (\S+) for PV ([\w-]{32,40})\.")
_DUPLICATE_BEFORE = re.compile(
    r"Found duplicate PV ([\w-]{32,40}): using (?:existing )?(?:dev )?\S+ not (\S+)"
)
"""As LVM has written it until 2.02.15x."""
_AT_EXTENT = re.compile(r"\(\d+\)$")
_PERCENT = re.compile(r"\d{1,3}(?:[.,]\d{1,4})?")


class Sharing(Enum):
    """How a group keeps hosts from changing it at the same time."""

    NONE = "no lock"
    """Only one host may use it; nothing but `system_id` or care keeps others away."""
    SANLOCK = "sanlock"
    DLM = "dlm"
    IDM = "idm"
    CLUSTERED = "clvmd"
    """Of LVM before 2.03."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Volume:
    """A logical volume. Texts are safe to show."""

    name: str
    uuid: str
    attr: str
    """lvs(8)'s ten letters."""
    size_bytes: int | None = None
    data_percent: float | None = None
    """Of a thin pool or snapshot; None where it is not active."""
    metadata_percent: float | None = None
    pool: str = ""
    origin: str = ""
    health: str = ""
    """LVM's word: `partial`, `out_of_data`, `metadata_read_only`, `failed`, ...; empty where it is well."""
    segment: str = ""
    """`linear`, `thin-pool`, `raid1`, ..."""
    devices: tuple[str, ...] = ()
    """What its extents lie on: devices, or hidden volumes below it."""

    @property
    def is_thin_pool(self) -> bool:
        """Are volumes promised more than it has?"""
        return self.attr[:1] == "t"

    @property
    def is_active(self) -> bool | None:
        """Can this host use it now? None: not known."""
        return {"a": True, "s": True, "-": False}.get(self.attr[4:5])

    @property
    def is_open(self) -> bool | None:
        """Does somebody on this host use it? None: not known."""
        return {"o": True, "-": False}.get(self.attr[5:6])


@dataclass(frozen=True, slots=True)
class PhysicalVolume:
    """A device of a group, or of none yet. Texts are safe to show."""

    uuid: str
    device: str
    """`/dev/sdb`; empty where no device with this UUID is there."""
    device_bytes: int | None = None
    size_bytes: int | None = None
    free_bytes: int | None = None
    is_duplicate: bool = False
    """Is it an unchosen copy: another device with the same UUID is used?"""


@dataclass(frozen=True, slots=True)
class Group:
    """A volume group. Texts are safe to show."""

    name: str
    uuid: str
    attr: str
    """vgs(8)'s six letters."""
    sharing: Sharing
    lock_args: str = ""
    system_id: str = ""
    """The one host that may use it."""
    size_bytes: int | None = None
    free_bytes: int | None = None
    extent_bytes: int | None = None
    missing: int = 0
    """Physical volumes of which no device is there."""
    devices: tuple[PhysicalVolume, ...] = ()
    volumes: tuple[Volume, ...] = ()

    @property
    def is_exported(self) -> bool:
        """Was it handed over, to be imported elsewhere?"""
        return self.attr[2:3] == "x"

    @property
    def is_partial(self) -> bool:
        """Is a part of it not there?"""
        return self.attr[3:4] == "p" or self.missing > 0

    @property
    def is_read_only(self) -> bool:
        """As the group itself says."""
        return self.attr[:1] == "r"


@dataclass(frozen=True, slots=True)
class Lvm:
    """All of one host's."""

    groups: tuple[Group, ...] = ()
    unused: tuple[PhysicalVolume, ...] = ()
    """Of no group."""
    duplicates: tuple[tuple[str, str], ...] = ()
    """(UUID, device) of each copy that LVM does not use: another device has the same UUID."""
    trouble: str = ""
    mend: str = ""

    def copies_of(self, group: Group) -> tuple[str, ...]:
        """Devices that are there as copies of one of the group's: which of both LVM has taken, nobody has chosen."""
        uuids = {each.uuid for each in group.devices}
        marked = {each.device for each in group.devices if each.is_duplicate}
        return tuple(sorted(marked | {device for uuid, device in self.duplicates if uuid in uuids}))

    def volume_at(self, path: str) -> tuple[Group, Volume] | None:
        """By `/dev/GROUP/VOLUME` or its name among mapped devices."""
        wanted = path.removeprefix("/dev/").removeprefix("mapper/")
        for group in self.groups:
            for volume in group.volumes:
                mapped = f"{group.name.replace('-', '--')}-{volume.name.replace('-', '--')}"
                if wanted in (mapped, f"{group.name}/{volume.name}"):
                    return group, volume
        return None


def read(readings: Readings) -> Lvm:
    """Pure. A host without LVM has no groups."""
    answer = readings.reading(REPORT.name)
    if answer.gap is Gap.MISSING:
        return Lvm()
    duplicates = _duplicates(answer.said)
    found = parse(answer.text)
    if found is None or (answer.gap is not None and not found.groups and not found.unused):
        trouble, mend = readings.trouble(REPORT.name)
        if answer.gap is Gap.BROKEN and _OLD.search(answer.said):
            trouble = TOO_OLD
        return Lvm(duplicates=duplicates, trouble=trouble or "lvm: its report is not readable", mend=mend)
    trouble, mend = ("", "") if answer.gap is None else readings.trouble(REPORT.name)
    return Lvm(found.groups, found.unused, duplicates, trouble, mend)


def parse(text: str) -> Lvm | None:
    """Of any JSON report of `fullreport`, `vgs`, `lvs` or `pvs`. Pure; None where that is none."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    reports = told.get("report") if isinstance(told, dict) else None
    if not isinstance(reports, list):
        return None
    groups: list[Group] = []
    unused: list[PhysicalVolume] = []
    for report in reports:
        if not isinstance(report, dict):
            continue
        devices = tuple(_physical(row) for row in _rows(report, "pv"))
        heads = list(_rows(report, "vg"))
        segments = _segments(report)
        volumes = tuple(_volume(row, segments) for row in _rows(report, "lv"))
        groups += [_group(head, devices, volumes) for head in heads]
        unused += [] if heads else devices
    return Lvm(tuple(groups), tuple(unused))


def health(group: Group, copied: Sequence[str] = ()) -> tuple[Health, str]:
    """As this host sees it, and why. `copied`: see `Lvm.copies_of`."""
    if group.is_partial:
        return Health.BROKEN, f"{group.missing or 'some'} of its devices not there"
    if copied:
        return Health.BROKEN, f"a device is there twice: {', '.join(copied)} has the same UUID"
    for each in sorted(group.volumes, key=lambda each: each.health not in _FAILED):
        if each.health:
            state = Health.BROKEN if each.health in _FAILED else Health.DEGRADED
            return state, f"{each.name}: {each.health.replace('_', ' ')}"
    if group.is_exported:
        return Health.DEGRADED, "exported: to be imported before it can be used"
    full = next((each for each in group.volumes if _nearly_full(each)), None)
    if full:
        return Health.DEGRADED, f"the thin pool {full.name} is {_fullness(full)} full"
    return Health.GOOD, ""


def seen(lvm: Lvm, devices: Devices) -> tuple[Seen, ...]:
    """One for each group. It is the host's own where it lies on disks that nothing tells from others: hosts that were
    made as copies of each other have groups with the same UUID."""
    return tuple(_seen(group, lvm, devices) for group in lvm.groups if group.uuid)


def _seen(group: Group, lvm: Lvm, devices: Devices) -> Seen:
    state, detail = health(group, lvm.copies_of(group))
    under = frozenset(alias for each in group.devices for alias in devices.aliases(each.device))
    options = (
        group.sharing.value if group.sharing not in (Sharing.NONE, Sharing.UNKNOWN) else "",
        f"system ID {group.system_id}" if group.system_id else "",
        "exported" if group.is_exported else "",
    )
    return Seen(
        kind=StorageKind.LVM,
        key=group.uuid,
        label=group.name,
        aliases=frozenset({f"vg:{group.uuid}"}),
        way=Way(WayKind.DEVICE, f"/dev/{group.name}", f"/dev/{group.name}"),
        access=Access.READ_ONLY if group.is_read_only else Access.READ_WRITE,
        health=state,
        detail=detail,
        options=tuple(filter(None, options)),
        capacity_bytes=group.size_bytes,
        available_bytes=group.free_bytes,
        is_own=not under,
        under=under,
    )


def _group(row: Mapping[str, str], devices: tuple[PhysicalVolume, ...], volumes: tuple[Volume, ...]) -> Group:
    attr = clean(row.get("vg_attr", ""))
    return Group(
        name=clean(row.get("vg_name", "")),
        uuid=clean(row.get("vg_uuid", "")),
        attr=attr,
        sharing=_sharing(attr, row.get("vg_lock_type")),
        lock_args=clean(row.get("vg_lock_args", "")),
        system_id=clean(row.get("vg_systemid", "")),
        size_bytes=attributes.number(row.get("vg_size", "")),
        free_bytes=attributes.number(row.get("vg_free", "")),
        extent_bytes=attributes.number(row.get("vg_extent_size", "")),
        missing=attributes.number(row.get("vg_missing_pv_count", "")) or 0,
        devices=devices,
        volumes=volumes,
    )


def _sharing(attr: str, lock_type: str | None) -> Sharing:
    """`vg_lock_type` says it in a word, vgs(8)'s sixth letter in short: `c` for clustered, `s` for shared."""
    named = {"sanlock": Sharing.SANLOCK, "dlm": Sharing.DLM, "idm": Sharing.IDM, "clvm": Sharing.CLUSTERED}
    if lock_type in named:
        return named[lock_type]
    letter = attr[5:6]
    if letter == "c":
        return Sharing.CLUSTERED
    return Sharing.NONE if letter == "-" and lock_type in (None, "", "none") else Sharing.UNKNOWN


def _physical(row: Mapping[str, str]) -> PhysicalVolume:
    name, attr = row.get("pv_name", ""), row.get("pv_attr", "")
    return PhysicalVolume(
        uuid=clean(row.get("pv_uuid", "")),
        device=clean(name) if name.startswith("/") and attr[2:3] != "m" else "",
        device_bytes=attributes.number(row.get("dev_size", "")),
        size_bytes=attributes.number(row.get("pv_size", "")),
        free_bytes=attributes.number(row.get("pv_free", "")),
        is_duplicate=attr[:1] == "d" or row.get("pv_duplicate", "") in ("1", "duplicate"),
    )


def _volume(row: Mapping[str, str], segments: Mapping[str, tuple[str, tuple[str, ...]]]) -> Volume:
    uuid = row.get("lv_uuid", "")
    segment, devices = segments.get(uuid, ("", ()))
    return Volume(
        name=clean(row.get("lv_name", "").strip("[]")),
        uuid=clean(uuid),
        attr=clean(row.get("lv_attr", "")),
        size_bytes=attributes.number(row.get("lv_size", "")),
        data_percent=_percent(row.get("data_percent", "")),
        metadata_percent=_percent(row.get("metadata_percent", "")),
        pool=clean(row.get("pool_lv", "").strip("[]")),
        origin=clean(row.get("origin", "").strip("[]")),
        health=clean(row.get("lv_health_status", "")),
        segment=segment,
        devices=devices,
    )


def _segments(report: Mapping[str, object]) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """LV's UUID -> (kind of its first segment, what all of them lie on)."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for row in _rows(report, "seg"):
        kind, devices = found.get(row.get("lv_uuid", ""), (clean(row.get("segtype", "")), ()))
        named = (_AT_EXTENT.sub("", each.strip()).strip("[]") for each in row.get("devices", "").split(","))
        more = tuple(clean(each) for each in named if each)
        found[row.get("lv_uuid", "")] = kind, tuple(dict.fromkeys((*devices, *more)))
    return found


def _rows(report: Mapping[str, object], kind: str) -> Iterator[Mapping[str, str]]:
    rows = report.get(kind)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            yield {
                key: str(value).strip() for key, value in row.items() if isinstance(value, str | int | float)
            }


def _percent(text: str) -> float | None:
    return float(text.replace(",", ".")) if _PERCENT.fullmatch(text) else None


def _fullness(volume: Volume) -> str:
    return f"{max(volume.data_percent or 0.0, volume.metadata_percent or 0.0):.0f} %"


def _nearly_full(volume: Volume) -> bool:
    fills = (volume.data_percent, volume.metadata_percent)
    return volume.is_thin_pool and any(fill is not None and fill >= NEARLY_FULL_PERCENT for fill in fills)


def _duplicates(said: str) -> tuple[tuple[str, str], ...]:
    found = {(match[2], match[1]) for match in _DUPLICATE.finditer(said)}
    found |= {
        (lvm_uuid(match[1].replace("-", "")), match[2].rstrip("."))
        for match in _DUPLICATE_BEFORE.finditer(said)
    }
    return tuple(sorted((clean(uuid), clean(device)) for uuid, device in found))
