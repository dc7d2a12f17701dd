"""Disks with what is under them, for the tests of chains and of growth: hosts' files in, a stack out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath

from backends.model.guest import Disk, DiskKind, GuestKey, GuestState
from backends.model.host import HostName, HostSpec, Reach
from backends.probes.storage import lvm, multipath
from backends.probes.storage.images import Image, Images
from backends.probes.storage.mounts import MOUNTINFO, STATFS
from backends.probes.survey.readings import Reading
from backends.storage.growth.layers import Stack, ground_of
from tests.unit.host_files import host
from tests.unit.storage.disks_of_hosts import ISCSI_DISK, SATA_DISK, VIRTUAL, block_files

MIB, GIB = 1024**2, 1024**3
EXTENT = 4 * MIB
H1 = HostSpec(HostName("h1"), Reach.SSH, "root@h1")
WEB = GuestKey(H1.name, "qemu", "5f14e531-168f-56c0-a145-d1239801de74")
IMAGES = "/var/lib/libvirt/images"
BLOCKS = 4096
WWID = "36001405b1629f80d52a4c898f8856e43"
_BASE = Stack(
    spec=H1,
    guest=WEB,
    name="web",
    state=GuestState.RUNNING,
    disk=Disk("vda", DiskKind.FILE, "", path=""),
    may_write=True,
    is_root=True,
)


def on_file(
    *,
    image: str = "qcow2",
    virtual: int = 10 * GIB,
    taken: int | None = 2 * GIB,
    free: int | None = 100 * GIB,
    path: str = f"{IMAGES}/web.img",
    mounted: str = "rw,relatime",
    **changes: object,
) -> Stack:
    """An image in a folder on a file system of 500 GiB; `free`: None where it does not answer."""
    mount = f"30 1 8:17 / {PurePosixPath(path).parent} {mounted} - xfs /dev/sdb1 {mounted.partition(',')[0]}"
    room = "8:17 asked"
    if free is not None:
        room += f"\n8:17 0 {BLOCKS} {500 * GIB // BLOCKS} {free // BLOCKS} {free // BLOCKS}"
    readings = host(
        {
            MOUNTINFO: f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n{mount}",
            STATFS: room,
            **block_files(
                f"sdb/size:{501 * GIB // 512}",
                "sdb/device/model:BIG",
                f"sdb1/size:{500 * GIB // 512}",
                "sdb1/partition:1",
                links=[f"sdb -> {SATA_DISK}/sdb", f"sdb1 -> {SATA_DISK}/sdb/sdb1"],
            ),
        }
    )
    stack = replace(
        _BASE,
        disk=replace(_BASE.disk, source=path, path=path, format=image),
        path=path,
        virtual_bytes=virtual,
        allocated_bytes=taken,
        images=Images((Image(path, image, virtual, taken),)),
        ground=ground_of(path, readings, is_file=True),
    )
    return replace(stack, **changes)  # type: ignore[arg-type]  # fields by name


def lun_files(size: int, *, name: str = "sdb", **files: str | Reading) -> dict[str, str | Reading]:
    """A host with one LUN behind iSCSI."""
    attributes = (
        f"{name}/size:{size // 512}",
        f"{name}/device/wwid:naa.{WWID[1:]}",
        f"{name}/device/model:block0",
    )
    return {**block_files(*attributes, links=[f"{name} -> {ISCSI_DISK}/{name}"]), **files}


def multipath_files(size: int, paths: int, **files: str | Reading) -> dict[str, str | Reading]:
    """The same LUN by two paths of `paths` bytes; the map has `size`."""
    attributes = [f"{name}/size:{paths // 512}" for name in ("sdb", "sdc")]
    attributes += [f"{name}/device/state:running" for name in ("sdb", "sdc")]
    mapped = (f"dm-0/size:{size // 512}", "dm-0/dm/name:mpatha", f"dm-0/dm/uuid:mpath-{WWID}")
    listed = (
        f"mpatha ({WWID}) dm-0 LIO-ORG ,block0\nsize=10G features='0' hwhandler='0' wp=rw\n"
        "`-+- policy='service-time 0' prio=1 status=active\n"
        "  |- 3:0:0:0 sdc 8:32 active ready running\n  `- 4:0:0:0 sdb 8:16 active ready running"
    )
    second = ISCSI_DISK.replace("host3/session1/target3", "host4/session2/target4")
    links = [f"sdb -> {ISCSI_DISK}/sdb", f"sdc -> {second}/sdc", f"dm-0 -> {VIRTUAL}/dm-0"]
    slaves = ["dm-0/slaves/sdb", "dm-0/slaves/sdc"]
    blocks = block_files(*attributes, *mapped, links=links, slaves=slaves)
    return {**blocks, multipath.LISTED.name: listed, **files}


def group_report(
    *,
    device: str = "/dev/sdb",
    device_bytes: int = 10 * GIB,
    free: int = 2 * GIB,
    lv: dict[str, str] | None = None,
    more: list[dict[str, str]] | None = None,
    **vg: str,
) -> str:
    """As `lvm fullreport` writes it: a group on one device, with a volume `web` that takes what is not free."""
    usable = (device_bytes - MIB) // EXTENT * EXTENT
    head = {
        "vg_name": "vg",
        "vg_uuid": "gkV1Gf-bL5k-o5cS-1NTQ-n1CJ-QmAY-3ck21A",
        "vg_attr": "wz--n-",
        "vg_size": str(usable),
        "vg_free": str(free),
        "vg_extent_size": str(EXTENT),
        "vg_missing_pv_count": "0",
    }
    physical = {
        "pv_name": device,
        "pv_uuid": "ghoqVh-rrBE-wTpi-dmR6-q0g0-dKoz-eveAOU",
        "pv_attr": "a--",
        "dev_size": str(device_bytes),
        "pv_size": str(usable),
        "pv_free": str(free),
    }
    web = {
        "lv_name": "web",
        "lv_uuid": "wQ2T0W-w8zQ-ZHPY-AL3Y-mQBq-uHCT-YrccKE",
        "lv_attr": "-wi-ao----",
        "lv_size": str(usable - free),
    }
    segment = {"lv_uuid": web["lv_uuid"], "segtype": "linear", "devices": f"{device}(0)"}
    volumes = [web | (lv or {}), *(more or [])]
    return json.dumps({"report": [{"vg": [head | vg], "pv": [physical], "lv": volumes, "seg": [segment]}]})


def on_volume(report: str, files: dict[str, str | Reading], **changes: object) -> Stack:
    """A raw disk that is the volume `web` of the group `vg`."""
    return on_device("/dev/vg/web", {**files, lvm.REPORT.name: report}, **changes)


def on_device(path: str, files: dict[str, str | Reading], **changes: object) -> Stack:
    """A raw disk that is a device."""
    disk = Disk("vda", DiskKind.BLOCK, path, path=path)
    stack = replace(_BASE, disk=disk, path=path, ground=ground_of(path, host(files), is_file=False))
    return replace(stack, **changes)  # type: ignore[arg-type]  # fields by name
