"""What libvirt tells by itself: its events, and the states that it keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.crashes.told_by_libvirt import by_event, kind_of
from backends.hypervisor.events import CrashTold
from backends.model.crash import CrashKind
from backends.model.guest import Disk, DiskKind, Guest, GuestKey, GuestState
from backends.model.host import HostName

KEY = GuestKey(HostName("h1"), "qemu", "uuid")
DISK = Disk("vda", DiskKind.FILE, "/srv/web.img", path="/srv/web.img")
WEB = Guest(KEY, "web-01", GuestState.RUNNING, "", 1, 1 << 30, disks=(DISK,))
FULL = CrashTold(
    CrashKind.IO_ERROR, "I/O error: virtio-disk0, no space left (paused)", "/srv/web.img", "virtio-disk0"
)


def test_a_disk_is_called_as_its_definition_calls_it() -> None:
    sighting = by_event(KEY, WEB, FULL, at_s=7.0)

    assert sighting.evidence.lines == ("libvirt event: I/O error: vda, no space left (paused)",)
    assert (sighting.guest, sighting.uuid, sighting.at_s) == ("web-01", "uuid", 7.0)


@pytest.mark.parametrize("guest", [None, replace(WEB, disks=())], ids=["not known", "not described yet"])
def test_where_the_definition_is_not_known_it_keeps_qemus_name(guest: Guest | None) -> None:
    assert "virtio-disk0" in by_event(KEY, guest, FULL, at_s=7.0).evidence.lines[0]


@pytest.mark.parametrize(
    ("state", "reason", "full", "kind"),
    [
        (GuestState.CRASHED, "crashed", (), CrashKind.ENDED),
        (GuestState.CRASHED, "panicked", (), CrashKind.PANIC),
        (GuestState.PAUSED, "crashed", (), CrashKind.PANIC),
        (GuestState.PAUSED, "I/O error", (), CrashKind.IO_ERROR),
        (GuestState.PAUSED, "no space left for vda", ("vda",), CrashKind.IO_ERROR),
        (GuestState.OFF, "failed", (), CrashKind.NOT_STARTED),
        (GuestState.OFF, "destroyed", (), None),
        (GuestState.PAUSED, "user", (), None),
        (GuestState.RUNNING, "booted", (), None),
    ],
)
def test_only_states_that_a_crash_leaves_tell_of_one(
    state: GuestState, reason: str, full: tuple[str, ...], kind: CrashKind | None
) -> None:
    assert kind_of(replace(WEB, state=state, reason=reason, full_disks=full)) is kind
