"""What is mounted where, and where a path leads to. Lines are of proc(5), /proc/pid/mountinfo, and of fstab(5)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.storage import Access, Health, StorageKind
from backends.probes.storage.file_systems import Mounted, mounted
from backends.probes.storage.mounts import MOUNTINFO, PROC_MOUNTS, STATFS, Mount, mounts, which_mount
from backends.probes.survey.readings import Readings
from tests.unit.host_files import any_host, host
from tests.unit.storage.mounted_hosts import ROOT, at, host_with, only

EXAMPLE = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
"""Of proc(5) and of the kernel's Documentation/filesystems/proc.rst, 3.5."""


def test_the_documented_line_is_read() -> None:
    (mount,) = mounts(host({MOUNTINFO: EXAMPLE}))
    assert mount == Mount(
        kind="ext3",
        source="/dev/root",
        point="/mnt2",
        options=("rw", "noatime"),
        fs_options=("rw", "errors=continue"),
        device="98:0",
        root="/mnt1",
        id=36,
        parent=35,
    )
    assert mount.inside("/mnt2/a/disk.img") == "/mnt1/a/disk.img"


@pytest.mark.parametrize("optional", ["", "shared:2 ", "shared:2 master:1 propagate_from:7 unbindable "])
def test_any_number_of_optional_fields_is_passed_over(optional: str) -> None:
    line = f"36 35 98:0 / /mnt2 rw {optional}- ext3 /dev/root rw"
    assert mounts(host({MOUNTINFO: line}))[0].source == "/dev/root"


def test_blanks_line_ends_and_backslashes_in_paths_are_what_they_were() -> None:
    line = r"36 35 98:0 /a\040b /mnt/x\040y\012z\134040\043 rw - ext4 /dev/mapper/a\011b rw"
    (mount,) = mounts(host({MOUNTINFO: line}))
    assert mount.point == "/mnt/x y\nz\\040#"
    assert mount.source == "/dev/mapper/a\tb"
    way = only(host_with(line)).way
    assert way is not None
    assert way.path == "/mnt/x y\nz\\040#"
    assert way.words == "/mnt/x y␊z\\040#"


def test_a_host_without_mountinfo_tells_by_its_older_table() -> None:
    """fstab(5): the same fields as in /proc/mounts."""
    text = "/dev/sda1 / ext4 rw,relatime 0 0\nst:/srv /mnt/a\\040b nfs ro,vers=3,addr=10.0.0.9 0 0"
    found = mounted(host({PROC_MOUNTS: text}))
    seen = at(found, "/mnt/a b/disk")
    assert (seen.key, seen.access) == ("st:/srv", Access.READ_ONLY)
    assert at(found, "/var").key == "/dev/sda1"


def test_the_deepest_mount_has_the_path() -> None:
    lines = (ROOT, "30 22 8:2 / /srv rw - xfs /dev/sda2 rw", "31 30 8:3 / /srv/images rw - xfs /dev/sda3 rw")
    found = host_with(*lines)
    assert at(found, "/srv/images/a.qcow2").key == "/dev/sda3"
    assert at(found, "/srv/images").key == "/dev/sda3"
    assert at(found, "/srv/images2/a.qcow2").key == "/dev/sda2"
    assert at(found, "//srv/../home/a").key == "/dev/sda1"
    assert found.under("images/a.qcow2") is None


def test_what_is_mounted_over_is_not_seen() -> None:
    """A mount on the same point, and one on a folder above: what was below is there no more."""
    lines = (
        ROOT,
        "30 22 8:2 / /srv/images rw - xfs /dev/sda2 rw",
        "31 22 8:3 / /srv rw - xfs /dev/sda3 rw",
        "32 22 8:4 / /data rw - xfs /dev/sda4 rw",
        "33 32 8:5 / /data rw - xfs /dev/sda5 rw",
    )
    found = host_with(*lines)
    assert at(found, "/srv/images/a.qcow2").key == "/dev/sda3"
    assert at(found, "/data/a.qcow2").key == "/dev/sda5"


def test_a_mount_in_a_part_of_the_table_that_was_left_out_counts_by_its_path() -> None:
    """An autofs is between it and the root; the host does not send those."""
    found = host_with(ROOT, "41 40 0:52 / /net/st rw - nfs4 st:/srv rw,vers=4.2,addr=10.0.0.9")
    assert at(found, "/net/st/a.qcow2").key == "st:/srv"


def test_in_the_older_table_the_last_of_the_longest_wins() -> None:
    text = "/dev/a / ext4 rw 0 0\n/dev/b /srv ext4 rw 0 0\n/dev/c /srv ext4 rw 0 0\n/dev/d / ext4 rw 0 0"
    table = mounts(host({PROC_MOUNTS: text}))
    found = which_mount(table, "/srv/x")
    assert found is not None
    assert found.source == "/dev/c"
    root = which_mount(table, "/home")
    assert root is not None
    assert root.source == "/dev/d"


def test_a_bind_mount_is_the_file_system_that_it_shows() -> None:
    lines = (ROOT, "30 22 8:1 /srv/images /var/lib/libvirt/images ro,relatime - ext4 /dev/sda1 rw")
    found = host_with(*lines, statfs="8:1 asked\n8:1 0 4096 1000 500 400")
    assert len(found.all_seen) == 1
    under = found.under("/var/lib/libvirt/images/a.qcow2")
    assert under is not None
    mount, seen = under
    assert seen.key == "/dev/sda1"
    assert mount.inside("/var/lib/libvirt/images/a.qcow2") == "/srv/images/a.qcow2"
    assert seen.access is Access.READ_WRITE, "the whole of it, although this part is read-only"
    assert mount.access is Access.READ_ONLY


def test_subvolumes_are_one_file_system() -> None:
    """btrfs(5): the root of each mount is its subvolume; the device number is one of the kernel's own."""
    lines = (
        "22 1 0:31 /@ / rw shared:1 - btrfs /dev/sda2 rw,subvolid=256,subvol=/@",
        "40 22 0:31 /@home /home rw - btrfs /dev/sda2 rw,subvolid=257,subvol=/@home",
    )
    (seen,) = host_with(*lines).all_seen
    assert (seen.kind, seen.key, seen.is_own) == (StorageKind.FILE_SYSTEM, "/dev/sda2", True)
    assert seen.under == {"path:/dev/sda2"}


def test_a_local_file_system_is_the_host_s_own_and_says_on_which_device_it_is() -> None:
    seen = at(host_with(ROOT, statfs="8:1 asked\n8:1 0 4096 1000 500 400"), "/x")
    assert seen.is_own
    assert not seen.aliases, "clones of one image have the same UUID"
    assert seen.under == {"dev:8:1"}
    assert (seen.capacity_bytes, seen.available_bytes) == (4096000, 1638400)
    assert (seen.health, seen.options) == (Health.GOOD, ("ext4",))


def test_a_pool_of_zfs_is_known_by_its_name_and_a_tmpfs_by_its_place() -> None:
    lines = (
        "50 22 0:60 / /tank rw - zfs tank/images rw,xattr",
        "51 22 0:61 / /fast rw - tmpfs tmpfs rw,size=1g",
    )
    assert {seen.key for seen in host_with(ROOT, *lines).all_seen} == {"/dev/sda1", "tank/images", "/fast"}


def test_what_never_holds_disks_is_not_told_but_still_covers_paths() -> None:
    found = host_with(
        ROOT, "24 22 0:23 / /run rw - tmpfs tmpfs rw,mode=755", "25 22 0:6 / /dev rw - devtmpfs udev rw"
    )
    assert [seen.key for seen in found.all_seen] == ["/dev/sda1"]
    assert found.under("/run/disk.img") is None


def test_a_share_of_windows_is_the_same_for_every_host_and_a_folder_of_a_host_s_own_is_not() -> None:
    """mount.cifs(8), sshfs(1), the kernel's Documentation/filesystems/{9p,virtiofs}.rst."""
    lines = (
        "60 22 0:70 / /mnt/w rw - cifs //Server/share rw,vers=3.1.1,username=u",
        "61 22 0:71 / /mnt/s rw - fuse.sshfs root@st:/srv rw,user_id=0,group_id=0",
        "62 22 0:72 / /mnt/v rw - virtiofs images rw",
        "63 22 0:73 / /mnt/9 rw - 9p images rw,trans=virtio",
    )
    found = host_with(ROOT, *lines)
    assert [at(found, f"/mnt/{name}/a").is_own for name in "wsv9"] == [False, False, True, True]
    assert at(found, "/mnt/s/a").key == "st:/srv", "not whom it logs in as"
    assert at(found, "/mnt/v/a").key == "/mnt/v", "a tag says nothing outside of this machine"
    assert {at(found, f"/mnt/{name}/a").kind for name in "wsv9"} == {StorageKind.OTHER}


@pytest.mark.parametrize(
    ("answer", "health", "words"),
    [
        ("0:52 asked", Health.BROKEN, "does not answer"),
        ("0:52 asked\n0:52 137 ", Health.BROKEN, "does not answer"),
        (
            "0:52 asked\n0:52 1 stat: cannot read file system information for '/mnt/a': Stale file handle",
            Health.BROKEN,
            "stale",
        ),
        (
            "0:52 asked\n0:52 1 stat: cannot read file system information for '/mnt/a': "
            "Transport endpoint is not connected",
            Health.BROKEN,
            "its process has ended",
        ),
        (
            "0:52 asked\n0:52 1 stat: cannot read file system information for '/mnt/a': Permission denied",
            Health.UNKNOWN,
            "log in as root",
        ),
        ("0:52 asked\n0:52 0 4096 ten 5 4", Health.UNKNOWN, "could not be read"),
        ("", Health.UNKNOWN, "not asked"),
    ],
)
def test_one_that_does_not_answer_is_broken_and_one_that_was_not_asked_is_unknown(
    answer: str, health: Health, words: str
) -> None:
    """stat(1) of coreutils with strerror(3); 137 is timeout(1) after SIGKILL."""
    line = "41 22 0:52 / /mnt/a rw - nfs4 st:/srv rw,vers=4.2,addr=10.0.0.9"
    seen = only(host_with(ROOT, line, statfs=f"8:1 asked\n8:1 0 4096 10 5 4\n{answer}"))
    assert seen.health is health
    assert words in seen.detail
    assert seen.capacity_bytes is None


def test_a_host_without_timeout_says_so() -> None:
    seen = mounted(host({MOUNTINFO: ROOT})).all_seen[0]
    assert seen.health is Health.UNKNOWN
    assert "timeout(1)" in seen.detail


def test_a_file_system_that_has_made_itself_read_only_is_broken() -> None:
    """ext4(5), errors=remount-ro: the file system becomes read-only, its mount stays as it was."""
    line = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 ro,errors=remount-ro"
    seen = host_with(line, statfs="8:1 asked\n8:1 0 4096 10 5 4").all_seen[0]
    assert (seen.health, seen.access) == (Health.BROKEN, Access.READ_ONLY)
    assert "read-only" in seen.detail
    asked_for = "22 1 8:1 / / ro,relatime - ext4 /dev/sda1 ro,errors=remount-ro"
    assert host_with(asked_for, statfs="8:1 asked\n8:1 0 4096 10 5 4").all_seen[0].health is Health.GOOD


def test_thousands_of_mounts_and_disks_take_no_time() -> None:
    lines = [ROOT, *(f"{n} 22 9:{n} / /srv/{n} rw - xfs /dev/d{n} rw" for n in range(100, 600))]
    found = host_with(*lines)
    began_s = time.monotonic()
    assert {at(found, f"/srv/{100 + n % 500}/disk{n}").key for n in range(1000)} == {
        f"/dev/d{n}" for n in range(100, 600)
    }
    assert time.monotonic() - began_s < 2.0


@pytest.mark.parametrize(
    "line",
    [
        "",
        "36 35 98:0",
        "36 35 98:0 / /mnt rw ext3 /dev/root rw",
        "x 35 98:0 / /mnt rw - ext3 /dev/root rw",
        "36 35 98:0 / mnt rw - ext3 /dev/root rw",
        "36 35 98:0 / /mnt rw -",
        "- - - - - - - - - -",
    ],
)
def test_lines_of_no_known_form_are_passed_over(line: str) -> None:
    found = host_with(line, ROOT)
    assert [seen.key for seen in found.all_seen] == ["/dev/sda1"]


@given(any_host(MOUNTINFO, PROC_MOUNTS, STATFS), st.text(max_size=30))
def test_no_table_breaks_the_reader(readings: Readings, path: str) -> None:
    found = mounted(readings)
    found.under(f"/{path}")
    found.served(f"/{path}")
    assert isinstance(found, Mounted)


FIELD = st.sampled_from(
    [
        "36",
        "35",
        "8:1",
        "/",
        "/mnt",
        "rw",
        "-",
        "ext4",
        "nfs4",
        "gfs2",
        "ocfs2",
        "ceph",
        "fuse.glusterfs",
        "a:/b",
        "",
    ]
)


@given(
    st.lists(st.lists(FIELD, max_size=12).map(" ".join), max_size=6), st.text(alphabet="/amnt.", max_size=12)
)
def test_no_mixture_of_fields_breaks_it(lines: list[str], path: str) -> None:
    found = host_with(*lines, statfs="8:1 asked\n8:1 0 1 1 1 1")
    found.under(path)
    for seen in found.all_seen:
        assert seen.key.isprintable()
        assert seen.label.isprintable()
        assert seen.detail.isprintable()
