"""An operator reads why a guest's or a host's kernel gave up, and why Xen or LXC ended or did not start a guest."""

from __future__ import annotations

import pytest

from backends.crashes.causes.cause import cause_of
from backends.model.crash import CrashKind, Source
from tests.unit.crashes.told import cause, said

PANIC, STARTED, ENDED = CrashKind.PANIC, CrashKind.NOT_STARTED, CrashKind.ENDED
HOST, UNCLEAN = CrashKind.HOST_PANIC, CrashKind.HOST_UNCLEAN
CONSOLE, QEMU, XEN, LIBXL, LXC = (
    Source.CONSOLE,
    Source.QEMU_LOG,
    Source.XEN_LOG,
    Source.LIBXL_LOG,
    Source.LXC_LOG,
)

CONSOLES = [
    # Linux init/do_mounts.c, kernel/exit.c, kernel/hung_task.c, kernel/watchdog.c, mm/oom_kill.c; lists' reports
    (
        "[    3.123505] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
        "panic-no-root",
        "no root file system (unknown-block(0,0))",
    ),
    (
        "[0.852036] Kernel Panic - not syncing:VFS:Unable to mount root fs on unknown-block(8,1)",
        "panic-no-root",
        "unknown-block(8,1)",
    ),
    (
        "[    4.012823] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009",
        "panic-init-died",
        "init ended (exit code 0x00000009)",
    ),
    ("Kernel panic - not syncing: Attempted to kill init!", "panic-init-died", "init ended"),
    (
        "[  284.707474][   T31] Kernel panic - not syncing: hung_task: blocked tasks",
        "panic-hung-task",
        "blocked",
    ),
    ("Kernel panic - not syncing: softlockup: hung tasks", "panic-lockup", "a processor was stuck"),
    (
        "Kernel panic - not syncing: System is deadlocked on memory",
        "panic-memory",
        "out of memory (System is deadlocked on memory)",
    ),
    (
        "Kernel panic - not syncing: Out of memory and no killable processes...",
        "panic-memory",
        "no killable processes",
    ),
    ("[  102.113] sysrq: Trigger a crash", "panic-asked", "asked for by SysRq"),
    ("SysRq : Trigger a crash", "panic-asked", "SysRq"),
    (
        "[   83.562579] Kernel panic - not syncing: Fatal local machine check",
        "panic-hardware",
        "hardware error: Fatal local machine check",
    ),
    (
        "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: ffffffff81",
        "panic",
        "stack-protector",
    ),
]


@pytest.mark.parametrize(("line", "rule", "words"), CONSOLES, ids=[line[-40:] for line, _, _ in CONSOLES])
def test_a_guests_console_tells_why_its_kernel_gave_up(line: str, rule: str, words: str) -> None:
    """And the same line in a vmcore-dmesg.txt or in pstore tells it of the host."""
    guest = cause(PANIC, CONSOLE, "something before it", line, "---[ end Kernel panic - not syncing ]---")
    host = cause(HOST, Source.KDUMP, line)
    assert (guest.id, host.id) == (rule, rule)
    assert guest.words.startswith("guest kernel panic") and words in guest.words
    assert host.words.startswith("host kernel panic") and words in host.words


def test_the_fault_explains_more_than_the_panic_that_follows_from_it() -> None:
    """Linux arch/x86/mm/fault.c, kernel/panic.c: `Fatal exception` is said of each fault."""
    told = cause(
        PANIC,
        CONSOLE,
        "[  102.113] BUG: unable to handle page fault for address: ffffea000005b2d0",
        "[  102.113] RIP: 0010:ext4_get_group_info+0x4b/0x60 [ext4]",
        "[  102.114] Kernel panic - not syncing: Fatal exception",
    )
    assert told.id == "panic-bug"
    assert "unable to handle page fault for address: ffffea000005b2d0" in told.words


def test_a_guests_panic_does_not_hide_behind_old_troubles_of_its_host() -> None:
    """The log of a run of months may hold a disk that was full for a while."""
    told = cause_of(
        PANIC,
        (
            said(CONSOLE, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"),
            said(QEMU, "block I/O error in device 'drive-virtio-disk0': No space left on device (28)"),
        ),
    )
    assert told.id == "panic-no-root"


def test_libvirt_tells_windows_stop_codes() -> None:
    """libvirt src/qemu/qemu_domain.c; of a report on vCPU hot-plug (qemu-devel, June 2025), and KubeVirt's tests."""
    told = cause(
        PANIC,
        QEMU,
        "2025-06-09 13:23:49.506+0000: panic hyper-v: arg1='0x3e', arg2='0x46d359bbdff', arg3='0x56d359bbdff', "
        "arg4='0x0', arg5='0x0'",
    )
    assert told.id == "windows-stop"
    assert told.words == "Windows stop code 0x3e: MULTIPROCESSOR_CONFIGURATION_NOT_SUPPORTED"


def test_a_stop_code_that_is_not_known_is_told_as_it_is() -> None:
    """Drivers may stop with codes of their own."""
    told = cause(
        PANIC,
        QEMU,
        "panic hyper-v: arg1='0xdeadbeefdeadbeef', arg2='0x0', arg3='0x0', arg4='0x0', arg5='0x0'",
    )
    assert told.words == "Windows stop code 0xdeadbeefdeadbeef"


def test_libvirt_tells_why_an_s390_guest_stopped() -> None:
    """Of a report on qemu-devel, August 2024."""
    told = cause(
        PANIC,
        QEMU,
        "2024-08-28 06:56:35.430+0000: panic s390: core='0' psw-mask='0x0002000180000000' "
        "psw-addr='0x00000387b028c67e' reason='disabled-wait'",
    )
    assert told.words == "guest processor 0 stopped: disabled-wait"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (Source.EVENT, "libvirt event: guest crashed (panicked)"),
        (Source.EVENT, "libvirt event: stopped (crashed)"),
        (Source.STATE, "crashed: panicked"),
        (Source.STATE, "paused: crashed"),
        (Source.STATE, "<domstatus state='paused' reason='crashed' pid='222'>"),
    ],
)
def test_a_panic_of_which_no_console_is_kept_is_known_as_one(source: Source, line: str) -> None:
    """pvpanic tells no more."""
    told = cause(PANIC, source, line)
    assert told.id == "panic-told"
    assert "console" in told.mend


def test_from_the_log_alone_a_panic_is_known_by_who_ended_the_guest() -> None:
    """libvirt ends a guest that has panicked as crashed (on_crash=destroy); the event is long past."""
    told = cause(
        PANIC,
        QEMU,
        "2024-03-01T10:00:00.1Z qemu-system-x86_64: terminating on signal 15 from pid 1593 (/usr/sbin/libvirtd)",
        "2024-03-01 10:00:00.300+0000: shutting down, reason=crashed",
    )
    assert told.id == "panic-ended"


def test_a_guest_whose_own_crash_kernel_runs_is_told_so() -> None:
    """libvirt's VIR_DOMAIN_EVENT_CRASHED_CRASHLOADED."""
    assert (
        cause(PANIC, Source.EVENT, "libvirt event: guest crashed (its own crash kernel runs)").id
        == "panic-kdump"
    )


HOSTS = [
    # Linux arch/x86/kernel/cpu/mce/core.c; of a report on a host that restarted
    (
        HOST,
        Source.KDUMP,
        "[1681437.836649] mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 10: fe002984001000c1",
        "machine-check",
        "processor 0 (5 Bank 10: fe002984001000c1)",
    ),
    # Linux drivers/firmware/efi/cper.c
    (
        UNCLEAN,
        Source.KERNEL,
        "{1}[Hardware Error]: event severity: fatal",
        "hardware-failed",
        "a fatal error",
    ),
    # Linux drivers/thermal/thermal_core.c
    (
        UNCLEAN,
        Source.JOURNAL,
        "thermal thermal_zone0: critical temperature reached (100 C), shutting down",
        "overheated",
        "overheated",
    ),
    # Xen xen/drivers/char/console.c (panic), xen/common/shutdown.c (hwdom_shutdown)
    (HOST, XEN, "(XEN) Panic on CPU 0:", "xen-panic", "Panic on CPU 0"),
    (
        HOST,
        XEN,
        "(XEN) [ 3.975527] Hardware Dom0 crashed: rebooting machine in 5 seconds.",
        "xen-panic",
        "Dom0 crashed",
    ),
]


@pytest.mark.parametrize(("kind", "source", "line", "rule", "words"), HOSTS, ids=[row[3] for row in HOSTS])
def test_a_host_tells_why_it_went_down(
    kind: CrashKind, source: Source, line: str, rule: str, words: str
) -> None:
    """What led to it comes before the panic that followed."""
    told = cause(kind, source, line, "Kernel panic - not syncing: Fatal machine check on current CPU")
    assert told.id == rule
    assert words in told.words


XENS = [
    # Qubes OS' documentation of Windows guests; xen/arch/x86/mm/p2m-pod.c
    (
        PANIC,
        XEN,
        "p2m_pod_demand_populate: Dom120 out of PoD memory! (tot=102411 ents=921600 dom120)",
        "xen-pod",
        "domain 120",
    ),
    # xen-devel, December 2024; xen/arch/x86/hvm/hvm.c
    (PANIC, XEN, "(XEN) d5v0 Triple fault - invoking HVM shutdown action 1", "xen-triple-fault", "domain 5"),
    # xen-devel on Xen 4.2 and 4.8; xen/arch/x86/traps.c
    (
        PANIC,
        XEN,
        "(XEN) d7:v0: unhandled page fault (ec=0000)",
        "xen-fault",
        "unhandled page fault (ec=0000)",
    ),
    (
        PANIC,
        XEN,
        "(XEN) d1v0 Unhandled invalid opcode fault/trap [#6, ec=0000]",
        "xen-fault",
        "Unhandled invalid opcode fault/trap",
    ),
    (
        PANIC,
        XEN,
        "(XEN) d1: GFN 0xf3078 (0xa2616,0,5,7) -> (0xa2504,0,5,7) not permitted",
        "xen-mapping",
        "GFN 0xf3078",
    ),
    (PANIC, XEN, "(XEN) domain_crash called from p2m.c:1301", "xen-crash", "p2m.c:1301"),
    (PANIC, XEN, "Domain 4 has shut down, reason code 3 0x3", "xen-crashed", "no log says why"),
    # a forum's xend.log of 2009; tools/python/xen/xend/XendDomainInfo.py
    (
        PANIC,
        XEN,
        "[2009-06-04 17:08:51 14342] WARNING (XendDomainInfo:1283) Domain has crashed: name=one-new246 id=17.",
        "xen-crashed",
        "no log says why",
    ),
    # xen-devel; tools/libs/light/libxl_create.c, and Qubes OS' documentation of machines without an IOMMU
    (
        STARTED,
        LIBXL,
        "libxl: libxl_create.c:1904:domcreate_attach_devices: Domain 3:unable to add pci devices",
        "xen-start-pci",
        "PCI device not attached",
    ),
    (
        STARTED,
        LIBXL,
        "2022-03-01 13:27:17.117+0000: libxl: libxl_create.c:1146:libxl__domain_config_setdefault: passthrough not "
        "supported on this platform",
        "xen-start-iommu",
        "no IOMMU",
    ),
    (
        STARTED,
        XEN,
        "libxl: error: libxl_create.c:1613:domcreate_launch_dm: Domain 1:unable to add disk devices",
        "xen-start-disk",
        "disks",
    ),
    (
        STARTED,
        XEN,
        "libxl: error: libxl_create.c:1867:domcreate_devmodel_started: Domain 3:device model did not start: -26",
        "xen-start-model",
        "device model (QEMU) did not start",
    ),
    (
        STARTED,
        XEN,
        "libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain 1:cannot (re-)build domain: -3",
        "xen-start",
        "cannot (re-)build domain: -3",
    ),
    # libvirt src/lxc/lxc_container.c, lxc_controller.c; Cisco IOx' and TrueNAS' reports
    (
        STARTED,
        LXC,
        "Failure in libvirt_lxc startup: Failed to create /mnt/tank/container/.oldroot: Permission denied",
        "container-start",
        "Failed to create /mnt/tank/container/.oldroot: Permission denied",
    ),
    (
        STARTED,
        LXC,
        "Failure in libvirt_lxc startup: cannot find init path '/sbin/init' relative to container root: No such file",
        "container-no-init",
        "container init missing: /sbin/init",
    ),
    (
        STARTED,
        LXC,
        "Failure in libvirt_lxc startup: Failed to bind mount directory /srv/x to /mnt: "
        "Too many levels of symbolic links",
        "container-mount",
        "/srv/x to /mnt: Too many levels of symbolic links",
    ),
]


@pytest.mark.parametrize(
    ("kind", "source", "line", "rule", "words"), XENS, ids=[f"{row[3]}: {row[2][-30:]}" for row in XENS]
)
def test_xen_and_lxc_tell_why(kind: CrashKind, source: Source, line: str, rule: str, words: str) -> None:
    """With the last line that follows from each of them."""
    told = cause(kind, source, line, "(XEN) Domain 3 (vcpu#0) crashed on cpu#1:")
    assert (told.id, told.known) == (rule, True)
    assert words in told.words


def test_a_guest_cannot_speak_as_xen_through_xens_console() -> None:
    """Xen puts `(d7)` before each line that a guest writes (xen/drivers/char/console.c, guest_console_write)."""
    told = cause(PANIC, XEN, "(d7) (XEN) d5v0 Triple fault - invoking HVM shutdown action 1")
    assert not told.known


def test_no_space_for_a_device_on_xen_is_not_taken_for_a_full_disk() -> None:
    """xen-devel, 2023: xc_assign_device says ENOSPC for lack of IOMMU domains."""
    told = cause(
        STARTED,
        LIBXL,
        "libxl: libxl_pci.c:1552:pci_add_dm_done: Domain 1:xc_assign_device failed: No space left on device",
        "libxl: libxl_pci.c:1875:device_pci_add_done: Domain 1:"
        "libxl__device_pci_add failed for PCI device 0:aa:0.0 (rc -3)",
    )
    assert told.id == "xen-start-pci"
    assert told.words.endswith("0:aa:0.0")
