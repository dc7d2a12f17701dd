"""Whether two hosts' devices are one: by WWID or target, and by what they begin with.

Forms of devices are the kernel's (see test_block_devices.py); of LVM, those of test_lvm.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.migration.checks.block_disks import device_finding
from backends.model.move import Verdict
from backends.model.storage import Sharing
from backends.probes.markers import End
from backends.probes.storage import devices_apart, header, lvm
from backends.probes.storage.header import HostDevices, State
from backends.probes.storage.same_device import compare, compare_groups
from backends.probes.survey.readings import Reading, Readings
from backends.untrusted import clean
from tests.unit.host_files import any_host, host
from tests.unit.storage.disks_of_hosts import FC_DISK, block_files, broken
from tests.unit.storage.test_lvm import REPORT

WWID, OTHER_WWID = "naa.600140500000000000000000000000a1", "naa.600140500000000000000000000000b2"
MPATHA = "/dev/mapper/mpatha"
ONES, TWOS = "1" * 64, "2" * 64
EMPTY_FILE = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def begins(digest: str = ONES, *, real: str = "", state: str = "there", signs: Iterable[str] = ()) -> str:
    """As header.sh tells it."""
    return "\n".join([f"path={real}", f"state={state}", *([f"sha256={digest}"] if digest else []), *signs])


def disk(name: str, wwid: str = WWID, *, sectors: int = 2048, ro: int = 0) -> tuple[str, ...]:
    known = (f"{name}/device/wwid:{wwid}",) if wwid else ()
    return (f"{name}/size:{sectors}", f"{name}/ro:{ro}", *known)


def seen_by(
    name: str,
    *attributes: str,
    path: str = "/dev/sda",
    told: str = "",
    slaves: Iterable[str] = (),
    report: str = "",
) -> HostDevices:
    """A host with disks, asked for one path."""
    files: dict[str, str | Reading] = {
        **block_files(*attributes, slaves=slaves),
        "header 0": told or begins(),
    }
    if report:
        files[lvm.REPORT.name] = report
    return header.read(host(files), name, [path])


def judged(here: HostDevices, there: HostDevices, path: str = "/dev/sda") -> tuple[Sharing, str, str]:
    found = compare(here, path, there)
    assert found.evidence == clean(found.evidence, limit=4096)
    return found.sharing, found.evidence, found.mend


def test_the_same_wwid_and_the_same_first_bytes_are_one_disk() -> None:
    found = compare(seen_by("h1", *disk("sda")), "/dev/sda", seen_by("h2", *disk("sda")))
    assert found.sharing is Sharing.SAME_IDENTITY and WWID in found.evidence
    assert device_finding(found).verdict is Verdict.OK


def test_another_wwid_under_the_same_path_is_refused() -> None:
    found = compare(seen_by("h1", *disk("sda")), "/dev/sda", seen_by("h2", *disk("sda", OTHER_WWID)))
    assert found.sharing is Sharing.DIFFERENT and WWID in found.evidence and OTHER_WWID in found.evidence
    assert device_finding(found).verdict is Verdict.REFUSE and device_finding(found).mend


def test_a_disk_that_has_another_name_there_is_told_by_that_name() -> None:
    there = seen_by("h2", *disk("sda", OTHER_WWID), *disk("sdc", WWID))
    sharing, _, mend = judged(seen_by("h1", *disk("sda")), there)
    assert sharing is Sharing.DIFFERENT and "/dev/sdc" in mend and "by-id" in mend


def test_the_same_wwid_and_other_bytes_are_not_one_disk_and_are_looked_at_again() -> None:
    told = begins(TWOS, signs=["TYPE=ext4", "UUID=2222"])
    found = compare(seen_by("h1", *disk("sda")), "/dev/sda", seen_by("h2", *disk("sda"), told=told))
    assert found.sharing is Sharing.DIFFERENT and found.may_have_changed
    assert "UUID=2222" in found.evidence


def test_the_same_bytes_without_a_wwid_may_be_a_copy() -> None:
    """virtio disks have none; tgt and QEMU name all disks alike (wwid.py)."""
    for name in ("", "t10.IET_00010001", "t10.ATA_QEMU_HARDDISK_QM00001"):
        sharing, evidence, _ = judged(
            seen_by("h1", *disk("vda", name)), seen_by("h2", *disk("vda", name)), "/dev/sda"
        )
        assert sharing is Sharing.UNKNOWN and "no WWID" in evidence


def test_other_bytes_without_a_wwid_are_another_disk() -> None:
    there = seen_by("h2", *disk("sda", ""), told=begins(TWOS))
    assert judged(seen_by("h1", *disk("sda", "")), there)[0] is Sharing.DIFFERENT


@pytest.mark.parametrize("which", ["h1", "h2"])
def test_a_device_that_may_not_be_read_is_not_known_and_the_permission_is_named(which: str) -> None:
    denied = begins("", state="denied")
    here, there = (seen_by(name, *disk("sda"), told=denied if name == which else "") for name in ("h1", "h2"))
    sharing, evidence, mend = judged(here, there)
    assert sharing is Sharing.UNKNOWN and f"{which}: /dev/sda: permission denied" in evidence
    assert f"log in to {which} as root" in mend
    assert WWID in evidence, "that both call it the same is told all the same"


def test_a_read_that_brought_nothing_is_no_header() -> None:
    empty = begins(EMPTY_FILE)
    sharing, evidence, _ = judged(
        seen_by("h1", *disk("sda"), told=empty), seen_by("h2", *disk("sda"), told=empty)
    )
    assert sharing is Sharing.UNKNOWN and "could not be read" in evidence


def test_a_multipath_device_is_what_its_paths_are_however_many_work() -> None:
    mapped = ("dm-0/size:2048", "dm-0/ro:0", "dm-0/dm/name:mpatha", f"dm-0/dm/uuid:mpath-3{WWID[4:]}")
    here = seen_by(
        "h1", *mapped, *disk("sda"), *disk("sdb"), path=MPATHA, slaves=["dm-0/slaves/sda", "dm-0/slaves/sdb"]
    )
    there = seen_by("h2", *mapped, *disk("sdf"), path=MPATHA, slaves=["dm-0/slaves/sdf"])
    other = seen_by("h3", *mapped, *disk("sda", OTHER_WWID), path=MPATHA, slaves=["dm-0/slaves/sda"])
    assert judged(here, there, MPATHA)[0] is Sharing.SAME_IDENTITY
    assert judged(here, other, MPATHA)[0] is Sharing.DIFFERENT, "friendly names are each host's own"


def test_a_lun_that_has_grown_on_one_host_alone_must_be_rescanned_first() -> None:
    found = compare(seen_by("h1", *disk("sda", sectors=4096)), "/dev/sda", seen_by("h2", *disk("sda")))
    assert found.sharing is Sharing.SAME_IDENTITY and found.obstacle
    refused = device_finding(found)
    assert refused.verdict is Verdict.REFUSE and "rescan it on h2" in refused.mend
    grown = compare(seen_by("h1", *disk("sda")), "/dev/sda", seen_by("h2", *disk("sda", sectors=4096)))
    assert device_finding(grown).verdict is Verdict.OK


def test_a_disk_that_may_only_be_read_there_is_refused() -> None:
    found = compare(seen_by("h1", *disk("sda")), "/dev/sda", seen_by("h2", *disk("sda", ro=1)))
    assert device_finding(found).verdict is Verdict.REFUSE and "setrw" in found.mend


def test_a_target_that_shows_another_disk_under_the_same_lun_is_not_believed() -> None:
    way = [f"sda -> {FC_DISK}/sda"]
    here, there = (
        header.read(
            host({**block_files(*disk("sda", name), links=way), "header 0": begins()}), at, ["/dev/sda"]
        )
        for at, name in (("h1", WWID), ("h2", OTHER_WWID))
    )
    assert judged(here, there)[0] is Sharing.DIFFERENT


def test_another_partition_of_the_same_disk_is_another_device() -> None:
    links = [f"sda1 -> {FC_DISK}/sda/sda1", f"sda2 -> {FC_DISK}/sda/sda2", f"sda -> {FC_DISK}/sda"]
    parts = ("sda1/size:8", "sda1/partition:1", "sda2/size:8", "sda2/partition:2")

    def at(name: str, part: str) -> HostDevices:
        files = block_files(*disk("sda"), *parts, links=links)
        told = begins(real=f"/dev/{part}")
        return header.read(host({**files, "header 0": told}), name, ["/dev/disk/by-label/data"])

    path = "/dev/disk/by-label/data"
    assert judged(at("h1", "sda1"), at("h2", "sda1"), path)[0] is Sharing.SAME_IDENTITY
    assert judged(at("h1", "sda1"), at("h2", "sda2"), path)[0] is Sharing.DIFFERENT


async def test_a_host_whose_disk_was_written_to_between_the_looks_is_looked_at_again_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[str] = []

    async def asked(end: End, _paths: Sequence[str]) -> HostDevices:
        looks.append(end.host)
        is_early = end.host == "h2" and looks.count("h2") == 1
        return seen_by(end.host, *disk("sda"), told=begins(TWOS if is_early else ONES))

    monkeypatch.setattr(devices_apart, "_asked", asked)
    monkeypatch.setattr(devices_apart, "LOOK_PAUSE_S", 0.0)
    others = [(End(host, None), ["/dev/sda"]) for host in ("h2", "h3")]
    found = await devices_apart.compare_all(End("h1", None), ["/dev/sda"], others)
    assert [each.sharing for (each,) in found] == [Sharing.SAME_IDENTITY] * 2
    assert sorted(looks) == ["h1", "h1", "h2", "h2", "h3"]


# Logical volumes ---------------------------------------------------------------------------------

ON_DISKS = REPORT.replace("/dev/loop0", "/dev/sda").replace("/dev/loop1", "/dev/sdb")
LUNS = (*disk("sda"), *disk("sdb", OTHER_WWID))
BIG = "/dev/vfs2/big"


def test_a_volume_that_is_not_active_there_comes_with_the_command_that_activates_it() -> None:
    here = seen_by("h1", *LUNS, path=BIG, report=ON_DISKS)
    there = seen_by("h2", *LUNS, path=BIG, told=begins("", state="missing"), report=ON_DISKS)
    found = compare(here, BIG, there)
    assert found.sharing is Sharing.SAME_IDENTITY and "not active on h2" in found.evidence
    assert device_finding(found).verdict is Verdict.REFUSE and "lvchange -ay vfs2/big" in found.mend


def test_a_volume_of_a_copied_group_is_not_taken_for_the_same() -> None:
    here = seen_by("h1", *LUNS, path=BIG, report=ON_DISKS)
    on_copies = (*disk("sda", OTHER_WWID), *disk("sdb", "naa.600140500000000000000000000000c3"))
    there = seen_by("h2", *on_copies, path=BIG, told=begins("", state="missing"), report=ON_DISKS)
    assert compare(here, BIG, there).sharing is Sharing.UNKNOWN


def test_a_group_that_is_not_there_leaves_its_volume_missing() -> None:
    here = seen_by("h1", *LUNS, path=BIG, report=ON_DISKS)
    there = seen_by(
        "h2", *disk("sdq", "naa.6001405000000000000000000000d4d4"), told=begins("", state="missing"), path=BIG
    )
    assert judged(here, there, BIG)[0] is Sharing.DIFFERENT


def test_groups_are_one_by_their_uuid_on_the_same_disks() -> None:
    here = seen_by("h1", *LUNS, report=ON_DISKS)
    same = seen_by(
        "h2",
        *disk("sdx"),
        *disk("sdy", OTHER_WWID),
        report=ON_DISKS.replace("/dev/sda", "/dev/sdx").replace("/dev/sdb", "/dev/sdy"),
    )
    copied = seen_by("h3", *disk("sda", ""), *disk("sdb", ""), report=ON_DISKS)
    other = seen_by("h4", *LUNS, report=ON_DISKS.replace("gkV1Gf", "zzzzzz"))
    none = seen_by("h5", *LUNS)
    found = [compare_groups(here, each, "vfs2", "vfs2").sharing for each in (same, copied, other, none)]
    assert found == [Sharing.SAME_IDENTITY, Sharing.UNKNOWN, Sharing.DIFFERENT, Sharing.DIFFERENT]


# What hosts may say ------------------------------------------------------------------------------


@given(broken(begins(signs=["TYPE=ext4", "UUID=1"], real="/dev/sda")))
def test_a_broken_form_is_unknown_and_never_a_crash(text: str) -> None:
    found = header.parse(text)
    assert isinstance(found.state, State)
    assert all(sign == clean(sign) for sign in found.signs)
    assert found.digest == "" or len(found.digest) == 64


@given(
    any_host("header 0", "/sys/class/block", "links /sys/class/block", "slaves", lvm.REPORT.name), st.text()
)
def test_nonsense_from_a_host_never_makes_two_devices_one(readings: Readings, path: str) -> None:
    found = compare(header.read(readings, "h1", [path]), path, seen_by("h2", *disk("sda"), path=path))
    assert found.sharing is not Sharing.SAME_IDENTITY


def test_a_host_that_does_not_answer_is_unknown_with_its_reason() -> None:
    silent = HostDevices("h2", trouble="no answer within 20 s")
    assert judged(seen_by("h1", *disk("sda")), silent)[:2] == (Sharing.UNKNOWN, "h2: no answer within 20 s")
