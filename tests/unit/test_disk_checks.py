"""What is thought of disks: what may be shared, what may be two, and where a copy may land."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.hypervisor.disk_sizes import DiskSize
from backends.hypervisor.pool_definitions import Pool, PoolSource, Volume
from backends.hypervisor.volume_search import FoundVolume
from backends.migration.checks.block_disks import (
    VolumePair,
    device_finding,
    far_volume_finding,
    volume_obstacle,
)
from backends.migration.checks.caches import cache_verdict, file_system_verdict
from backends.migration.checks.copies import Landing, copy_verdict
from backends.migration.checks.disks import Examined, Twins, twins_finding
from backends.migration.checks.files import (
    FileFacts,
    ImageFacts,
    Presence,
    Room,
    parse_image,
    parse_room,
    parse_stat,
)
from backends.migration.checks.findings import Finding
from backends.model.guest import Disk, DiskKind, Layer
from backends.model.move import Verdict
from backends.model.storage import Sharing
from backends.probes.markers import Proof
from backends.probes.storage.same_device import Sameness
from backends.remote.shell import Answer

OK, NOTE, UNKNOWN, WARNING, REFUSE = Verdict
GIB = 2**30
NOT_THERE = "No such file or directory"

# Disks ------------------------------------------------------------------------------------------

VDA = Disk("vda", DiskKind.FILE, "/srv/a.img", path="/srv/a.img", cache="none")
LAYER = Layer(DiskKind.FILE, "/srv/a.img", "/srv/a.img")
ISO = FileFacts(Presence.THERE, 700)


@pytest.mark.parametrize(
    ("there", "is_medium", "may_miss", "verdict"),
    [
        (FileFacts(Presence.MISSING), True, False, REFUSE),
        (FileFacts(Presence.MISSING), True, True, WARNING),
        (FileFacts(Presence.THERE, 700), True, False, WARNING),
        (FileFacts(Presence.THERE, 701), True, False, WARNING),
        (FileFacts(Presence.THERE, 700), False, False, WARNING),
        (FileFacts(Presence.THERE, 701), False, False, REFUSE),
        (FileFacts(Presence.UNKNOWN, words="denied"), True, False, UNKNOWN),
    ],
)
def test_what_is_only_read_may_be_two_equal_files(
    there: FileFacts, is_medium: bool, may_miss: bool, verdict: Verdict
) -> None:
    proof = Proof(Sharing.DIFFERENT, "not shared")
    found = twins_finding(LAYER, Twins(ISO, there), proof, "h2", is_medium=is_medium, may_miss=may_miss)
    assert found.verdict is verdict and found.mend


@pytest.mark.parametrize(
    ("cache", "qemu", "verdict"),
    [
        ("none", (10, 0), None),
        ("directsync", (3, 1), None),
        ("writeback", (10, 0), NOTE),
        ("", (10, 0), NOTE),
        ("writeback", (3, 1), WARNING),
        ("unsafe", (10, 0), WARNING),
    ],
)
def test_a_cache_that_may_lie_to_the_other_host_is_warned_of(
    cache: str, qemu: tuple[int, ...], verdict: Verdict | None
) -> None:
    check = cache_verdict(replace(VDA, cache=cache), qemu)
    assert (check.verdict if check else None) is verdict


def test_a_network_disk_has_no_cache_to_fear() -> None:
    assert cache_verdict(replace(VDA, kind=DiskKind.NETWORK, cache="unsafe"), (10, 0)) is None


def test_a_file_system_that_libvirt_does_not_know_as_shared_is_warned_of() -> None:
    warned = file_system_verdict(VDA, "fuse.sshfs")
    assert warned is not None and warned.verdict is WARNING and "shared_filesystems" in warned.mend
    assert file_system_verdict(VDA, "nfs4") is None
    assert file_system_verdict(VDA, "") is None


# Devices and volumes ----------------------------------------------------------------------------

VOLUME = Layer(DiskKind.VOLUME, "images/a.img")
POOL = Pool("qemu", "images", "u", "dir", active=True, target_path="/srv")
A_FILE = Volume("a.img", "file", path="/srv/a.img")
THERE = FoundVolume(POOL, A_FILE)
URI = "qemu+ssh://root@h2/system"


@pytest.mark.parametrize(
    ("sameness", "verdict"),
    [
        (Sameness(Sharing.SAME_IDENTITY, "one"), OK),
        (Sameness(Sharing.SAME_IDENTITY, "one, not active", "lvchange -ay vg/lv", obstacle=True), REFUSE),
        (Sameness(Sharing.DIFFERENT, "two"), REFUSE),
        (Sameness(Sharing.UNKNOWN, "h2: permission denied", "log in as root"), UNKNOWN),
        (Sameness(Sharing.UNKNOWN, "no WWID"), UNKNOWN),
    ],
)
def test_a_device_is_judged_by_what_it_is(sameness: Sameness, verdict: Verdict) -> None:
    found = device_finding(sameness)
    assert (found.verdict, found.evidence) == (verdict, sameness.evidence)
    assert found.mend or verdict in (OK, REFUSE)


@pytest.mark.parametrize(
    ("pair", "verdict", "evidence", "mend"),
    [
        (VolumePair(THERE, FoundVolume()), REFUSE, "h2 has no pool images", "pool-dumpxml"),
        (
            VolumePair(THERE, FoundVolume(replace(POOL, active=False))),
            REFUSE,
            "not active on h2",
            f"virsh -c {URI} pool-start images",
        ),
        (VolumePair(THERE, FoundVolume(POOL)), REFUSE, "knows no volume a.img", "pool-refresh images"),
        (VolumePair(FoundVolume(POOL), THERE), UNKNOWN, "h1 has no volume", ""),
        (VolumePair(FoundVolume(), FoundVolume(), "h2: no answer"), UNKNOWN, "h2: no answer", "pool images"),
    ],
)
def test_a_volume_that_libvirt_would_not_find_there_is_told_with_its_command(
    pair: VolumePair, verdict: Verdict, evidence: str, mend: str
) -> None:
    found = volume_obstacle(VOLUME, pair, "h1", "h2", URI)
    assert found is not None and found.verdict is verdict
    assert evidence in found.evidence and mend in found.mend


def test_a_volume_that_is_on_both_hosts_is_tried_where_each_has_it() -> None:
    moved = FoundVolume(replace(POOL, target_path="/data"), replace(A_FILE, path="/data/a.img"))
    pair = VolumePair(THERE, moved)
    assert volume_obstacle(VOLUME, pair, "h1", "h2", URI) is None
    assert pair.file_paths == ("/srv/a.img", "/data/a.img") and pair.device_paths is None


def test_a_volume_over_the_network_is_what_its_pool_says_and_others_are_unknown() -> None:
    ceph = Pool(
        "qemu", "ceph", "u", "rbd", active=True, source=PoolSource(("10.0.0.1:6789",), name="libvirt")
    )
    other = replace(ceph, source=replace(ceph.source, name="tests"))
    image = Volume("web", "network", path="libvirt/web")
    same, different = (
        far_volume_finding(VolumePair(FoundVolume(ceph, image), FoundVolume(pool, image)), "h1", "h2")
        for pool in (ceph, other)
    )
    odd = replace(image, type="ploop")
    unknown = far_volume_finding(VolumePair(FoundVolume(ceph, odd), FoundVolume(ceph, odd)), "h1", "h2")
    assert [each.verdict for each in (same, different, unknown)] == [OK, REFUSE, UNKNOWN]


# Copies -----------------------------------------------------------------------------------------

NEEDED = DiskSize(virtual=10 * GIB, allocated=4 * GIB)
APART = Examined(VDA, Finding(REFUSE, "apart"), Finding(REFUSE, "apart"), None)
DOUBTFUL = Examined(VDA, Finding(UNKNOWN, "?"), Finding(UNKNOWN, "?"), None)
MISSING = ImageFacts(Presence.MISSING)


def room(available: int, total: int = 100 * GIB) -> Room:
    return Room(Presence.THERE, available, total)


def there(virtual: int | None) -> ImageFacts:
    return ImageFacts(Presence.THERE, virtual)


@pytest.mark.parametrize(
    ("examined", "landing", "verdict", "word"),
    [
        (APART, Landing(MISSING, room(20 * GIB)), OK, "10.0 GiB"),
        (APART, Landing(MISSING, room(5 * GIB)), NOTE, "enough while"),
        (APART, Landing(MISSING, room(3 * GIB)), WARNING, "3.0 GiB left"),
        (APART, Landing(MISSING, room(GIB, 2 * GIB)), REFUSE, "never"),
        (APART, Landing(MISSING, Room(Presence.MISSING)), REFUSE, "no folder /srv"),
        (APART, Landing(MISSING, Room(Presence.UNKNOWN, words="no df")), UNKNOWN, "no df"),
        (APART, Landing(there(10 * GIB), room(20 * GIB)), WARNING, "written over"),
        (APART, Landing(there(9 * GIB), room(20 * GIB)), REFUSE, "sizes differ"),
        (APART, Landing(there(None), room(20 * GIB)), REFUSE, "no raw image"),
        (APART, Landing(there(10 * GIB), room(20 * GIB), "db"), REFUSE, "belongs to db"),
        (
            APART,
            Landing(ImageFacts(Presence.UNKNOWN, words="no qemu-img"), room(20 * GIB)),
            UNKNOWN,
            "no qemu-img",
        ),
        (DOUBTFUL, Landing(there(10 * GIB), room(20 * GIB)), UNKNOWN, "the very same file"),
        (DOUBTFUL, Landing(MISSING, room(20 * GIB)), OK, "10.0 GiB"),
    ],
)
def test_a_copy_ruins_nothing_and_fits(
    examined: Examined, landing: Landing, verdict: Verdict, word: str
) -> None:
    check = copy_verdict(examined, NEEDED, landing, "h2")
    assert (check.id, check.verdict) == ("disk.vda.copy", verdict)
    assert word in check.evidence
    assert check.mend or verdict in (OK, NOTE, UNKNOWN)


def test_a_copy_of_an_overlay_takes_the_room_of_all_its_layers() -> None:
    layered = replace(APART, disk=replace(VDA, layers=(LAYER,)))
    assert copy_verdict(layered, NEEDED, Landing(MISSING, room(5 * GIB)), "h2").verdict is WARNING


def test_answers_about_files_are_taken_apart() -> None:
    missing = Answer(1, "", f"x: cannot stat '/srv/a': {NOT_THERE}\n")
    assert parse_stat(Answer(0, "700\n", "")) == ISO
    assert parse_stat(missing).presence is Presence.MISSING
    assert parse_stat(Answer(1, "", "stat: Permission denied\n")).presence is Presence.UNKNOWN
    assert parse_image(Answer(0, '{"virtual-size": 5, "format": "raw"}', "")) == there(5)
    assert parse_image(Answer(0, "[]", "")).presence is Presence.UNKNOWN
    assert parse_image(missing).presence is Presence.MISSING
    assert parse_image(Answer(127, "", f"env: 'qemu-img': {NOT_THERE}\n")).presence is Presence.UNKNOWN
    other = parse_image(Answer(1, "", "qemu-img: Could not open '/a': Image is not in qcow2 format\n"))
    assert (other.presence, other.virtual_bytes) == (Presence.THERE, None)
    assert parse_room(Answer(0, "Avail 1B-blocks\n 5 9\n", "")) == Room(Presence.THERE, 5, 9)
    assert parse_room(missing).presence is Presence.MISSING
    assert parse_room(Answer(1, "", "df: unrecognized option: output=avail\n")).presence is Presence.UNKNOWN
