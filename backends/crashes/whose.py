"""Whose crash it is: by UUID, name, process, disk or console, whichever the text tells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backends.model.crash import Source
from backends.model.guest import Guest, GuestKey
from backends.probes.crashes.guest_dumps import SHORT_NAME
from backends.probes.crashes.sighting import Sighting
from backends.untrusted import clean

SAME_PROCESS_S = 3600.0
"""Several places tell of a process's end within this: its core may take long to be written."""
_Same = dict[str, GuestKey | None]
"""By driver."""
_DRIVERS = {
    Source.QEMU_LOG: "qemu",
    Source.LXC_LOG: "lxc",
    Source.LIBXL_LOG: "xen",
    Source.XEN_LOG: "xen",
}
_FOLDERS = (
    ("/libvirt/qemu/", "qemu"),
    ("/libvirt/lxc/", "lxc"),
    ("/libvirt/libxl/", "xen"),
    ("/xen/", "xen"),
    ("/xend/", "xen"),
)


class Whose:
    """The guests of one host, as they are known now."""

    def __init__(self, guests: Iterable[Guest], sightings: Iterable[Sighting] = ()) -> None:
        """`sightings`: all of the host: one may tell the name to a process that another tells of by number only."""
        self._by_uuid: dict[str, _Same] = {}
        self._by_name: dict[str, _Same] = {}
        self._by_path: dict[str, GuestKey | None] = {}
        self._names: dict[GuestKey, str] = {}
        for guest in guests:
            _note(self._by_uuid.setdefault(guest.key.uuid, {}), guest.key)
            _note(self._by_name.setdefault(guest.name, {}), guest.key)
            self._names[guest.key] = guest.name
            for path in _paths(guest):
                # what several guests have tells of none of them
                self._by_path[path] = guest.key if self._by_path.get(path, guest.key) == guest.key else None
        self._by_pid: dict[int, list[Sighting]] = {}
        for each in sightings:
            if each.pid is not None and each.guest:
                self._by_pid.setdefault(each.pid, []).append(each)

    def of(self, sighting: Sighting) -> tuple[GuestKey | None, str]:
        """The guest, if it is (still) there, and its name, safe to show.

        Of a crash of the host: the name of the process, if it was one.
        """
        if sighting.kind.of_host:
            return None, clean(sighting.process)
        name = clean(sighting.guest or self._by_process(sighting))
        # a guest may have a hand in what its own log holds, not in the log's name
        uuid = "" if sighting.evidence.source is Source.QEMU_LOG else sighting.uuid
        driver = _driver_of(sighting)
        key = _one(self._by_uuid.get(uuid), driver)
        if sighting.evidence.source is Source.CONSOLE:  # definitions tell whose it is; its name is a custom
            key = key or self._by_path.get(sighting.path)
        key = key or _one(self._by_name.get(name), driver) or self._by_path.get(sighting.path)
        key = key or self._by_beginning(sighting)
        return key, self._names.get(key, name) if key else name

    def _by_beginning(self, sighting: Sighting) -> GuestKey | None:
        """libvirt cuts a long name in the name of a dump: it is whose name alone begins so."""
        if sighting.evidence.source is not Source.GUEST_DUMP or len(sighting.guest) != SHORT_NAME:
            return None
        begins = clean(sighting.guest)
        fitting = [key for key, name in self._names.items() if name.startswith(begins)]
        return fitting[0] if len(fitting) == 1 else None

    def _by_process(self, sighting: Sighting) -> str:
        """A number is given to another process later: who had it at another time is not whose it is now."""
        named = self._by_pid.get(sighting.pid, ()) if sighting.pid is not None else ()
        return next((each.guest for each in named if _may_be_one_process(each, sighting)), "")


def _note(same: _Same, key: GuestKey) -> None:
    """What two guests of one driver share tells of neither."""
    same[key.driver] = key if same.get(key.driver, key) == key else None


def _one(same: _Same | None, driver: str) -> GuestKey | None:
    """Where no driver is told: what the kernel and cores tell of are QEMU's processes, and its driver comes first."""
    if not same:
        return None
    return same.get(driver) if driver else next(iter(same.values()))


def _driver_of(sighting: Sighting) -> str:
    """A guest of another driver may have the same name; empty where nothing tells."""
    evidence = sighting.evidence
    if sighting.driver or evidence.source in _DRIVERS:
        return sighting.driver or _DRIVERS[evidence.source]
    return next((driver for part, driver in _FOLDERS if part in evidence.path), "")


def _may_be_one_process(one: Sighting, other: Sighting) -> bool:
    """What has no exact time may tell of a process that still runs."""
    if one.at_s is None or other.at_s is None or not (one.exact and other.exact):
        return True
    return abs(one.at_s - other.at_s) <= SAME_PROCESS_S


def _paths(guest: Guest) -> Iterator[str]:
    """Files that are this guest's: its disks down to the last layer, and where its consoles are written to."""
    yield from guest.console_logs
    for disk in guest.disks:
        yield from filter(None, (disk.path, *(layer.path for layer in disk.layers)))
