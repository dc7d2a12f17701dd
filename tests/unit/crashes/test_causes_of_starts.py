"""An operator reads why a guest did not start or arrive, from the real words of QEMU, libvirt and Linux."""

from __future__ import annotations

from backends.model.crash import CrashKind, Source
from tests.unit.crashes.told import cause

STARTED, INCOMING = CrashKind.NOT_STARTED, CrashKind.INCOMING
QEMU, KERNEL, JOURNAL, DAEMON = Source.QEMU_LOG, Source.KERNEL, Source.JOURNAL, Source.DAEMON_LOG

MISSING = [
    # libvirt src/storage_file/storage_source.c
    (
        STARTED,
        JOURNAL,
        "Cannot access storage file '/opt/CentOS-7_1.raw': No such file or directory",
        "missing-image",
        "image missing: /opt/CentOS-7_1.raw",
    ),
    (
        STARTED,
        JOURNAL,
        "Cannot access storage file '/srv/vm1.qcow2' (as uid:64055, gid:109): No such file or directory",
        "missing-image",
        "image missing: /srv/vm1.qcow2",
    ),
    (
        STARTED,
        DAEMON,
        "Cannot access backing file '/srv/base.qcow2' of storage file '/srv/vm1.qcow2' (as uid:107, gid:107): "
        "No such file or directory",
        "missing-backing",
        "backing image missing: /srv/base.qcow2, base of /srv/vm1.qcow2",
    ),
    # QEMU block.c, block/file-posix.c
    (
        STARTED,
        QEMU,
        '2024-01-05T10:00:00.123456Z qemu-system-x86_64: -blockdev {"driver":"file"}: Could not open '
        "'/srv/vm1.qcow2': No such file or directory",
        "missing-image",
        "image missing: /srv/vm1.qcow2",
    ),
    (
        STARTED,
        QEMU,
        "qemu-system-x86_64: -drive file=/srv/vm1.qcow2: Could not open backing file: Could not open '/srv/base.qcow2'"
        ": No such file or directory",
        "missing-backing",
        "backing image missing: /srv/base.qcow2",
    ),
    # QEMU hw/i386/x86.c, hw/pci/pci.c
    (STARTED, QEMU, "qemu: could not load PC BIOS 'bios-256k.bin'", "missing-firmware", "bios-256k.bin"),
    (
        STARTED,
        QEMU,
        'qemu-system-x86_64: Initialization of device e1000e failed: failed to find romfile "efi-e1000e.rom"',
        "missing-firmware",
        "efi-e1000e.rom",
    ),
    # libvirt src/qemu/qemu_process.c, qemu_firmware.c
    (
        STARTED,
        JOURNAL,
        "operation failed: unable to find any master var store for loader: /usr/share/OVMF/OVMF_CODE.fd",
        "missing-firmware",
        "/usr/share/OVMF/OVMF_CODE.fd",
    ),
    (
        STARTED,
        JOURNAL,
        "operation failed: Unable to find any firmware to satisfy 'efi'",
        "missing-firmware",
        ": efi",
    ),
    # QEMU, -blockdev of a pflash
    (
        STARTED,
        QEMU,
        "qemu-system-x86_64: -blockdev {}: Could not open '/usr/share/OVMF/OVMF_CODE_4M.fd': No such file or directory",
        "missing-firmware",
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
    ),
    # libvirt src/network/bridge_driver.c, src/util/virnetdev.c, virnetdevtap.c; src/conf/domain_conf.c
    (
        STARTED,
        JOURNAL,
        "Requested operation is not valid: network 'default' is not active",
        "network-off",
        "network not active: default",
    ),
    (
        STARTED,
        JOURNAL,
        "Network not found: no network with matching name 'lan'",
        "missing-network",
        "network not defined on this host: lan",
    ),
    (
        STARTED,
        JOURNAL,
        "Cannot get interface MTU on 'br0': No such device",
        "missing-bridge",
        "bridge missing: br0",
    ),
    (
        STARTED,
        JOURNAL,
        "Unable to add bridge br7 port vnet0: No such device",
        "missing-bridge",
        "bridge missing: br7",
    ),
    (STARTED, DAEMON, "Unable to open /dev/net/tun, is tun module loaded?", "missing-tun", "/dev/net/tun"),
    (
        STARTED,
        JOURNAL,
        "Requested operation is not valid: storage pool 'nfs1' containing volume 'vm1.qcow2' is not active",
        "missing-pool",
        "storage pool not active: nfs1, with vm1.qcow2",
    ),
    # QEMU softmmu/vl.c
    (
        STARTED,
        QEMU,
        "qemu-system-x86_64: unsupported machine type",
        "machine-unsupported",
        "machine type unknown to this host's QEMU",
    ),
    # libvirt src/cpu/cpu_x86.c; of a report
    (
        INCOMING,
        JOURNAL,
        "operation failed: guest CPU doesn't match specification: missing features: spec-ctrl,stibp,ssbd",
        "processor-unfit",
        "spec-ctrl,stibp,ssbd",
    ),
    # QEMU accel/kvm/kvm-all.c
    (
        STARTED,
        QEMU,
        "Could not access KVM kernel module: No such file or directory",
        "no-kvm",
        "No such file or directory",
    ),
]
REFUSED = [
    # Ubuntu bug reports, kernel 4.4 and 5.11
    (
        STARTED,
        KERNEL,
        'audit: type=1400 audit(1631484231.392:101): apparmor="DENIED" operation="open" '
        'profile="libvirt-a2a6e813-e14e-4d5c-9981-47adc7b5dca6" name="/home/carlos/volumes/homeassistant-qcow2" '
        'pid=8178 comm="qemu-system-x86" requested_mask="r" denied_mask="r" fsuid=64055 ouid=64055',
        "apparmor",
        "AppArmor denied open: /home/carlos/volumes/homeassistant-qcow2",
    ),
    # Linux security/selinux/avc.c; of a report of sVirt's labels
    (
        STARTED,
        JOURNAL,
        'avc:  denied  { write } for  pid=4711 comm="qemu-system-x86" name="vm1-overlay.qcow2" dev="dm-0" ino=12981 '
        "scontext=system_u:system_r:svirt_t:s0:c498,c849 tcontext=system_u:object_r:virt_image_t:s0 tclass=file",
        "selinux",
        "SELinux denied write: vm1-overlay.qcow2",
    ),
    # libvirt src/storage_file/storage_source.c
    (
        STARTED,
        JOURNAL,
        "Cannot access storage file '/network_sec/volumes/kali-qcow2' (as uid:962, gid:962): Permission denied",
        "permission",
        "/network_sec/volumes/kali-qcow2 (user 962, group 962)",
    ),
    (
        STARTED,
        QEMU,
        "qemu-system-x86_64: -cdrom: Could not open '/srv/isos/ubuntu.iso': Permission denied",
        "permission",
        "permission denied to QEMU: /srv/isos/ubuntu.iso",
    ),
    # QEMU hw/vfio/common.c
    (
        STARTED,
        QEMU,
        "qemu-kvm: -device vfio-pci,host=02:00.0,id=hostdev0: vfio: error opening /dev/vfio/15: Permission denied",
        "permission",
        "permission denied to something the guest needs",
    ),
]
MOVES = [
    # QEMU migration/savevm.c; lists' and Launchpad's reports
    (
        INCOMING,
        QEMU,
        "qemu-system-x86_64: error while loading state for instance 0x0 of device '0000:00:03.0/xhci'",
        "incoming-device",
        "state of 0000:00:03.0/xhci could not be loaded",
    ),
    (
        INCOMING,
        QEMU,
        "Unknown savevm section or instance 'kvmclock' 0. Make sure that your current VM setup matches your saved VM "
        "setup, including any hotplugged devices",
        "incoming-device",
        "guest came with a device unknown here: kvmclock 0",
    ),
    (
        INCOMING,
        QEMU,
        "qemu-system-x86_64: Machine type received is 'pc-i440fx-9.2' and local is 'pc-i440fx-11.0'",
        "incoming-machine",
        "machine types differ: pc-i440fx-9.2 came, pc-i440fx-11.0 here",
    ),
    (
        INCOMING,
        QEMU,
        "2024-04-26T13:28:53Z qemu-system-x86_64: load of migration failed: Input/output error",
        "incoming-ended",
        "migration stream broke off (Input/output error): source or network lost",
    ),
    # autotest/tp-libvirt PR 6121: the source was ended during a move; the line after it says `Invalid argument`
    (
        INCOMING,
        QEMU,
        "2025-01-09T18:20:49.709830Z qemu-kvm: check_section_footer: Read section footer failed: -5",
        "incoming-ended",
        "migration stream broke off (Read section footer failed: -5)",
    ),
    (
        INCOMING,
        QEMU,
        "qemu-kvm: load of migration failed: Invalid argument",
        "incoming-failed",
        "could not load the guest's state: Invalid argument",
    ),
    (
        INCOMING,
        QEMU,
        "qemu-system-x86_64: Size too large: /rom@etc/table-loader: 0x2000 > 0x1000: Invalid argument",
        "incoming-memory",
        "/rom@etc/table-loader, 0x2000 > 0x1000",
    ),
]
ALL = [*MISSING, *REFUSED, *MOVES]


def test_a_failed_move_is_not_told_as_the_signal_with_which_libvirt_ended_its_rest() -> None:
    """libvirt kills the QEMU that could not take the guest."""
    told = cause(
        INCOMING,
        QEMU,
        "qemu-kvm: error while loading state for instance 0x0 of device '0000:00:12.0/pcie-root-port'",
        "qemu-kvm: load of migration failed: Invalid argument",
        "qemu-kvm: terminating on signal 15 from pid 2146 (/usr/sbin/libvirtd)",
        "2024-03-01 10:00:00.000+0000: shutting down, reason=failed",
    )
    assert told.id == "incoming-device"


def test_what_apparmor_refuses_at_every_start_explains_nothing() -> None:
    """Ubuntu bug 1393842: QEMU asks for these and does without."""
    told = cause(
        STARTED,
        KERNEL,
        'audit: type=1400 audit(1438274994.299:100): apparmor="DENIED" operation="open" '
        'profile="libvirt-0fb2b3ea-da19-40f0-a46f-33826b224aa6" name="/sys/devices/system/node/" pid=16973 '
        'comm="qemu-system-x86" requested_mask="r" denied_mask="r" fsuid=119 ouid=0',
    )
    assert not told.known


def test_selinux_refusing_another_program_explains_nothing() -> None:
    """The same line with the context of a web server."""
    told = cause(
        STARTED,
        KERNEL,
        'avc:  denied  { read } for  pid=1 comm="httpd" name="x" scontext=system_u:system_r:httpd_t:s0 '
        "tcontext=system_u:object_r:user_home_t:s0 tclass=file",
    )
    assert not told.known
