"""An operator reads who holds what a guest needs, from the real words of QEMU and libvirt."""

from __future__ import annotations

from backends.model.crash import CrashKind, Source
from tests.unit.crashes.told import cause

STARTED, INCOMING = CrashKind.NOT_STARTED, CrashKind.INCOMING
QEMU, KERNEL, JOURNAL, DAEMON = Source.QEMU_LOG, Source.KERNEL, Source.JOURNAL, Source.DAEMON_LOG

HELD = [
    # QEMU block/file-posix.c, raw_check_lock_bytes
    (
        STARTED,
        QEMU,
        'qemu-system-x86_64: -blockdev {...}: Failed to get "write" lock',
        "image-locked",
        "write lock refused",
    ),
    (
        STARTED,
        QEMU,
        "Is another process using the image [/var/lib/libvirt/images/vm1.qcow2]?",
        "image-locked",
        "image in use by another process or host: /var/lib/libvirt/images/vm1.qcow2",
    ),
    # libvirt src/util/virlockspace.c; Mastering KVM Virtualization, "lockd"
    (
        STARTED,
        JOURNAL,
        "resource busy: Lockspace resource '/var/lib/libvirt/images/testvms/MasteringKVM01.qcow2' is locked",
        "lease-held",
        "held by another guest or host (virtlockd): /var/lib/libvirt/images/testvms/MasteringKVM01.qcow2",
    ),
    # libvirt src/locking/lock_driver_sanlock.c
    (STARTED, JOURNAL, "internal error: Failed to acquire lock: error -243", "lease-held", "error -243"),
    # libvirt src/hypervisor/virhostdev.c; of a report
    (
        STARTED,
        DAEMON,
        "Requested operation is not valid: PCI device 0000:01:00.0 is in use by driver QEMU, domain win10",
        "device-in-use",
        "PCI device 0000:01:00.0 is in use by win10",
    ),
    # QEMU hw/vfio/common.c
    (
        STARTED,
        QEMU,
        "qemu-system-x86_64: -device vfio-pci,host=0000:01:00.0,id=hostdev0: vfio 0000:01:00.0: group 12 is not viable",
        "vfio-group",
        "IOMMU group 12",
    ),
    # libvirt src/util/virportallocator.c, QEMU ui/vnc.c
    (
        INCOMING,
        JOURNAL,
        "internal error: Unable to find an unused port in range 'migration' (49152-49215)",
        "no-free-port",
        "no free port for migration (49152-49215)",
    ),
    (
        STARTED,
        QEMU,
        "qemu-system-x86_64: -vnc 127.0.0.1:0: Failed to find an available port: Address already in use",
        "port-in-use",
        "port",
    ),
]
ALL = [*HELD]


def test_what_qemu_said_in_libvirts_journal_is_known_too() -> None:
    """libvirt src/qemu/qemu_process.c repeats the end of QEMU's log in its error."""
    told = cause(
        STARTED,
        JOURNAL,
        "internal error: qemu unexpectedly closed the monitor: 2024-03-01T10:00:00Z qemu-system-x86_64: -blockdev {}: "
        'Failed to get "write" lock',
    )
    assert told.id == "image-locked"


def test_a_lock_explains_more_than_the_permission_that_is_missing_elsewhere() -> None:
    """QEMU's hints follow one after the other."""
    told = cause(
        STARTED,
        QEMU,
        "qemu-system-x86_64: could not open /dev/kvm-stats: Permission denied",
        'qemu-system-x86_64: -blockdev {...}: Failed to get "write" lock',
        "Is another process using the image [/srv/vm1.qcow2]?",
    )
    assert told.words.endswith("/srv/vm1.qcow2")
