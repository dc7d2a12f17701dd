"""What somebody else holds: images, leases, ports, devices.

QEMU block/file-posix.c (raw_check_lock_bytes), net, ui/vnc.c, hw/vfio; libvirt util/virlockspace.c,
locking/lock_driver_sanlock.c, hypervisor/virhostdev.c, util/virportallocator.c.
"""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HYPERVISOR, OF_GUESTS, Rule

_HOLDER = "find who has it open (lslocks, virsh list on the other hosts); two writers destroy an image"

RULES = (
    Rule(
        "image-locked",
        re.compile(r"Is another process using the image \[(?P<path>[^\]]{1,4096})\]"),
        "image in use by another process or host: {path}",
        _HOLDER,
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "image-locked",
        re.compile(r"Failed to get (?:shared )?\"(?P<lock>[^\"]{1,40})\" lock"),
        "image in use by another process or host ({lock} lock refused)",
        _HOLDER,
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "lease-held",
        re.compile(r"Lockspace resource '(?P<name>[^']{1,4096})' is locked"),
        "lock held by another guest or host (virtlockd): {name}",
        "find the guest that has it (virsh list on the hosts that share it) and end it",
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "lease-held",
        re.compile(
            r"Failed to acquire lock: (?P<why>(?:error -?\d{1,9}|the lease|File exists|Lease)[^:]{0,120})"
        ),
        "disk lease held by another host (sanlock): {why}",
        "see sanlock client status on the hosts",
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "image-locked",
        re.compile(r"Could not open '(?P<path>[^']{1,4096})': Resource temporarily unavailable"),
        "image locked by another process or host: {path}",
        _HOLDER,
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "device-in-use",
        re.compile(
            r"(?P<what>PCI|USB|SCSI|mediated) device (?P<device>\S{1,64}) is in use by driver \S{1,40}, "
            r"domain (?P<owner>\S{1,200})"
        ),
        "{what} device {device} is in use by {owner}",
        "end that guest, or take the device from it",
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "device-in-use",
        re.compile(
            r"(?P<what>USB|PCI|SCSI|device|Device) ?(?:device )?(?P<device>\S{1,64}) is already in use\b"
        ),
        "device {device} is already in use",
        "end the guest that has it",
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "vfio-group",
        re.compile(r"(?:vfio (?P<device>[\da-f:.]{7,16}): )?group (?P<group>\d{1,9}) is not viable"),
        "IOMMU group {group} is not wholly bound to vfio[ ({device})]",
        "give all of its devices to vfio-pci, or none of them to a guest",
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "device-in-use",
        re.compile(r"/dev/vfio/(?P<group>\d{1,9}): Device or resource busy"),
        "IOMMU group {group} is in use by another process",
        "end the guest that has its devices",
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "device-in-use",
        re.compile(r"could not configure /dev/net/tun \((?P<tap>[^)]{1,32})\): Device or resource busy"),
        "TAP device {tap} is in use by another process",
        "end the process that has it, or let libvirt choose a name",
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "no-free-port",
        re.compile(
            r"Unable to find an unused port in range '(?P<what>[^']{1,64})' \((?P<range>[\d-]{1,16})\)"
        ),
        "no free port for {what} ({range})",
        "widen the range in qemu.conf, or end what holds its ports",
        HYPERVISOR,
        OF_GUESTS,
    ),
    Rule(
        "port-in-use",
        re.compile(r"Failed to find an available port: Address already in use|Address already in use"),
        "a port or socket of the guest is already in use",
        "see ss -ltnp on the host; let libvirt choose the port (autoport)",
        HYPERVISOR,
        OF_GUESTS,
    ),
)
