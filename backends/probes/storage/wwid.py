"""World-wide names of disks in one form, whoever tells them, and which of them are not as unique as they look."""

from __future__ import annotations

import re

from backends.untrusted import clean

_HEX = r"[0-9a-f]+"
_NAMED = re.compile(rf"(?:(naa|eui)\.(?:0x)?|0x)({_HEX})", re.IGNORECASE)
_UUID = re.compile(r"uuid\.([0-9a-f-]{32,36})", re.IGNORECASE)
_BY_TYPE = re.compile(rf"3({_HEX})|2({_HEX})", re.IGNORECASE)
_NAA_DIGITS, _EUI_DIGITS = (16, 32), (16, 24, 32)
_BLANKS = re.compile(r"[\s_]+")
_BY_ID = re.compile(r"(?:wwn-(?=0x)|scsi-(?=[1238])|dm-uuid-mpath-|nvme-(?=eui\.|uuid\.|nvme\.))(.+)")
_PARTITION = re.compile(r"-part\d+$")
_SHARED_BY_MANY = (
    re.compile(r"(naa|eui)\.0*$"),
    re.compile(r"naa\.60000000000000000e[0-9a-f]{14}$"),
    re.compile(r"t10\.IET_"),
    re.compile(r"naa\.3{7}"),
    re.compile(r"t10\.(0|ATA_)?QEMU"),
    re.compile(r"t10\.ATA_VMware_Virtual_"),
    re.compile(r"nvme\.1b36-"),
)
"""What makers leave in place of a name: zeros; tgt's for its n-th LUN (tgt/usr/spc.c) and IET's alike; the kernel's
scsi_debug; QEMU's own disks, which LVM leaves out too (lib/device/device_id.c), VMware's IDE disks and QEMU's NVMe."""


def canonical(text: str) -> str:
    """`naa.6001...`, `eui....`, `t10....`, `uuid....` or `nvme....`, safe to show; empty for what is none of them.

    Of the kernel's `wwid` (the same words), udev's and multipath's `36001...` (the type's digit before it: page 0x83
    of SPC, scsi_id(8)), and `0x6001...`.
    """
    name = text.strip()
    if match := _NAMED.fullmatch(name):
        kind, digits = (match[1] or "naa").lower(), match[2].lower()
        return f"{kind}.{digits}" if len(digits) <= max(_EUI_DIGITS) else ""
    if match := _UUID.fullmatch(name):
        return f"uuid.{match[1].lower()}"
    if match := _BY_TYPE.fullmatch(name):
        if match[1] and len(match[1]) in _NAA_DIGITS:
            return f"naa.{match[1].lower()}"
        if match[2] and len(match[2]) in _EUI_DIGITS:
            return f"eui.{match[2].lower()}"
    if name.startswith("nvme."):
        return clean(_BLANKS.sub("_", name))
    for start in ("t10.", "1"):
        if name.startswith(start) and len(name) > len(start) + 7:
            return clean("t10." + _BLANKS.sub("_", name.removeprefix(start)).strip("_"))
    return canonical(name[1:]) if name[:5] in ("8naa.", "8eui.") else ""


def of_link(name: str) -> str:
    """Of a name in /dev/disk/by-id (systemd's 60-persistent-storage.rules); empty where it holds none."""
    match = _BY_ID.fullmatch(_PARTITION.sub("", name))
    return canonical(match[1]) if match else ""


def is_unique(name: str) -> bool:
    """Does it tell this disk from all others in the world?"""
    return bool(name) and not any(pattern.match(name) for pattern in _SHARED_BY_MANY)


def aliases(name: str) -> frozenset[str]:
    """For `Seen.aliases`; none where it would make two disks one."""
    return frozenset({f"wwid:{name}"}) if is_unique(name) else frozenset()
