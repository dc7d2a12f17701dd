"""One row for each storage: hosts that share a name of the storage itself share a row, and a path is no such name."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backends.model.host import HostName
from backends.model.storage import Access, StorageId, StorageKind
from backends.probes.storage.seen import Seen
from backends.storage.identities import Identities, Identity, merge, sightings
from tests.unit.storage.told_hosts import H1, H2, H3, seen

ISCSI, FC, BLOCK = StorageKind.ISCSI, StorageKind.FIBRE_CHANNEL, StorageKind.BLOCK
LVM, LOCAL = StorageKind.LVM, StorageKind.FILE_SYSTEM
LUN = "iqn.2026-11.lab:disks/1"
WWID = "naa.60014051234567890abcdef123456789"
VG = "S6Yp1e-aBcD-EfGh-IjKl-MnOp-QrSt-UvWxYz"
UUID = "3c5a2d10-8f65-4c9e-9f3e-0a1b2c3d4e5f"


def ids(found: Identities) -> list[StorageId]:
    return [identity.id for identity in found.rows]


def hosts_of(found: Identities, key: str) -> list[HostName]:
    (identity,) = (each for each in found.rows if each.id.key == key)
    return list(identity.told)


def proves_all(_host: HostName, _kind: StorageKind) -> str:
    return ""


def test_a_lun_that_one_host_has_by_the_kernel_and_another_by_qemu_is_one_row() -> None:
    by_kernel = seen(ISCSI, LUN, f"iqn:{LUN}", f"wwid:{WWID}", path="/dev/sdb")
    by_qemu = seen(ISCSI, LUN, f"iqn:{LUN}")
    found = merge({H1: [by_kernel], H2: [by_qemu]})
    assert ids(found) == [StorageId(ISCSI, LUN)]
    assert hosts_of(found, LUN) == [H1, H2]


def test_a_target_that_shows_each_host_another_disk_as_one_lun_is_one_row_for_each_disk() -> None:
    ours, theirs = (seen(ISCSI, LUN, f"iqn:{LUN}", f"wwid:naa.600{number}") for number in (1, 2))
    boot = seen(LOCAL, "/dev/sda1", f"fsuuid:{UUID}", own=True)
    copies = [replace(boot, under=each.aliases) for each in (ours, theirs)]
    by_qemu = seen(ISCSI, LUN, f"iqn:{LUN}")
    found = merge({H1: [ours, copies[0]], H2: [theirs, copies[1]], H3: [by_qemu]})
    assert [list(row.told) for row in found.rows] == [[H1], [H1], [H2], [H2], [H3]]
    assert len(set(ids(found))) == 5
    assert found.place(H2, theirs) == found.find(H2, [f"iqn:{LUN}"]) == 2
    assert found.rows[3].under == {2}


def test_a_lun_that_hosts_call_by_names_of_other_types_is_one_row() -> None:
    ours, theirs = (seen(ISCSI, LUN, f"iqn:{LUN}", f"wwid:{name}") for name in (WWID, "t10.LIO-ORG_disk1"))
    assert len(merge({H1: [ours], H2: [theirs]}).rows) == 1


def test_a_file_system_that_two_hosts_mount_from_a_volume_of_one_group_is_one_row() -> None:
    group = seen(LVM, VG, f"vg:{VG}", under=[f"wwid:{WWID}"])
    on_it = seen(LOCAL, "/dev/dm-0", f"fsuuid:{UUID}", own=True, under=[f"vg:{VG}"])
    on_disk = seen(ISCSI, LUN, f"iqn:{LUN}", f"wwid:{WWID}")
    found = merge({H1: [on_it, group, on_disk], H2: [on_it, group, on_disk]})
    assert [list(row.told) for row in found.rows] == [[H1, H2]] * 3


def test_a_multipath_device_and_its_paths_are_one_row_by_their_wwid() -> None:
    paths = [seen(FC, WWID, f"wwid:{WWID}", path=path) for path in ("/dev/sdb", "/dev/sdc")]
    device = seen(BLOCK, WWID, f"wwid:{WWID}", path="/dev/mapper/mpatha")
    found = merge({H1: [*paths, device]})
    assert ids(found) == [StorageId(FC, WWID)]
    sighting = sightings(found.rows[0], [H1], proves_all)[H1]
    assert [way.path for way in sighting.ways] == ["/dev/sdb", "/dev/sdc", "/dev/mapper/mpatha"]


def test_names_that_only_a_third_host_knows_together_still_join_the_other_two() -> None:
    found = merge(
        {
            H1: [seen(ISCSI, LUN, f"iqn:{LUN}")],
            H2: [seen(BLOCK, WWID, f"wwid:{WWID}")],
            H3: [seen(ISCSI, LUN, f"iqn:{LUN}", f"wwid:{WWID}")],
        }
    )
    assert ids(found) == [StorageId(ISCSI, LUN)]


def test_an_export_by_name_and_by_address_is_one_row_with_what_the_server_serves() -> None:
    nfs = StorageKind.NFS
    by_name = seen(nfs, "nas:/vm", "export:nas:/vm", "export:10.0.0.9:/vm")
    by_address = seen(nfs, "10.0.0.9:/vm", "export:10.0.0.9:/vm")
    served = seen(nfs, "10.0.0.9:/vm", "export:10.0.0.9:/vm", options=["served by this host"])
    found = merge({H1: [by_name], H2: [by_address], H3: [served]})
    assert len(found.rows) == 1
    assert list(found.rows[0].told) == [H1, H2, H3]


def test_the_same_path_on_two_hosts_is_two_rows() -> None:
    local = seen(LOCAL, "/dev/sda1", own=True, path="/var/lib/libvirt/images")
    found = merge({H1: [local], H2: [local]})
    assert ids(found) == [StorageId(LOCAL, "h1:/dev/sda1"), StorageId(LOCAL, "h2:/dev/sda1")]


def test_a_file_system_that_was_copied_with_its_machine_is_not_shared() -> None:
    copied = seen(LOCAL, "/dev/vda1", f"fsuuid:{UUID}", own=True)
    on_disks = [
        seen(LOCAL, "/dev/sda1", f"fsuuid:{UUID}", own=True, under=[f"wwid:naa.500{number}"])
        for number in (1, 2)
    ]
    disks = [seen(BLOCK, f"naa.500{number}", f"wwid:naa.500{number}") for number in (1, 2)]
    assert len(merge({H1: [copied], H2: [copied]}).rows) == 2
    found = merge({H1: [disks[0], on_disks[0]], H2: [disks[1], on_disks[1]]})
    assert len(found.rows) == 4


def test_a_file_system_that_two_hosts_mount_from_one_lun_is_one_row_and_lies_on_the_lun() -> None:
    lun = seen(ISCSI, LUN, f"iqn:{LUN}")
    mounts = [
        seen(LOCAL, device, f"fsuuid:{UUID}", own=True, under=[f"iqn:{LUN}"])
        for device in ("/dev/sdb", "/dev/sdf")
    ]
    found = merge({H1: [lun, mounts[0]], H2: [mounts[1], lun]})
    assert set(ids(found)) == {StorageId(ISCSI, LUN), StorageId(LOCAL, UUID)}
    (file_system,) = (each for each in found.rows if each.id.kind is LOCAL)
    assert [found.rows[place].id.key for place in file_system.under] == [LUN]


def test_two_file_systems_on_one_lun_stay_two() -> None:
    lun = seen(ISCSI, LUN, f"iqn:{LUN}")
    first, second = (
        seen(LOCAL, f"/dev/sdb{n}", f"fsuuid:{n}", own=True, under=[f"iqn:{LUN}"]) for n in (1, 2)
    )
    assert len(merge({H1: [lun, first], H2: [lun, second]}).rows) == 3


def test_a_volume_group_that_was_cloned_with_its_machine_is_not_shared() -> None:
    groups = [seen(LVM, VG, f"vg:{VG}", own=True) for _ in range(2)]
    found = merge({H1: [groups[0]], H2: [groups[1]]})
    assert ids(found) == [StorageId(LVM, f"h1:{VG}"), StorageId(LVM, f"h2:{VG}")]
    on_disks = [seen(LVM, VG, f"vg:{VG}", under=[f"wwid:naa.500{n}"]) for n in (1, 2)]
    disks = [seen(BLOCK, f"naa.500{n}", f"wwid:naa.500{n}") for n in (1, 2)]
    found = merge({H1: [disks[0], on_disks[0]], H2: [disks[1], on_disks[1]]})
    groups_found = [id_ for id_ in ids(found) if id_.kind is LVM]
    assert groups_found == [StorageId(LVM, f"h1:{VG}"), StorageId(LVM, f"h2:{VG}")]


def test_a_volume_group_on_one_lun_is_one_row_by_its_uuid_even_where_a_host_misses_one_of_its_disks() -> None:
    luns = [seen(ISCSI, f"iqn.x/{n}", f"iqn:iqn.x/{n}") for n in (1, 2)]
    whole = seen(LVM, VG, f"vg:{VG}", under=["iqn:iqn.x/1", "iqn:iqn.x/2"])
    partly = seen(LVM, VG, f"vg:{VG}", under=["iqn:iqn.x/2"])
    found = merge({H1: [*luns, whole], H2: [luns[1], partly]})
    assert StorageId(LVM, VG) in ids(found)
    assert hosts_of(found, VG) == [H1, H2]


def test_a_group_that_locks_across_hosts_is_one_row_where_its_disks_are_not_told() -> None:
    group = seen(LVM, VG, f"vg:{VG}", options=["sanlock"])
    assert ids(merge({H1: [group], H2: [group]})) == [StorageId(LVM, VG)]


def test_a_cluster_file_system_is_one_by_its_uuid() -> None:
    gfs2 = seen(StorageKind.GFS2, UUID, f"fsuuid:{UUID}", under=["dev:253:3"])
    assert ids(merge({H1: [gfs2], H2: [gfs2]})) == [StorageId(StorageKind.GFS2, UUID)]


def test_a_host_that_was_asked_and_does_not_see_it_says_so_only_where_it_would_have_shown() -> None:
    found = merge({H1: [seen(LVM, VG, f"vg:{VG}")], H2: [], H3: []})

    def why(host: HostName, kind: StorageKind) -> str:
        return "permission denied: log in as root" if (host, kind) == (H3, LVM) else ""

    told = sightings(found.rows[0], [H1, H2, H3], why)
    assert [told[host].access for host in (H1, H2, H3)] == [
        Access.READ_WRITE,
        Access.NOT_SEEN,
        Access.UNKNOWN,
    ]
    assert "log in as root" in told[H3].detail


def test_what_is_one_hosts_own_is_not_seen_by_others_whatever_they_can_tell() -> None:
    found = merge({H1: [seen(LOCAL, "/dev/sda1", own=True)], H2: []})
    assert sightings(found.rows[0], [H1, H2], lambda *_: "libvirt alone")[H2].access is Access.NOT_SEEN


def test_a_host_that_mounts_it_twice_sees_it_as_well_as_its_better_mount_and_as_ill_as_its_worse() -> None:
    read_only = seen(StorageKind.NFS, "nas:/vm", access=Access.READ_ONLY, path="/backup", options=["vers=3"])
    writable = seen(StorageKind.NFS, "nas:/vm", path="/vm", options=["vers=4.2"])
    found = merge({H1: [read_only, writable]})
    sighting = sightings(found.rows[0], [H1], proves_all)[H1]
    assert sighting.access is Access.READ_WRITE
    assert [way.path for way in sighting.ways] == ["/backup", "/vm"]
    assert sighting.options == ("vers=3", "vers=4.2")


def test_ids_do_not_depend_on_who_else_was_asked() -> None:
    local = seen(LOCAL, "/dev/sda1", f"fsuuid:{UUID}", own=True)
    lun = seen(ISCSI, LUN, f"iqn:{LUN}", f"wwid:{WWID}")
    alone, together = merge({H1: [local, lun]}), merge({H2: [local, lun], H1: [lun, local]})
    assert set(ids(alone)) < set(ids(together))


KINDS = st.sampled_from([ISCSI, BLOCK, LVM, LOCAL, StorageKind.NFS, StorageKind.GFS2])
NAMES = st.sampled_from(["wwid:1", "wwid:2", "iqn:a/1", "vg:1", "fsuuid:1", "export:s:/a"])
SEEN = st.builds(
    lambda kind, key, names, under, own: seen(kind, key, *names, own=own, under=under),
    KINDS,
    st.sampled_from(["a", "b", "c"]),
    st.frozensets(NAMES, max_size=3),
    st.frozensets(NAMES, max_size=2),
    st.booleans(),
)


@given(st.dictionaries(st.sampled_from([H1, H2, H3]), st.lists(SEEN, max_size=8), max_size=3))
def test_whatever_is_told_each_telling_is_in_one_row_and_no_two_rows_have_one_id(
    all_told: dict[HostName, list[Seen]],
) -> None:
    found = merge(all_told)
    assert len(set(ids(found))) == len(found.rows)
    for host, each in all_told.items():
        assert sum(len(identity.told.get(host, ())) for identity in found.rows) == len(each)
        for one in each:
            place = found.place(host, one)
            assert place is not None
            assert one in found.rows[place].told[host]
            assert_shares_global_names(found.rows, host, one)


def assert_shares_global_names(rows: tuple[Identity, ...], host: HostName, one: Seen) -> None:
    """Whoever tells of a disk by its WWID is in the same row as all who do."""
    for alias in one.aliases:
        if alias.startswith(("wwid:", "iqn:", "export:")):
            holding = [
                row
                for row in rows
                for each in row.told.values()
                if any(alias in other.aliases for other in each)
            ]
            assert len({row.id for row in holding}) == 1, (host, alias)


def test_a_file_system_of_one_host_is_called_after_the_host_as_every_host_has_a_root() -> None:
    root = replace(seen(LOCAL, "/dev/sda1", own=True), label="/")
    assert sorted(row.label for row in merge({H1: [root], H2: [root]}).rows) == ["h1:/", "h2:/"]
