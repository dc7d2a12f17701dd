"""From a guest's disk down to the bytes, layer by layer; where nothing more is known, that is said.

WHOLE, PART and the errors are what qemu-img 7.2 gave for a chain of three images, and for one whose base is gone
(QEMU's qapi/block-core.json: ImageInfo).
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.guest import Disk, DiskKind
from backends.model.storage import Chain, ChainLink, LayerKind
from backends.probes.storage import images
from backends.probes.storage.images import Image, Images
from backends.probes.storage.lvm import REPORT
from backends.probes.storage.mounts import MOUNTINFO, STATFS
from backends.probes.survey.readings import Gap, Reading
from backends.remote.shell import Answer
from backends.storage.chain import chain_of
from backends.storage.growth.layers import Ground, ground_of
from backends.storage.growth.plan import draw
from backends.untrusted import clean
from tests.unit.host_files import host
from tests.unit.storage.disks_of_hosts import broken
from tests.unit.storage.stacks import (
    EXTENT,
    GIB,
    MIB,
    group_report,
    lun_files,
    multipath_files,
    on_device,
    on_file,
    on_volume,
)

WHOLE = """[
    {
        "backing-filename-format": "qcow2",
        "snapshots": [
            {
                "icount": 0, "vm-clock-nsec": 0, "name": "before", "date-sec": 1795524042,
                "date-nsec": 454183000, "vm-clock-sec": 0, "id": "1", "vm-state-size": 0
            }
        ],
        "virtual-size": 16777216,
        "filename": "top.qcow2",
        "cluster-size": 65536,
        "format": "qcow2",
        "actual-size": 208896,
        "format-specific": {
            "type": "qcow2",
            "data": {
                "compat": "1.1", "compression-type": "zlib", "lazy-refcounts": false,
                "refcount-bits": 16, "corrupt": false, "extended-l2": false
            }
        },
        "full-backing-filename": "mid.qcow2",
        "backing-filename": "mid.qcow2",
        "dirty-flag": false
    },
    {
        "backing-filename-format": "raw", "virtual-size": 8388608, "filename": "mid.qcow2",
        "cluster-size": 65536, "format": "qcow2", "actual-size": 200704,
        "full-backing-filename": "base.img", "backing-filename": "base.img", "dirty-flag": false
    },
    {"virtual-size": 8388608, "filename": "base.img", "format": "raw", "actual-size": 4096, "dirty-flag": false}
]"""
PART = """{
    "virtual-size": 4194304, "filename": "x.qcow2", "cluster-size": 65536, "format": "qcow2",
    "actual-size": 200704, "dirty-flag": true,
    "format-specific": {"type": "qcow2", "data": {"compat": "1.1", "data-file": "d.raw", "corrupt": true}}
}"""
USABLE = (10 * GIB - MIB) // EXTENT * EXTENT
LUN = "naa.6001405b1629f80d52a4c898f8856e43"


def kinds(chain: Chain) -> list[LayerKind]:
    return [link.kind for link in chain.links]


def link(chain: Chain, kind: LayerKind) -> ChainLink:
    return next(each for each in chain.links if each.kind is kind)


# qemu-img ---------------------------------------------------------------------------------------------


def test_an_image_is_told_with_all_that_it_has_its_contents_from() -> None:
    found = images.parse(Answer(0, WHOLE, ""))
    assert found.trouble == ""
    assert [(each.name, each.format, each.virtual_bytes, each.allocated_bytes) for each in found.images] == [
        ("top.qcow2", "qcow2", 16 * MIB, 208896),
        ("mid.qcow2", "qcow2", 8 * MIB, 200704),
        ("base.img", "raw", 8 * MIB, 4096),
    ]
    assert found.top is not None
    assert (found.top.snapshots, found.top.backing, found.top.corrupt) == (("before",), "mid.qcow2", False)


def test_one_image_alone_is_told_with_its_flaws() -> None:
    (found,) = images.parse(Answer(0, PART, "")).images
    assert (found.corrupt, found.data_file, found.snapshots) == (True, "d.raw", ())


@pytest.mark.parametrize(
    ("answer", "trouble", "mend"),
    [
        (Answer(127, "", "env: 'qemu-img': No such file or directory"), "the host has no qemu-img", ""),
        (
            Answer(1, "", "qemu-img: Could not open 'a': Could not open 'a': Permission denied"),
            "denied",
            "root",
        ),
        (Answer(1, "", "qemu-img: Could not open 'd.raw': Image is not in qcow2 format"), "not in qcow2", ""),
        (Answer(1, "", ""), "status 1", ""),
        (Answer(0, "", ""), "not readable", ""),
        (Answer(0, "[[", ""), "not readable", ""),
        (Answer(0, "7", ""), "not readable", ""),
        (Answer(0, "[" * 100_000, ""), "not readable", ""),
    ],
)
def test_an_image_that_is_not_told_says_why(answer: Answer, trouble: str, mend: str) -> None:
    found = images.parse(answer)
    assert found.images == ()
    assert trouble in found.trouble
    assert mend in found.mend


@given(broken(WHOLE, PART))
def test_a_broken_answer_of_qemu_img_is_unknown_and_never_a_crash(text: str) -> None:
    found = images.parse(Answer(0, text, ""))
    assert found.images or found.trouble
    for each in found.images:
        for word in (each.name, each.format, each.backing, each.data_file, *each.snapshots):
            assert word == clean(word, limit=4096)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=9))
def test_fields_of_any_other_form_are_unknown(value: object) -> None:
    row = dict.fromkeys(
        ("filename", "format", "virtual-size", "actual-size", "snapshots", "encrypted"), value
    )
    (found,) = images.parse(Answer(0, json.dumps([row]), "")).images
    assert found.virtual_bytes is None or isinstance(value, int)


# Chains -----------------------------------------------------------------------------------------------


def test_a_file_leads_through_its_images_and_file_system_to_the_device() -> None:
    chain = chain_of(
        replace(
            on_file(),
            images=Images(
                (
                    Image("/i/web.img", "qcow2", 10 * GIB, 2 * GIB, snapshots=("a", "b")),
                    Image("/i/base.img", "raw", 5 * GIB, 5 * GIB),
                )
            ),
        )
    )
    assert kinds(chain) == [
        *(LayerKind.GUEST_DISK, LayerKind.IMAGE, LayerKind.BACKING),
        *(LayerKind.FILE_SYSTEM, LayerKind.DEVICE, LayerKind.DEVICE),
    ]
    assert [each.label for each in chain.links[-2:]] == ["/dev/sdb1", "/dev/sdb"]
    assert link(chain, LayerKind.IMAGE).detail == "qcow2, 2.0 GiB in use, 2 snapshots inside"
    assert link(chain, LayerKind.BACKING).label == "/i/base.img"
    below = link(chain, LayerKind.FILE_SYSTEM)
    assert (below.label, below.size_bytes) == ("/var/lib/libvirt/images", 500 * GIB)
    assert below.detail == "xfs on /dev/sdb1, 100.0 GiB free"
    assert [each.size_bytes for each in chain.links[:2]] == [10 * GIB, 10 * GIB]


def test_a_volume_leads_through_its_group_and_multipath_to_the_lun() -> None:
    report = group_report(device="/dev/mapper/mpatha")
    chain = chain_of(on_volume(report, multipath_files(10 * GIB, 10 * GIB), virtual_bytes=USABLE - 2 * GIB))
    assert [(each.kind, each.label, each.size_bytes) for each in chain.links] == [
        (LayerKind.GUEST_DISK, "vda of web", USABLE - 2 * GIB),
        (LayerKind.LOGICAL_VOLUME, "vg/web", USABLE - 2 * GIB),
        (LayerKind.VOLUME_GROUP, "vg", USABLE),
        (LayerKind.PHYSICAL_VOLUME, "/dev/mapper/mpatha", USABLE),
        (LayerKind.MULTIPATH, "/dev/mapper/mpatha", 10 * GIB),
        (LayerKind.LUN, LUN, 10 * GIB),
    ]
    assert link(chain, LayerKind.MULTIPATH).detail == "2 of 2 paths"
    assert "iSCSI LUN 1" in link(chain, LayerKind.LUN).detail
    assert "/dev/sdb, /dev/sdc" in link(chain, LayerKind.LUN).detail


def test_a_group_says_how_it_is_locked_and_how_much_is_free() -> None:
    report = group_report(vg_attr="wz--ns", vg_lock_type="sanlock")
    chain = chain_of(on_volume(report, lun_files(10 * GIB), virtual_bytes=GIB))
    assert link(chain, LayerKind.VOLUME_GROUP).detail == "2.0 GiB free, lock: sanlock"


def test_a_lun_that_is_the_disk_itself_has_no_image() -> None:
    chain = chain_of(on_device("/dev/sdb", lun_files(10 * GIB), virtual_bytes=10 * GIB))
    assert kinds(chain) == [LayerKind.GUEST_DISK, LayerKind.LUN]


def test_a_disk_that_qemu_opens_over_the_network_ends_there() -> None:
    disk = Disk("vda", DiskKind.NETWORK, "iscsi:iqn.2026-11.lab:disks/1@10.0.0.10:3260")
    stack = on_file(disk=disk, path="", images=Images(), ground=Ground())
    chain = chain_of(stack)
    assert kinds(chain) == [LayerKind.GUEST_DISK, LayerKind.LUN]
    assert "opened by QEMU" in chain.links[-1].detail


def test_where_nothing_more_is_known_the_reason_stands_at_the_last_layer() -> None:
    alone = "this host is reached by libvirt alone"
    stack = on_file(images=Images((), alone), ground=Ground(None, alone))
    chain = chain_of(stack)
    assert kinds(chain) == [LayerKind.GUEST_DISK, LayerKind.IMAGE]
    assert chain.links[-1].trouble == alone
    broken_below = on_file(
        images=Images((Image("/i/web.img", "qcow2", GIB),), "Could not open '/i/base.img'")
    )
    assert "base.img" in link(chain_of(broken_below), LayerKind.IMAGE).trouble


def test_a_group_that_may_not_be_asked_for_says_what_it_needs() -> None:
    files: dict[str, str | Reading] = {
        "/sys/class/block": "dm-3/size:2097152\ndm-3/dm/name:vg-web\n"
        "dm-3/dm/uuid:LVM-gkV1GfbL5ko5cS1NTQn1CJQmAY3ck21AwQ2T0Ww8zQZHPYAL3YmQBquHCTYrccKE",
        REPORT.name: Reading(gap=Gap.DENIED, said="lvm: Permission denied"),
    }
    chain = chain_of(on_device("/dev/dm-3", files, virtual_bytes=GIB))
    assert "permission denied" in chain.links[-1].trouble
    assert "root" in chain.links[-1].trouble


def test_a_file_system_that_does_not_answer_is_told_as_such() -> None:
    chain = chain_of(on_file(free=None))
    assert link(chain, LayerKind.FILE_SYSTEM).trouble


# Broken forms -----------------------------------------------------------------------------------------

VOLUME = multipath_files(10 * GIB, 10 * GIB) | {REPORT.name: group_report(device="/dev/mapper/mpatha")}
TABLES = {
    MOUNTINFO: "22 1 8:1 / / rw - ext4 /dev/sdb rw\n23 22 253:0 / /srv rw - xfs /dev/vg/web rw",
    STATFS: "253:0 asked\n253:0 0 4096 1000 500 500",
    **{path: text for path, text in VOLUME.items() if isinstance(text, str)},
}


@given(st.data(), st.sampled_from(["/dev/vg/web", "/dev/mapper/mpatha", "/dev/sdb", "/srv/a.img", "/dev/"]))
def test_whatever_a_host_tells_there_is_a_chain_and_a_plan_or_a_reason(
    data: st.DataObject, path: str
) -> None:
    spoiled = data.draw(st.sampled_from(sorted(TABLES)))
    files = TABLES | {spoiled: data.draw(broken(TABLES[spoiled]))}
    is_file = not path.startswith("/dev/")
    ground = ground_of(path, host(files), is_file=is_file)
    kind = DiskKind.FILE if is_file else DiskKind.BLOCK
    stack = replace(on_file(), disk=Disk("vda", kind, path, path=path), path=path, ground=ground)
    stack = replace(stack, images=Images(), virtual_bytes=GIB)
    for each in chain_of(stack).links:
        for text in (each.label, each.detail, each.trouble):
            assert text == clean(text, limit=4096)
    plan = draw(stack, 20 * GIB).plan
    assert plan.refused or plan.steps
    for step in plan.steps:
        assert step.words == clean(step.words, limit=4096)
        assert step.command == clean(step.command, limit=4096)
