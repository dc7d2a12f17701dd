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


class Whose:
    """The guests of one host, as they are known now."""

    def __init__(self, guests: Iterable[Guest], sightings: Iterable[Sighting] = ()) -> None:
        """`sightings`: all of the host: one may tell the name to a process that another tells of by number only."""
        self._by_uuid: dict[str, GuestKey] = {}
        self._by_name: dict[str, GuestKey] = {}
        self._by_path: dict[str, GuestKey | None] = {}
        self._names: dict[GuestKey, str] = {}
        for guest in guests:
            self._by_uuid[guest.key.uuid] = guest.key
            self._by_name.setdefault(guest.name, guest.key)
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
        key = self._by_uuid.get(uuid) or self._by_name.get(name) or self._by_path.get(sighting.path)
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
