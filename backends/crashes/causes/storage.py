"""Disks that are full, gone, broken or not what they should be.

QEMU block.c, block/qcow2.c; libvirt's events (virConnectDomainEventIOErrorReasonCallback); Linux errno(3), block layer,
device-mapper's thin pools, NFS and iSCSI clients.
"""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HOST_KERNEL, HYPERVISOR, OF_GUESTS, STARTS, TOLD, Rule
from backends.model.crash import CrashKind

_FREE = "free space there, or grow it; then resume the guest"
_STANDS = frozenset({CrashKind.IO_ERROR}) | STARTS
"""An I/O error stops a guest, or keeps it from starting; it does not end it."""
_NOT_DISKS = re.compile(r"inotify|watch|cgroup|semaphore|xc_\w|msr\b|/dev/shm", re.IGNORECASE)
"""What also says ENOSPC, for lack of something else."""


def _is_of_disk(match: re.Match[str]) -> bool:
    return _NOT_DISKS.search(match.string) is None


NO_SPACE = (
    Rule(
        "pool-full",
        re.compile(r"device-mapper: thin: (?P<pool>[\w:.-]{1,64}): switching pool to out-of-data-space"),
        "thin pool full: {pool}",
        "grow the thin pool (lvextend), then resume the guest",
        HOST_KERNEL,
        OF_GUESTS,
    ),
    Rule(
        "no-space",
        re.compile(
            r"I/O error: (?P<disk>[^,]{1,64}), no space left|no space left(?: for (?P<at>[^,\s]{1,64}))?"
        ),
        "no space left[ for {disk}][ for {at}]",
        _FREE,
        TOLD,
    ),
    Rule(
        "no-space",
        re.compile(r"block I/O error in device '(?P<device>[^']{1,200})': No space left on device"),
        "no space left for {device}",
        _FREE,
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "no-space",
        re.compile(r"(?:'(?P<path>/[^']{1,4096})'[^':]{0,60}: )?No space left on device"),
        "no space left on the host[: {path}]",
        _FREE,
        HYPERVISOR,
        OF_GUESTS,
        _is_of_disk,
    ),
    Rule(
        "quota",
        re.compile(r"(?:'(?P<path>/[^']{1,4096})'[^':]{0,60}: )?Disk quota exceeded"),
        "disk quota used up[: {path}]",
        "raise the quota, or free space within it; then resume the guest",
        HYPERVISOR,
        OF_GUESTS,
    ),
)

BROKEN_IMAGES = (
    Rule(
        "image-corrupt",
        re.compile(r"qcow2: Marking image as corrupt: (?P<why>[^;]{1,300})"),
        "image corrupt: {why}",
        "copy the image, then qemu-img check -r leaks; restore a backup if that does not help",
        HYPERVISOR,
    ),
    Rule(
        "image-corrupt",
        re.compile(r"Image is corrupt; cannot be opened read/write"),
        "image marked corrupt, not opened",
        "copy the image, then qemu-img check -r leaks",
        HYPERVISOR,
    ),
    Rule(
        "image-format",
        re.compile(r"Image is not in (?P<format>\w{1,20}) format"),
        "image is not {format}, though the guest's definition says so",
        "set the disk's <driver type=...> to what qemu-img info tells",
        HYPERVISOR,
    ),
)

IO_ERRORS = (
    Rule(
        "medium-error",
        re.compile(r"critical (?P<what>medium|target|nexus) error, dev (?P<device>[\w!:-]{1,64})"),
        "disk {device} of the host failed: critical {what} error",
        "replace the disk; copy what can still be read",
        HOST_KERNEL,
        _STANDS,
    ),
    Rule(
        "storage-gone",
        re.compile(
            r"nfs: server (?P<server>\S{1,255}) not responding|rejecting I/O to (?P<state>offline|dead) device|"
            r"session\d{1,9}: session recovery timed out"
        ),
        "host lost its storage[: NFS server {server} does not answer][: device {state}]",
        "mend the path to the storage, then resume the guest",
        HOST_KERNEL,
        _STANDS,
    ),
    Rule(
        "stale-handle",
        re.compile(r"(?:'(?P<path>/[^']{1,4096})'[^':]{0,60}: )?Stale (?:NFS )?file handle"),
        "stale NFS handle, file replaced or removed on the server[: {path}]",
        "mount the export anew, then start the guest",
        HYPERVISOR,
        _STANDS,
    ),
    Rule(
        "storage-fenced",
        re.compile(r"Cannot send after transport endpoint shutdown"),
        "blocklisted by Ceph: another client took its disk over, or it was silent too long",
        "see ceph osd blocklist ls; restart the guest once nobody else has its disk",
        HYPERVISOR,
    ),
    Rule(
        "storage-gone",
        re.compile(r"Transport endpoint is not connected"),
        "host lost its storage: transport not connected",
        "mend the path to the storage, then resume the guest",
        HYPERVISOR,
        _STANDS,
    ),
    Rule(
        "io-error",
        re.compile(
            r"I/O error, dev (?P<device>[\w!:-]{1,64}), sector|Buffer I/O error on dev(?:ice)? (?P<dm>[\w!:-]{1,64})"
        ),
        "I/O error of the host[ on {device}][ on {dm}]",
        "mend the disk or the path to it, then resume the guest",
        HOST_KERNEL,
        _STANDS,
    ),
    Rule(
        "io-error",
        re.compile(r"block I/O error in device '(?P<device>[^']{1,200})': (?P<why>[^(]{1,100})"),
        "I/O error on {device}: {why}",
        "mend the storage under it, then resume the guest",
        HYPERVISOR,
        _STANDS,
    ),
    Rule(
        "io-error",
        re.compile(r"(?:'(?P<path>/[^']{1,4096})'[^':]{0,60}: )?Input/output error"),
        "I/O error of the storage[: {path}]",
        "mend the storage under it, then resume the guest",
        HYPERVISOR,
        _STANDS,
        lambda match: "migration" not in match.string,
    ),
    Rule(
        "io-error",
        re.compile(
            r"reason='ioerror'|[Ii]/[Oo] error(?:: (?P<disk>[\w.:-]{1,64})| (?:for|of|on) (?P<at>[\w.:-]{1,64}))?"
        ),
        "I/O error[ on {disk}][ on {at}]; the host gives no reason",
        "mend the storage under it, then resume the guest",
        TOLD,
    ),
)
