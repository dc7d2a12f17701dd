"""Who keeps two guests from one disk: libvirt's lock managers, and the lockspaces of sanlock and LVM. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from backends.probes import libvirt_conf, qemu_conf
from backends.probes.storage import attributes
from backends.probes.survey.asking import Command
from backends.probes.survey.readings import Gap, Readings
from backends.untrusted import clean

SANLOCK = Command(("sanlock", "client", "status"))
LVMLOCKD = Command(("lvmlockctl", "-i"))
QEMU_CONF = qemu_conf.PATH
LOCKD_CONF, SANLOCK_CONF = "/etc/libvirt/qemu-lockd.conf", "/etc/libvirt/qemu-sanlock.conf"
_LINE_LIMIT = 8192


class Manager(Enum):
    """`lock_manager` of qemu.conf."""

    NONE = "none"
    """libvirt's default: QEMU's own locks are all there is."""
    LOCKD = "lockd"
    SANLOCK = "sanlock"
    OTHER = "another"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LockManager:
    """How libvirt's QEMU driver locks disks. Texts are safe to show."""

    manager: Manager
    automatic: bool = True
    """Does every disk get a lease without being asked for (auto_disk_leases)?"""
    required: bool = False
    """Is a guest refused that writes a disk without a lease (require_lease_for_disks)?"""
    folder: str = ""
    """Of the leases, to be shared by all hosts; empty: the disks' own files are locked."""
    folders: tuple[str, ...] = ()
    """Other ones, for LVM and SCSI disks."""
    host_id: int | None = None
    """sanlock's, of which no two hosts may have the same."""
    trouble: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Lockspace:
    """One that sanlock has joined, or lvmlockd. Texts are safe to show."""

    name: str
    kind: str
    """`sanlock`, `dlm`, `idm`."""
    host_id: int | None = None
    path: str = ""
    state: str = ""
    """Empty while all is well; `ADD` and `REM` while it is joined or left."""
    vg_name: str = ""
    vg_uuid: str = ""

    @property
    def words(self) -> str:
        """For `Seen.options`."""
        number = f" as host {self.host_id}" if self.host_id is not None else ""
        state = f" ({self.state})" if self.state else ""
        return f"{self.kind} lockspace {self.name or self.vg_name}{number}{state}"


@dataclass(frozen=True, slots=True)
class Lease:
    """One that a process holds through sanlock. Texts are safe to show."""

    lockspace: str
    name: str
    pid: int
    path: str = ""
    shared: bool = False
    owner: str = ""
    """What the process calls itself: for libvirt's guests, their name."""


@dataclass(frozen=True, slots=True)
class Lockspaces:
    """All that one daemon has."""

    running: bool
    spaces: tuple[Lockspace, ...] = ()
    leases: tuple[Lease, ...] = ()
    trouble: str = ""
    mend: str = ""


def lock_manager(readings: Readings) -> LockManager:
    """Of /etc/libvirt/qemu.conf and the lock manager's own file."""
    if readings.reading(QEMU_CONF).gap not in (None, Gap.MISSING):
        return LockManager(
            Manager.UNKNOWN, trouble=readings.trouble(QEMU_CONF)[0], mend=readings.trouble(QEMU_CONF)[1]
        )
    name = qemu_conf.parse_text(readings.text(QEMU_CONF)).lock_manager
    if name in ("", "nop"):
        return LockManager(Manager.NONE)
    if name not in (Manager.LOCKD.value, Manager.SANLOCK.value):
        return LockManager(Manager.OTHER)
    manager = Manager(name)
    path = LOCKD_CONF if manager is Manager.LOCKD else SANLOCK_CONF
    conf = libvirt_conf.parse(readings.text(path))
    automatic = conf.flag("auto_disk_leases", default=manager is Manager.LOCKD)
    gap = readings.reading(path).gap
    trouble, mend = readings.trouble(path) if gap not in (None, Gap.MISSING) else ("", "")
    return LockManager(
        manager=manager,
        automatic=automatic,
        required=conf.flag("require_lease_for_disks", default=not automatic),
        folder=clean(conf.text("file_lockspace_dir") or conf.text("disk_lease_dir"), limit=4096),
        folders=tuple(
            clean(text, limit=4096)
            for text in (conf.text("lvm_lockspace_dir"), conf.text("scsi_lockspace_dir"))
            if text
        ),
        host_id=attributes.number(conf.text("host_id")),
        trouble=trouble,
        mend=mend,
    )


def sanlock(readings: Readings) -> Lockspaces:
    """What the daemon says."""
    answer = readings.reading(SANLOCK.name)
    if answer.gap is None:
        return parse_sanlock(answer.text)
    return (
        Lockspaces(running=False, trouble="", mend="")
        if answer.gap is Gap.MISSING
        else _silent(readings, SANLOCK)
    )


def parse_sanlock(text: str) -> Lockspaces:
    """Of `sanlock client status` (sanlock(8); what is written is in its src/client_cmd.c). Pure."""
    spaces: list[Lockspace] = []
    leases: list[Lease] = []
    owners: dict[int, str] = {}
    running = False
    for line in text.split("\n"):
        kind, _, rest = line[:_LINE_LIMIT].partition(" ")
        if kind == "daemon":
            running = True
        elif kind == "p":
            pid, _, name = rest.partition(" ")
            owners |= {int(pid): clean(name)} if attributes.number(pid) is not None else {}
        elif kind == "s" and (space := _space(rest)):
            spaces.append(space)
        elif kind == "r" and (lease := _lease(rest)):
            leases.append(lease)
    named = (replace(lease, owner=owners.get(lease.pid, "")) for lease in leases)
    return Lockspaces(running or bool(spaces), tuple(spaces), tuple(named))


def lvmlockd(readings: Readings) -> Lockspaces:
    """What the daemon says."""
    answer = readings.reading(LVMLOCKD.name)
    if answer.gap is None:
        return parse_lvmlockd(answer.text)
    return Lockspaces(running=False) if answer.gap is Gap.MISSING else _silent(readings, LVMLOCKD)


def parse_lvmlockd(text: str) -> Lockspaces:
    """Of `lvmlockctl -i` (lvmlockctl(8); what is written is in lvmlockctl.c, format_info). Pure."""
    spaces: list[Lockspace] = []
    for line in text.split("\n"):
        words = line[:_LINE_LIMIT].split()
        if len(words) >= 4 and words[0] == "VG" and words[2].startswith("lock_type="):
            kind = clean(words[2].removeprefix("lock_type="))
            spaces.append(Lockspace("", kind, vg_name=clean(words[1]), vg_uuid=clean(words[3])))
        elif len(words) == 3 and words[0] == "LS" and spaces and not spaces[-1].name:
            spaces[-1] = replace(spaces[-1], name=clean(words[2]))
    return Lockspaces(running=True, spaces=tuple(spaces))


def lockspaces(readings: Readings) -> tuple[Lockspace, ...]:
    """Of both daemons: lvmlockd knows the group of one, and sanlock where it is and as which host."""
    of_groups = {space.name: space for space in lvmlockd(readings).spaces}
    of_sanlock = [
        replace(space, vg_name=group.vg_name, vg_uuid=group.vg_uuid)
        if (group := of_groups.pop(space.name, None)) is not None
        else space
        for space in sanlock(readings).spaces
    ]
    return (*of_sanlock, *of_groups.values())


def _space(text: str) -> Lockspace | None:
    """`NAME:HOST-ID:PATH:OFFSET [STATE]`; sanlock writes `\\:` for a colon within."""
    fields = _fields(text)
    if len(fields) < 4:
        return None
    state = fields[3].partition(" ")[2]
    return Lockspace(
        clean(fields[0]), "sanlock", attributes.number(fields[1]), clean(fields[2]), clean(state)
    )


def _lease(text: str) -> Lease | None:
    """`LOCKSPACE:NAME:PATH:OFFSET:VERSION p PID`; `SH` in the place of the version: shared with others."""
    fields = _fields(text)
    if len(fields) < 5:
        return None
    version, _, pid = fields[-1].partition(" p ")
    number = attributes.number(pid.strip())
    if number is None:
        return None
    return Lease(clean(fields[0]), clean(fields[1]), number, clean(fields[2]), shared=version.strip() == "SH")


def _fields(text: str) -> list[str]:
    return [field.replace("\0", ":") for field in text.replace("\\:", "\0").split(":")]


def _silent(readings: Readings, command: Command) -> Lockspaces:
    """Its program is there; the daemon runs, or this account may not ask it."""
    trouble, mend = readings.trouble(command.name)
    return Lockspaces(running=False, trouble=trouble, mend=mend)
