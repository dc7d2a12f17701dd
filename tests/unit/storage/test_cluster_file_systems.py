"""GFS2 with DLM, OCFS2 with its stacks: by UUID, with what says whether their locks hold.

Sources: the kernel's fs/gfs2/sys.c, fs/dlm/lockspace.c and fs/ocfs2/super.c (files), Documentation/filesystems/gfs2.rst
and ocfs2.rst (mount options), dlm_tool(8) with its main.c (`show_ls`), mounted.ocfs2(8).
"""

from __future__ import annotations

import pytest
from hypothesis import given

from backends.model.storage import Health, StorageKind
from backends.probes.storage import script
from backends.probes.storage.cluster import Lockspace, fs_uuid, lockspaces
from backends.probes.storage.file_systems import mounted
from backends.probes.storage.mounts import MOUNTINFO
from backends.probes.survey.readings import Gap, Reading, Readings
from tests.unit.host_files import any_host, host
from tests.unit.storage.mounted_hosts import ROOT, host_with, only

UUID = "7d4a1b02-89ef-4c12-91ef-c56a88bdf201"
GFS2_LINE = "41 22 253:3 / /srv/images rw,noatime - gfs2 /dev/mapper/vg-images rw,acl"
ANSWERS = "253:3 asked\n253:3 0 4096 1000 500 500"
DIR = "/sys/fs/gfs2/alpha:images"
GFS2 = {
    f"{DIR}/uuid": UUID,
    f"{DIR}/id": "253:3",
    f"{DIR}/withdraw": "0",
    f"{DIR}/freeze": "0",
    f"{DIR}/lock_module/proto_name": "lock_dlm",
    f"{DIR}/lock_module/block": "0",
    f"{DIR}/lock_module/withdraw": "0",
    f"{DIR}/lock_module/jid": "0",
    f"{DIR}/lock_module/id": "3831169560",
}
DLM_LS = """dlm lockspaces
name          images
id            0xe4f48a18
flags         0x00000008 fs_reg
change        member 3 joined 1 remove 0 failed 0 seq 1,1
members       1 2 3\x20

name          lvm_cluster-vg
id            0x998ea520
flags         0x00000000\x20
change        member 3 joined 1 remove 0 failed 0 seq 3,3
members       1 2 3\x20
"""


def gfs2_host(**more: str | Reading) -> dict[str, str | Reading]:
    return {**GFS2, script.DLM_LS.name: DLM_LS, **more}


def test_gfs2_is_known_by_its_uuid_and_says_its_lock_table_and_members() -> None:
    seen = only(host_with(ROOT, GFS2_LINE, statfs=ANSWERS, **gfs2_host()))
    assert (seen.kind, seen.key, seen.label) == (StorageKind.GFS2, UUID, "alpha:images")
    assert seen.aliases == {f"fsuuid:{UUID}"}
    assert seen.options == ("lockproto=lock_dlm", "locktable=alpha:images", "members=1,2,3")
    assert (seen.health, seen.detail) == (Health.GOOD, "")
    assert seen.under == {"dev:253:3"}
    assert not seen.is_own


def test_gfs2_without_locks_says_so() -> None:
    """gfs2.rst: lock_nolock is for one node alone. Its folder has the device's name."""
    files = {path.replace("alpha:images", "dm-3"): text for path, text in GFS2.items()}
    files["/sys/fs/gfs2/dm-3/lock_module/proto_name"] = "lock_nolock"
    seen = only(host_with(ROOT, GFS2_LINE, statfs=ANSWERS, **files))
    assert seen.options == ("lockproto=lock_nolock",)
    assert seen.key == UUID


def test_what_the_mount_overrides_counts() -> None:
    """gfs2.rst, mount options: lockproto, locktable, localflocks."""
    line = f"{GFS2_LINE},localflocks,lockproto=lock_nolock,locktable=beta:x"
    seen = only(host_with(ROOT, line, statfs=ANSWERS, **{f"{DIR}/uuid": UUID, f"{DIR}/id": "253:3"}))
    assert seen.options == ("lockproto=lock_nolock", "locktable=beta:x", "localflocks")


@pytest.mark.parametrize(
    ("file", "health", "words"),
    [
        ("withdraw", Health.BROKEN, "withdrawn"),
        ("lock_module/withdraw", Health.BROKEN, "withdrawn"),
        ("lock_module/block", Health.DEGRADED, "recovered"),
        ("freeze", Health.DEGRADED, "frozen"),
    ],
)
def test_trouble_that_the_kernel_tells_is_its_health(file: str, health: Health, words: str) -> None:
    seen = only(host_with(ROOT, GFS2_LINE, statfs=ANSWERS, **gfs2_host(**{f"{DIR}/{file}": "1"})))
    assert seen.health is health
    assert words in seen.detail


def test_a_lock_manager_that_waits_for_fencing_makes_it_degraded() -> None:
    waiting = DLM_LS.replace(
        "members       1 2 3\x20\n\nname",
        "members       1 2 3\x20\n"
        "new change    member 2 joined 0 remove 1 failed 1 seq 2,2\n"
        "new status    wait_messages 0 wait_condition 1 fencing\n"
        "new members   1 2\x20\n\nname",
    ).replace("0x00000008 fs_reg", "0x0000000c fs_reg,kern_stop")
    seen = only(host_with(ROOT, GFS2_LINE, statfs=ANSWERS, **gfs2_host(**{script.DLM_LS.name: waiting})))
    assert (seen.health, seen.detail) == (Health.DEGRADED, "DLM waits for fencing")


def test_one_that_does_not_answer_is_broken_whatever_else_is_known() -> None:
    seen = only(host_with(ROOT, GFS2_LINE, statfs="253:3 asked", **gfs2_host()))
    assert (seen.health, seen.detail) == (Health.BROKEN, "does not answer")


def test_without_sysfs_the_uuid_is_taken_from_the_devices() -> None:
    """lsblk(8), -J: the device may be below others."""
    tree = (
        '{"blockdevices": [{"name": "/dev/sda", "maj:min": "8:0", "uuid": null, "children": '
        f'[{{"name": "/dev/mapper/vg-images", "maj:min": "253:3", "uuid": "{UUID}"}}]}}]}}'
    )
    seen = only(host_with(ROOT, GFS2_LINE, statfs=ANSWERS, **{script.LSBLK.name: tree}))
    assert (seen.key, seen.is_own) == (UUID, False)


def test_without_any_uuid_it_is_the_host_s_own_and_says_why() -> None:
    seen = only(host_with(ROOT, GFS2_LINE, statfs=ANSWERS, **{script.LSBLK.name: "{]"}))
    assert (seen.is_own, seen.aliases) == (True, frozenset())
    assert "UUID is not known" in seen.detail
    assert "log in as root" in seen.detail


def test_lockspaces_with_their_members() -> None:
    assert lockspaces(host({script.DLM_LS.name: DLM_LS})) == (
        Lockspace("images", (1, 2, 3), Health.GOOD),
        Lockspace("lvm_cluster-vg", (1, 2, 3), Health.GOOD),
    )


def test_stopped_lockspaces_and_those_without_members_are_not_well() -> None:
    one = "name          a\nflags         0x00000004 kern_stop\nmembers       1\n\n"
    text = f"{one}name          b\nmembers       error\n"
    stopped, unknown = lockspaces(host({script.DLM_LS.name: text}))
    assert stopped.health is Health.DEGRADED
    assert unknown == Lockspace("b")


def test_without_dlm_tool_the_kernel_s_names_are_told_with_what_would_tell_more() -> None:
    told: dict[str, str | Reading] = {"/sys/kernel/dlm/images/id": "3841231384"}
    told |= {script.DLM_LS.name: Reading(gap=Gap.DENIED)}
    (space,) = lockspaces(host(told))
    assert (space.name, space.members, space.health) == ("images", (), Health.UNKNOWN)
    assert "log in as root" in space.detail


OCFS2_LINE = (
    "41 22 8:49 / /srv/images rw,relatime - ocfs2 /dev/sdd1 "
    "rw,_netdev,heartbeat=global,nointr,data=ordered,errors=remount-ro,atime_quantum=60,coherency=full"
)
OCFS2_UUID = "dcda2845-177f-4d59-a0f2-dcd8de507cc3"
FS_STATE = (
    "    Device => Id: 8,49  Uuid: DCDA2845177F4D59A0F2DCD8DE507CC3  Gen: 0x7F3A1C  Label: webvol1\n"
    "    Volume => State: 1  Flags: 0x0\n"
    "     Sizes => Block: 4096  Cluster: 4096\n"
    "   Cluster => Stack: o2cb  Name: webcluster  Version: 1.0\n"
)
DEVICES = (
    "Device     Stack  Cluster     F  UUID                              Label\n"
    "/dev/sdc1  o2cb   webcluster  G  23878C320CF3478095D1318CB5C99EED  hb1\n"
    "/dev/sdd1  o2cb   webcluster  G  DCDA2845177F4D59A0F2DCD8DE507CC3  webvol1\n"
    "/dev/sde1  None                  8AB3C0E21C2F4C5C8A9E1E4F6A7B8C9D  localmount\n"
)


def test_ocfs2_is_known_by_its_uuid_as_the_kernel_tells_root() -> None:
    path = "/sys/kernel/debug/ocfs2/DCDA2845177F4D59A0F2DCD8DE507CC3/fs_state"
    seen = only(host_with(ROOT, OCFS2_LINE, statfs="8:49 asked\n8:49 0 4096 10 5 5", **{path: FS_STATE}))
    assert (seen.kind, seen.key, seen.health) == (StorageKind.OCFS2, OCFS2_UUID, Health.GOOD)
    assert seen.aliases == {f"fsuuid:{OCFS2_UUID}"}
    assert seen.options == ("stack=o2cb", "cluster=webcluster", "heartbeat=global", "coherency=full")


def test_ocfs2_is_known_by_what_its_tools_tell() -> None:
    seen = only(host_with(ROOT, OCFS2_LINE, **{script.OCFS2_DEVICES.name: DEVICES}))
    assert (seen.key, seen.options[:2]) == (OCFS2_UUID, ("stack=o2cb", "cluster=webcluster"))


def test_old_tools_tell_no_stack_and_the_kernel_does() -> None:
    """ocfs2-tools before 1.8: `Device FS UUID Label`. o2cb's cluster is a folder of configfs."""
    more = {
        script.OCFS2_DEVICES.name: "Device  FS  UUID  Label\n/dev/sdd1  ocfs2  DCDA2845177F4D59A0F2DCD8DE507CC3  v\n",
        "/sys/fs/ocfs2/cluster_stack": "o2cb",
        "/sys/kernel/config/cluster/webcluster/heartbeat/mode": "global",
    }
    seen = only(host_with(ROOT, OCFS2_LINE, **more))
    assert (seen.key, seen.options[:2]) == (OCFS2_UUID, ("stack=o2cb", "cluster=webcluster"))


def test_a_local_ocfs2_says_that_it_has_no_cluster() -> None:
    line = OCFS2_LINE.replace("/dev/sdd1", "/dev/sde1").replace("heartbeat=global", "heartbeat=none")
    seen = only(host_with(ROOT, line, **{script.OCFS2_DEVICES.name: DEVICES}))
    assert seen.options[:2] == ("stack=None", "heartbeat=none")


def test_pacemaker_s_stack_is_told_by_the_mount() -> None:
    line = OCFS2_LINE.replace("heartbeat=global", "heartbeat=none,cluster_stack=pcmk,localflocks")
    seen = only(host_with(ROOT, line))
    assert seen.options == ("stack=pcmk", "heartbeat=none", "localflocks", "coherency=full")
    assert seen.is_own


@pytest.mark.parametrize("text", [UUID, UUID.upper(), UUID.replace("-", ""), f" {UUID}\n"])
def test_a_uuid_is_the_same_however_it_is_written(text: str) -> None:
    assert fs_uuid(text) == UUID


@pytest.mark.parametrize("text", ["", "none", UUID[:-1], f"{UUID}0", "3B4C-12AF"])
def test_what_is_no_uuid_is_none(text: str) -> None:
    assert fs_uuid(text) == ""


FILES = (
    f"{DIR}/uuid",
    f"{DIR}/id",
    f"{DIR}/lock_module/proto_name",
    "/sys/kernel/debug/ocfs2/x/fs_state",
    "/sys/kernel/dlm/a/id",
    script.DLM_LS.name,
    script.OCFS2_DEVICES.name,
    script.LSBLK.name,
)


@given(any_host(*FILES))
def test_broken_forms_give_unknown(readings: Readings) -> None:
    told = Readings(
        "u", False, None, 0.0, 0.0, {**readings.files, MOUNTINFO: Reading(f"{GFS2_LINE}\n{OCFS2_LINE}")}
    )
    for seen in mounted(told).all_seen:
        assert seen.is_own or fs_uuid(seen.key)
        assert all(text.isprintable() for text in (seen.key, seen.label, seen.detail, *seen.options))
    for space in lockspaces(told):
        assert space.name.isprintable()
        assert space.detail.isprintable()
