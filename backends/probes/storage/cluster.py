"""Cluster file systems and their locks: GFS2 with DLM, OCFS2 with o2cb or DLM."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backends.model.storage import Health, StorageKind, Way, WayKind
from backends.probes.storage import script
from backends.probes.storage.mounts import Mount, Room
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

KINDS = ("gfs2", "ocfs2")
_GFS2 = "/sys/fs/gfs2/"
_OCFS2_STATES = "/sys/kernel/debug/ocfs2/"
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_DEVICE_LINE = re.compile(r"\s*Device => Id: (?P<id>\S+)\s+Uuid: (?P<uuid>\S+)")
_CLUSTER_LINE = re.compile(r"\s*Cluster => Stack: (?P<stack>\S+)\s+Name: (?P<name>\S*)")
"""fs/ocfs2/super.c, ocfs2_osb_dump."""


@dataclass(frozen=True, slots=True)
class Lockspace:
    """One of DLM's, as this host knows it. Safe to show."""

    name: str
    """Of a GFS2: what follows the colon of its lock table; of lvmlockd: `lvm_` and the group's name."""
    members: tuple[int, ...] = ()
    """Node ids of the hosts that hold it; empty where the host does not tell."""
    health: Health = Health.UNKNOWN
    detail: str = ""


def fs_uuid(text: str) -> str:
    """As it compares, in small letters and groups; empty where it is none. OCFS2's tools write it without groups."""
    if not _UUID.fullmatch(text.strip()):
        return ""
    digits = text.strip().replace("-", "").lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def lockspaces(readings: Readings) -> tuple[Lockspace, ...]:
    """What `dlm_tool ls` tells, or else the names that the kernel knows."""
    told = {each.name: each for each in _told_lockspaces(readings.text(script.DLM_LS.name))}
    _, mend = readings.trouble(script.DLM_LS.name)
    for path, reading in readings.under("/sys/kernel/dlm/").items():
        name = clean(path.split("/")[4])
        if path.endswith("/id") and reading.gap is None and name not in told:
            told[name] = Lockspace(
                name, detail=clean(f"its members are not known{': ' + mend if mend else ''}")
            )
    return tuple(told[name] for name in sorted(told))


def cluster_file_system(mount: Mount, room: Room, readings: Readings) -> Seen:
    """GFS2 or OCFS2. By its UUID; where that is not known it is the host's own, and why is in the detail."""
    state = _gfs2(mount, readings) if mount.kind == "gfs2" else _ocfs2(mount, readings)
    uuid = fs_uuid(state.uuid) or _lsblk_uuid(mount, readings)
    health, detail = (state.health, state.detail) if state.detail else (room.health, room.detail)
    if not uuid:
        detail = "; ".join(each for each in (detail, "its UUID is not known: log in as root") if each)
    return Seen(
        kind=StorageKind.GFS2 if mount.kind == "gfs2" else StorageKind.OCFS2,
        key=uuid or clean(mount.source, limit=4096),
        label=clean(state.label or mount.source),
        aliases=frozenset({f"fsuuid:{uuid}"} if uuid else ()),
        way=Way(WayKind.MOUNT, clean(mount.point), mount.point),
        access=mount.access,
        health=_worse(health, room.health),
        detail=clean(detail),
        options=tuple(clean(word) for word in state.options),
        capacity_bytes=room.capacity_bytes,
        available_bytes=room.available_bytes,
        is_own=not uuid,
        under=frozenset({f"dev:{mount.device}"} if mount.device else ()),
    )


@dataclass(frozen=True, slots=True)
class _State:
    """What a kernel or tool tells of one. NOT yet safe to show."""

    uuid: str = ""
    label: str = ""
    options: tuple[str, ...] = ()
    health: Health = Health.UNKNOWN
    detail: str = ""


def _gfs2(mount: Mount, readings: Readings) -> _State:
    """Its folder in sysfs is named after the lock table (fs/gfs2/sys.c); with lock_nolock, after the device."""
    folder = _gfs2_folder(mount, readings)

    def told(name: str) -> str:
        return readings.text(f"{folder}/{name}").strip() if folder else ""

    protocol = told("lock_module/proto_name") or mount.option("lockproto")
    table = mount.option("locktable") or (posixpath.basename(folder) if ":" in folder else "")
    space = next((each for each in lockspaces(readings) if each.name == clean(table.partition(":")[2])), None)
    options = [f"lockproto={protocol}"] if protocol else []
    options += [f"locktable={table}"] if table else []
    options += [word for word in ("localflocks", "spectator") if word in mount.fs_options]
    if space and space.members:
        options.append(f"members={','.join(map(str, space.members))}")
    if told("withdraw") == "1" or told("lock_module/withdraw") == "1":
        health, detail = Health.BROKEN, "withdrawn from the cluster after an error"
    elif told("lock_module/block") == "1":
        health, detail = Health.DEGRADED, "locks are held back: another host's journal is being recovered"
    elif told("freeze") == "1":
        health, detail = Health.DEGRADED, "frozen: nothing can be written"
    elif space and space.health is Health.DEGRADED:
        health, detail = space.health, space.detail
    else:
        health, detail = Health.UNKNOWN, ""
    return _State(told("uuid"), table, tuple(options), health, detail)


def _gfs2_folder(mount: Mount, readings: Readings) -> str:
    """`id` is `253:3`, or the device's name in old kernels."""
    names = {mount.device, posixpath.basename(mount.source)} - {""}
    ids = (path for path in readings.under(_GFS2) if path.count("/") == 5 and path.endswith("/id"))
    return next((path[: -len("/id")] for path in ids if readings.text(path).strip() in names), "")


def _ocfs2(mount: Mount, readings: Readings) -> _State:
    """What the kernel says to root (debugfs), or mounted.ocfs2(8), and the mount's own options."""
    uuid, stack, cluster = _ocfs2_state(mount, readings) or _ocfs2_device(mount, readings) or ("", "", "")
    stack = mount.option("cluster_stack") or stack or readings.text("/sys/fs/ocfs2/cluster_stack").strip()
    cluster = cluster or (_o2cb_cluster(readings) if stack == "o2cb" else "")
    options = [f"stack={stack}"] if stack else []
    options += [f"cluster={cluster}"] if cluster else []
    options += [f"heartbeat={beat}"] if (beat := mount.option("heartbeat")) else []
    options += [word for word in ("localflocks", "nocluster") if word in mount.fs_options]
    if coherency := mount.option("coherency"):
        options.append(f"coherency={coherency}")
    return _State(uuid, "", tuple(options))


def _o2cb_cluster(readings: Readings) -> str:
    """o2cb knows one, by the name of its folder in configfs."""
    names = {path.split("/")[5] for path in readings.under("/sys/kernel/config/cluster/")}
    return names.pop() if len(names) == 1 else ""


def _ocfs2_state(mount: Mount, readings: Readings) -> tuple[str, str, str] | None:
    wanted = mount.device.replace(":", ",")
    for reading in readings.under(_OCFS2_STATES).values():
        found = _DEVICE_LINE.search(reading.text)
        if found and found["id"] in (wanted, mount.device):
            cluster = _CLUSTER_LINE.search(reading.text)
            return found["uuid"], cluster["stack"] if cluster else "", cluster["name"] if cluster else ""
    return None


def _ocfs2_device(mount: Mount, readings: Readings) -> tuple[str, str, str] | None:
    """`DEVICE STACK CLUSTER FLAGS UUID LABEL`; of old tools `DEVICE FS UUID LABEL`. A local one has no cluster."""
    for line in readings.text(script.OCFS2_DEVICES.name).split("\n"):
        words = line.split()
        at = next((index for index, word in enumerate(words) if _UUID.fullmatch(word)), 0)
        if at and words[0] == mount.source:
            stack = words[1] if at > 1 and words[1] != "ocfs2" else ""
            return words[at], stack, words[2] if at > 2 else ""
    return None


def _lsblk_uuid(mount: Mount, readings: Readings) -> str:
    """As udev knows it (lsblk(8))."""
    try:
        tree = json.loads(readings.text(script.LSBLK.name))
    except (ValueError, RecursionError):
        return ""
    for device in _devices(tree.get("blockdevices") if isinstance(tree, dict) else None):
        if mount.device and device.get("maj:min") == mount.device:
            return fs_uuid(str(device.get("uuid") or ""))
    return ""


def _devices(tree: object, deep: int = 16) -> Iterator[Mapping[str, object]]:
    for device in tree if isinstance(tree, list) else ():
        if isinstance(device, dict) and deep:
            yield device
            yield from _devices(device.get("children"), deep - 1)


def _told_lockspaces(text: str) -> Iterator[Lockspace]:
    """Blocks of `KEY  VALUE` lines, each begun by `name` (dlm_tool/main.c, show_ls)."""
    for block in re.split(r"^name\s+", text, flags=re.MULTILINE)[1:]:
        name, _, rest = block.partition("\n")
        lines = dict(re.findall(r"^(flags|members|new status) +(.*)$", rest, flags=re.MULTILINE))
        members = tuple(
            int(each) for each in lines.get("members", "").split() if each.isdecimal() and len(each) < 11
        )
        health, detail = _lockspace_health(lines)
        yield Lockspace(
            clean(name.strip()), members, health if members or detail else Health.UNKNOWN, clean(detail)
        )


def _lockspace_health(lines: Mapping[str, str]) -> tuple[Health, str]:
    """`new status` is there while a change of members is under way; `kern_stop`: no lock is granted meanwhile."""
    flags = lines.get("flags", "").split()[1:]
    stopped = "kern_stop" in ",".join(flags).split(",")
    if status := lines.get("new status"):
        waits = re.search(r"wait_condition\s+[0-9]+\s+(?P<for>\w+)", status)
        return Health.DEGRADED, f"DLM waits for {waits['for']}" if waits else "DLM: its members are changing"
    if stopped:
        return Health.DEGRADED, "DLM has stopped: no lock is granted"
    return Health.GOOD, ""


def _worse(one: Health, other: Health) -> Health:
    order = (Health.BROKEN, Health.DEGRADED, Health.GOOD, Health.UNKNOWN)
    return min(one, other, key=order.index)
