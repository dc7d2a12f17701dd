"""What keeps two guests from one disk, as the host's lock managers tell.

Forms: qemu.conf, qemu-lockd.conf and qemu-sanlock.conf as libvirt documents them (docs/kbase/locking-lockd.rst and
locking-sanlock.rst); `sanlock client status` as hosts gave it and its src/client_cmd.c writes it; `lvmlockctl -i` as
lvm2's daemons/lvmlockd/lvmlockctl.c writes it.
"""

from __future__ import annotations

import pytest
from hypothesis import given

from backends.probes.storage import lockers
from backends.probes.storage.lockers import Lease, LockManager, Lockspace, Lockspaces, Manager
from backends.probes.survey.readings import Gap, Reading, Readings
from tests.unit.host_files import DENIED, any_host, host
from tests.unit.storage.disks_of_hosts import broken

LOCKD = """auto_disk_leases = 1
require_lease_for_disks = 1
file_lockspace_dir = "/var/lib/libvirt/lockd/files"
lvm_lockspace_dir = "/var/lib/libvirt/lockd/lvmvolumes"
"""
SANLOCK = r"""daemon faaa1a83-5ca3-490d-b150-84f61910d4f8.node1.rhcn
p -1 helper
p -1 listener
p 29563 HostedEngine
p 21399 lvmlockd
p -1 status
s 2b34a3a0-817f-4f92-acaa-77a4acc16e87:1:/rhev/data-center/mnt/node2.rhcnsa.org\:_ds21/dom_md/ids:0
s lvm_myvg:11:/dev/mapper/myvg-lvmlock:0 ADD
r 2b34a3a0-817f-4f92-acaa-77a4acc16e87:9a5f:/rhev/data-center/mnt/node2.rhcnsa.org\:_ds21/leases:0:7 p 29563
r lvm_myvg:Y0MvQU-VzCz-LUjW-hJol-10ex-pHyx-BcDuup:/dev/mapper/myvg-lvmlock:70254592:SH p 21399
"""
LVMLOCKD = """VG myvg lock_type=sanlock ms3Po2-XPJP-QLk7-Dh29-JNvQ-9bSN-JavZVj
LS sanlock lvm_myvg
LK GL un ver 0
LK VG un ver 0
LK LV ex Y0MvQU-VzCz-LUjW-hJol-10ex-pHyx-BcDuup

VG other lock_type=dlm gkV1Gf-bL5k-o5cS-1NTQ-n1CJ-QmAY-3ck21A
LS dlm lvm_other
LK VG sh ver 3 pid 4711 (lvs)
"""


def manager(conf: str | Reading, **files: str | Reading) -> LockManager:
    return lockers.lock_manager(host({lockers.QEMU_CONF: conf, **files}))


def test_without_a_lock_manager_qemu_s_own_locks_are_all_there_is() -> None:
    for conf in ("", 'user = "root"', '#lock_manager = "lockd"', 'lock_manager = "nop"'):
        assert manager(conf).manager is Manager.NONE
    assert lockers.lock_manager(host({})).manager is Manager.NONE


def test_virtlockd_locks_the_disks_themselves_unless_a_folder_is_named() -> None:
    assert manager('lock_manager = "lockd"') == LockManager(Manager.LOCKD)
    found = manager('lock_manager = "lockd"', **{lockers.LOCKD_CONF: LOCKD})
    assert (found.automatic, found.required, found.folder) == (True, True, "/var/lib/libvirt/lockd/files")
    assert found.folders == ("/var/lib/libvirt/lockd/lvmvolumes",)


def test_sanlock_locks_what_has_a_lease_and_nothing_else_by_default() -> None:
    found = manager('lock_manager = "sanlock"', **{lockers.SANLOCK_CONF: "host_id = 3"})
    assert (found.manager, found.automatic, found.required, found.host_id) == (
        Manager.SANLOCK,
        False,
        True,
        3,
    )
    conf = 'auto_disk_leases = 1\ndisk_lease_dir = "/var/lib/libvirt/sanlock"\nhost_id = 1'
    found = manager('lock_manager = "sanlock"', **{lockers.SANLOCK_CONF: conf})
    assert (found.automatic, found.required, found.folder) == (True, False, "/var/lib/libvirt/sanlock")


def test_what_may_not_be_read_is_unknown_and_names_the_permission() -> None:
    found = manager(DENIED)
    assert (found.manager, found.trouble) == (Manager.UNKNOWN, "permission denied")
    assert lockers.QEMU_CONF in found.mend
    found = manager('lock_manager = "lockd"', **{lockers.LOCKD_CONF: DENIED})
    assert (found.manager, found.trouble) == (Manager.LOCKD, "permission denied")


def test_a_manager_that_is_not_known_is_not_taken_for_none() -> None:
    assert manager('lock_manager = "hourglass"').manager is Manager.OTHER


def test_sanlock_s_lockspaces_and_leases_are_told_with_their_owners() -> None:
    found = lockers.parse_sanlock(SANLOCK)
    mount = "/rhev/data-center/mnt/node2.rhcnsa.org:_ds21"
    assert found.running
    assert found.spaces == (
        Lockspace("2b34a3a0-817f-4f92-acaa-77a4acc16e87", "sanlock", 1, f"{mount}/dom_md/ids"),
        Lockspace("lvm_myvg", "sanlock", 11, "/dev/mapper/myvg-lvmlock", "ADD"),
    )
    assert found.leases == (
        Lease("2b34a3a0-817f-4f92-acaa-77a4acc16e87", "9a5f", 29563, f"{mount}/leases", owner="HostedEngine"),
        Lease(
            "lvm_myvg",
            "Y0MvQU-VzCz-LUjW-hJol-10ex-pHyx-BcDuup",
            21399,
            "/dev/mapper/myvg-lvmlock",
            shared=True,
            owner="lvmlockd",
        ),
    )


def test_lvmlockd_s_lockspaces_name_their_groups() -> None:
    first, second = lockers.parse_lvmlockd(LVMLOCKD).spaces
    assert (first.name, first.kind, first.vg_name) == ("lvm_myvg", "sanlock", "myvg")
    assert first.vg_uuid == "ms3Po2-XPJP-QLk7-Dh29-JNvQ-9bSN-JavZVj"
    assert (second.name, second.kind) == ("lvm_other", "dlm")


def test_what_both_daemons_know_of_a_lockspace_is_one() -> None:
    found = lockers.lockspaces(host({lockers.SANLOCK.name: SANLOCK, lockers.LVMLOCKD.name: LVMLOCKD}))
    assert [space.words for space in found] == [
        "sanlock lockspace 2b34a3a0-817f-4f92-acaa-77a4acc16e87 as host 1",
        "sanlock lockspace lvm_myvg as host 11 (ADD)",
        "dlm lockspace lvm_other",
    ]
    assert [space.vg_name for space in found] == ["", "myvg", "other"]


def test_a_daemon_that_is_not_there_runs_not_and_one_that_is_silent_is_unknown() -> None:
    assert lockers.sanlock(host({})) == lockers.lvmlockd(host({})) == Lockspaces(running=False)
    denied = Reading(gap=Gap.DENIED, said="Permission denied")
    for read, command in ((lockers.sanlock, lockers.SANLOCK), (lockers.lvmlockd, lockers.LVMLOCKD)):
        found = read(host({command.name: denied}))
        assert (found.running, found.trouble) == (False, "permission denied")
        assert found.mend


@given(broken(SANLOCK), broken(LVMLOCKD), broken(LOCKD, 'lock_manager = "sanlock"\n'))
def test_broken_forms_are_never_a_crash(sanlock: str, lvmlockd: str, conf: str) -> None:
    lockers.parse_sanlock(sanlock)
    lockers.parse_lvmlockd(lvmlockd)
    manager('lock_manager = "lockd"', **{lockers.LOCKD_CONF: conf})
    manager(conf, **{lockers.SANLOCK_CONF: conf})


@pytest.mark.parametrize("read", [lockers.lock_manager, lockers.sanlock, lockers.lvmlockd])
def test_any_bytes_are_never_a_crash(read: object) -> None:
    @given(any_host(lockers.QEMU_CONF, lockers.LOCKD_CONF, lockers.SANLOCK.name, lockers.LVMLOCKD.name))
    def try_it(readings: Readings) -> None:
        assert callable(read)
        read(readings)

    try_it()
