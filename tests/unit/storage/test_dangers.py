"""What may destroy data is said: on which evidence, how bad it is, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from backends.model.guest import Guest, GuestState
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from backends.model.storage import (
    Access,
    Commitment,
    DiskUse,
    Health,
    Level,
    Sighting,
    Storage,
    StorageId,
    StorageKind,
)
from backends.probes.storage.file_locks import ImageLock
from backends.probes.storage.lockers import LockManager, Manager
from backends.storage.dangers import dangers
from backends.storage.users import Held, User, Users
from tests.unit.storage.told_hosts import GIB, H1, H2, file_disk, guest

HIGH, MEDIUM, LOW, GOOD = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.GOOD
IMAGE = "/srv/web.img"


def storage(
    kind: StorageKind,
    *options: str,
    hosts: Iterable[HostName] = (H1, H2),
    access: Mapping[HostName, Access] | None = None,
    health: Mapping[HostName, tuple[Health, str]] | None = None,
    commitment: Commitment | None = None,
) -> Storage:
    """Seen by these hosts, with these options on each."""
    sightings = {}
    for host in hosts:
        how, why = (health or {}).get(host, (Health.GOOD, ""))
        sightings[host] = Sighting(
            host, (access or {}).get(host, Access.READ_WRITE), health=how, detail=why, options=options
        )
    return Storage(
        StorageId(kind, "it"), "it", sightings, commitment=commitment or Commitment(None, None, None)
    )


def user(of: Guest, image: str = IMAGE, sizes: tuple[int, int] | None = None) -> User:
    disk = of.disks[0]
    use = DiskUse(
        of.key,
        of.name,
        of.state.active,
        disk.target,
        disk.source,
        read_only=disk.read_only,
        virtual_bytes=sizes[0] if sizes else None,
        allocated_bytes=sizes[1] if sizes else None,
        out_of_space=disk.target in of.full_disks,
    )
    return User(of, disk, use, image)


def found(it: Storage, *users: User, **more: object) -> Mapping[str, Finding]:
    told = dangers(it, Users(users, **more))  # type: ignore[arg-type]
    order = list(Severity)
    assert [order.index(each.severity) for each in told] == sorted(
        order.index(each.severity) for each in told
    )
    assert all(each.evidence and (each.mend or each.severity is GOOD) for each in told)
    return {each.id: each for each in told}


WEB = guest(H1, "web", file_disk(IMAGE))
MANAGED = {host: LockManager(Manager.LOCKD) for host in (H1, H2)}
UNMANAGED = {host: LockManager(Manager.NONE) for host in (H1, H2)}


@pytest.mark.parametrize("word", ["nolock", "local_lock=all", "local_lock=posix"])
def test_two_hosts_that_write_an_export_without_a_common_lock_are_the_worst(word: str) -> None:
    finding = found(storage(StorageKind.NFS, "vers=3", word), user(WEB))["storage.local-locks"]
    assert finding.severity is HIGH
    assert word in finding.evidence
    assert "h1" in finding.evidence
    assert "h2" in finding.evidence


def test_one_host_alone_may_keep_its_locks_to_itself() -> None:
    alone = storage(StorageKind.NFS, "vers=3", "nolock", hosts=[H1])
    assert found(alone)["storage.local-locks"].severity is LOW


@pytest.mark.parametrize("options", [("vers=4.2", "nolock"), ("vers=3",), ("vers=3", "local_lock=flock")])
def test_locks_that_do_reach_the_other_hosts_are_no_danger(options: tuple[str, ...]) -> None:
    """NFS 4 locks by itself; QEMU takes no flock(2) locks, so that keeping those local does it no harm."""
    assert "storage.local-locks" not in found(storage(StorageKind.NFS, *options), user(WEB))


def test_gfs2_without_a_lock_manager_on_two_hosts_destroys_itself() -> None:
    finding = found(storage(StorageKind.GFS2, "lockproto=lock_nolock"))["storage.local-locks"]
    assert finding.severity is HIGH
    assert "lock_dlm" in finding.mend
    assert "storage.local-locks" not in found(storage(StorageKind.GFS2, "lockproto=lock_dlm"))


def test_ext4_on_one_lun_mounted_by_two_hosts_destroys_itself() -> None:
    finding = found(storage(StorageKind.FILE_SYSTEM, "ext4"))["storage.mounted-twice"]
    assert finding.severity is HIGH
    assert "ext4" in finding.evidence
    reading = storage(StorageKind.FILE_SYSTEM, "ext4", access={H2: Access.READ_ONLY})
    assert found(reading)["storage.mounted-twice"].severity is MEDIUM
    assert not found(storage(StorageKind.FILE_SYSTEM, "ext4", hosts=[H1]))


def test_a_group_that_two_hosts_see_needs_shared_locks() -> None:
    assert found(storage(StorageKind.LVM))["storage.group-locks"].severity is MEDIUM
    assert found(storage(StorageKind.LVM, "sanlock"))["storage.group-locks"].severity is GOOD
    assert found(storage(StorageKind.LVM, "system ID h1"))["storage.group-locks"].severity is LOW
    assert "storage.group-locks" not in found(storage(StorageKind.LVM, hosts=[H1]))


def test_two_guests_that_write_one_image_on_two_hosts_are_named() -> None:
    mail = guest(H2, "mail", file_disk(IMAGE))
    finding = found(storage(StorageKind.NFS), user(WEB), user(mail))["storage.two-writers"]
    assert finding.severity is HIGH
    assert "web (vda) on h1" in finding.evidence
    assert "mail (vda) on h2" in finding.evidence


def test_one_guest_that_runs_on_two_hosts_is_named_unless_it_moves() -> None:
    there = guest(H2, "web", file_disk(IMAGE))
    both = (user(WEB), user(there))
    finding = found(storage(StorageKind.NFS), *both)["storage.two-writers"]
    assert "one guest runs on two hosts" in finding.title
    moving = frozenset({WEB.key.uuid})
    assert "storage.two-writers" not in found(storage(StorageKind.NFS), *both, moving=moving)


@pytest.mark.parametrize(
    "other",
    [
        guest(H2, "mail", file_disk(IMAGE), state=GuestState.OFF),
        guest(H2, "mail", file_disk(IMAGE, read_only=True)),
        guest(H2, "mail", file_disk(IMAGE, shareable=True)),
        guest(H1, "mail", file_disk(IMAGE)),
    ],
    ids=["off", "reads", "meant to be shared", "QEMU's locks keep two of one host apart"],
)
def test_who_does_not_write_at_the_same_time_from_another_host_is_no_danger(other: Guest) -> None:
    assert "storage.two-writers" not in found(storage(StorageKind.NFS), user(WEB), user(other))


def test_images_that_two_hosts_have_locked_at_once_show_that_locks_do_not_reach() -> None:
    held = tuple(
        Held(host, IMAGE, ImageLock("0:2a:7", IMAGE, name, 7, writes=True, alone=True))
        for host, name in ((H1, "web"), (H2, "mail"))
    )
    told = found(storage(StorageKind.NFS), user(WEB), held=held)
    assert told["storage.locked-twice"].severity is HIGH
    assert told["storage.image-locks"].evidence == "h1 1 by QEMU, h2 1 by QEMU"
    moving = frozenset({WEB.key.uuid})
    arriving = (held[0], Held(H2, IMAGE, held[0].lock))
    assert "storage.locked-twice" not in found(
        storage(StorageKind.NFS), user(WEB), held=arriving, moving=moving
    )


def test_no_lock_manager_is_worse_where_qemus_own_locks_do_not_reach() -> None:
    on_nfs = found(storage(StorageKind.NFS), user(WEB), managers=UNMANAGED)
    on_lun = found(storage(StorageKind.ISCSI), user(WEB, ""), managers=UNMANAGED)
    assert on_nfs["storage.lock-manager"].severity is LOW
    assert on_lun["storage.lock-manager"].severity is MEDIUM


def test_one_lock_manager_on_all_hosts_is_good_and_different_ones_are_not() -> None:
    alike = found(storage(StorageKind.NFS), user(WEB), managers=MANAGED)
    assert alike["storage.lock-manager"].severity is GOOD
    mixed = {H1: LockManager(Manager.LOCKD), H2: LockManager(Manager.SANLOCK)}
    assert (
        found(storage(StorageKind.NFS), user(WEB), managers=mixed)["storage.lock-manager"].severity is MEDIUM
    )


def test_a_lock_manager_that_locks_no_disk_by_itself_is_no_comfort() -> None:
    idle = LockManager(Manager.SANLOCK, automatic=False)
    strict = LockManager(Manager.SANLOCK, automatic=False, required=True)
    on_lun = storage(StorageKind.ISCSI)
    told = found(on_lun, user(WEB, ""), managers={H1: strict, H2: idle})["storage.lock-manager"]
    assert (told.severity, told.evidence.partition(":")[0]) == (MEDIUM, "h2")
    told = found(on_lun, user(WEB, ""), managers={H1: strict, H2: strict})["storage.lock-manager"]
    assert told.severity is GOOD


def test_a_qemu_conf_that_may_not_be_read_is_not_taken_for_one_without_locks() -> None:
    secret = {H1: LockManager(Manager.UNKNOWN, trouble="permission denied", mend="log in as root")}
    finding = found(storage(StorageKind.NFS), user(WEB), managers=secret)["storage.lock-manager"]
    assert finding.severity is Severity.UNKNOWN
    assert finding.mend == "log in as root"


def test_nobody_needs_a_lock_manager_where_one_host_writes() -> None:
    alone = storage(StorageKind.NFS, hosts=[H1])
    assert "storage.lock-manager" not in found(alone, user(WEB), managers=UNMANAGED)


def test_caches_that_are_unsafe_to_move_are_named_by_qemus_version() -> None:
    unsafe = user(guest(H1, "web", file_disk(IMAGE, cache="unsafe")))
    assert found(storage(StorageKind.NFS), unsafe)["storage.cache.unsafe"].severity is MEDIUM
    kept = user(guest(H1, "web", file_disk(IMAGE, cache="writeback")))
    old = found(storage(StorageKind.NFS), kept, drops_caches={H1: False})
    assert old["storage.cache.kept"].severity is LOW
    assert not found(storage(StorageKind.NFS), kept, drops_caches={H1: True})
    assert not found(storage(StorageKind.FILE_SYSTEM, hosts=[H1]), unsafe), "it never moves with its disk"


def test_many_guests_with_one_fault_are_one_finding() -> None:
    users = [user(guest(H1, f"web-{n}", file_disk(f"/srv/{n}", cache="unsafe")), f"/{n}") for n in range(500)]
    finding = found(storage(StorageKind.NFS), *users)["storage.cache.unsafe"]
    assert "and 497 more" in finding.evidence
    assert finding.guest is None


def test_a_dead_mount_tells_who_stands_on_it() -> None:
    dead = storage(StorageKind.NFS, health={H1: (Health.BROKEN, "does not answer")})
    finding = found(dead, user(WEB))["storage.broken"]
    assert finding.severity is HIGH
    assert "h1: does not answer" in finding.evidence
    assert "web (vda)" in finding.evidence


def test_lost_paths_and_a_single_path_are_told() -> None:
    lost = storage(StorageKind.FIBRE_CHANNEL, health={H2: (Health.DEGRADED, "1 of 2 paths")})
    assert "1 of 2 paths" in found(lost)["storage.degraded"].evidence
    single = storage(StorageKind.FIBRE_CHANNEL, health={H2: (Health.GOOD, "1 of 1 paths")})
    assert found(single)["storage.one-path"].severity is MEDIUM


def test_a_guest_that_stands_still_for_lack_of_space_is_named() -> None:
    paused = guest(H1, "web", file_disk(IMAGE), state=GuestState.PAUSED, full=["vda"])
    finding = found(storage(StorageKind.NFS), user(paused))["storage.out-of-space"]
    assert finding.severity is HIGH
    assert finding.guest == paused.key
    assert "resume" in finding.mend


def test_sparse_disks_on_a_storage_that_is_nearly_full_are_the_trap() -> None:
    alarm = Commitment(100 * GIB, GIB, 300 * GIB, level=Level.ALARM, reason="99 % used")
    sparse = found(storage(StorageKind.NFS, commitment=alarm), user(WEB, sizes=(100 * GIB, GIB)))
    assert sparse["storage.nearly-full"].severity is HIGH
    assert "web (vda)" in sparse["storage.nearly-full"].evidence
    full = found(storage(StorageKind.NFS, commitment=alarm), user(WEB, sizes=(GIB, GIB)))
    assert full["storage.nearly-full"].severity is MEDIUM
    paused = guest(H1, "mail", file_disk(IMAGE), state=GuestState.PAUSED, full=["vda"])
    standing = found(storage(StorageKind.NFS, commitment=alarm), user(paused))["storage.nearly-full"]
    assert standing.severity is HIGH, "what it takes is not told, but that it wants more is"
    fine = Commitment(100 * GIB, 50 * GIB, 300 * GIB, level=Level.FINE)
    assert not found(storage(StorageKind.NFS, commitment=fine), user(WEB, sizes=(100 * GIB, GIB)))
