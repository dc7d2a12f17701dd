"""What guests' disks take, and why a guest stands, from what libvirt tells.

The fields are those that libvirt 9.0 with QEMU 10 gave for guests of the lab.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.hypervisor.disk_errors import DiskError, told
from backends.hypervisor.disk_usage import DiskUsage, disks_of
from backends.model.guest import Guest, GuestKey, GuestState
from backends.model.host import HostName

MIB = 1 << 20
RUNNING, PAUSED, OFF = 1, 3, 5
Fields = dict[str, int | str]
WEB = Guest(GuestKey(HostName("h1"), "qemu", "u-1"), "web", GuestState.PAUSED, "I/O error", 1, 128 * MIB)


def statistics(state: int, *disks: Fields) -> Fields:
    fields = {f"block.{n}.{name}": value for n, disk in enumerate(disks) for name, value in disk.items()}
    return {"state.state": state, "block.count": len(disks), **fields}


def test_of_a_guest_that_is_off_the_image_tells() -> None:
    off: Fields = {
        "name": "vda",
        "path": "/i/off.qcow2",
        "allocation": 200704,
        "capacity": 209715200,
        "physical": 196616,
    }
    assert disks_of(statistics(OFF, off)) == {"vda": DiskUsage("/i/off.qcow2", 209715200, 200704)}
    empty: Fields = {"name": "vda", "path": "/i/off.img", "capacity": 32 * MIB, "physical": 32 * MIB}
    assert disks_of(statistics(OFF, empty))["vda"].allocated == 0, "libvirt leaves out what is nothing"


def test_of_a_guest_that_runs_qemu_tells_what_the_file_takes_and_how_far_it_has_written() -> None:
    full: Fields = {
        "name": "vda",
        "path": "/i/full.img",
        "backingIndex": 1,
        "allocation": 8396800,
        "capacity": 64 * MIB,
    }
    assert disks_of(statistics(PAUSED, full | {"physical": 8 * MIB})) == {
        "vda": DiskUsage("/i/full.img", 64 * MIB, 8 * MIB, 8396800)
    }


def test_a_sparse_file_that_was_not_written_yet_does_not_count_as_full() -> None:
    """libvirt gives the file's length where QEMU says that it takes nothing."""
    web: Fields = {
        "name": "vda",
        "path": "/i/web.img",
        "allocation": 0,
        "capacity": 64 * MIB,
        "physical": 64 * MIB,
    }
    assert disks_of(statistics(RUNNING, web))["vda"].allocated is None
    assert disks_of(statistics(RUNNING, web | {"allocation": 4096}))["vda"].allocated == 64 * MIB


def test_images_below_a_disk_and_disks_that_nothing_is_told_of_are_left_out() -> None:
    top: Fields = {
        "name": "vda",
        "path": "/i/top.qcow2",
        "backingIndex": 3,
        "allocation": 1,
        "capacity": 8,
        "physical": 4,
    }
    below: Fields = {"name": "vda", "path": "/i/base.qcow2", "backingIndex": 4, "capacity": 9, "physical": 9}
    found = disks_of(statistics(RUNNING, top, below, {"name": "sda"}))
    assert set(found) == {"vda"} and found["vda"].path == "/i/top.qcow2"
    assert disks_of({}) == {}


def test_the_disk_without_room_is_named() -> None:
    guest = told(WEB, {"vda": DiskError.NO_SPACE, "vdb": DiskError.OTHER, "vdc": DiskError.NO_SPACE})
    assert guest.reason == "no space left for vda, vdc; I/O error on vdb"
    assert guest.full_disks == ("vda", "vdc")
    assert told(WEB, {"vda": DiskError.OTHER}).full_disks == ()
    assert told(WEB, {}) == WEB, "what is not known more of stays as it was"


_FIELDS = st.sampled_from(["state.state", "block.count"]) | st.builds(
    "block.{}.{}".format,
    st.integers(0, 3),
    st.sampled_from(["name", "path", "capacity", "allocation", "physical"]),
)


@given(st.dictionaries(_FIELDS, st.integers(-1, 9) | st.text(max_size=3)))
def test_fields_with_holes_give_what_is_there(fields: dict[str, int | str]) -> None:
    for usage in disks_of(fields).values():
        assert usage.virtual is not None or usage.allocated is not None or usage.highest_written is None
