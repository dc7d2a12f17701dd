"""An operator reads why a guest ended or stands still, from the real words of QEMU, libvirt and Linux."""

from __future__ import annotations

import pytest

from backends.crashes.causes.cause import cause_of
from backends.model.crash import CrashKind, Source
from tests.unit.crashes.told import cause, said

ENDED, STARTED, STANDS, INCOMING = (
    CrashKind.ENDED,
    CrashKind.NOT_STARTED,
    CrashKind.IO_ERROR,
    CrashKind.INCOMING,
)
QEMU, KERNEL, JOURNAL, DAEMON = Source.QEMU_LOG, Source.KERNEL, Source.JOURNAL, Source.DAEMON_LOG

MEMORY = [
    # Harvester's documentation of a guest killed in its cgroup (harvester/docs, "VM OOM"), kernel 5.14
    (
        ENDED,
        KERNEL,
        "Memory cgroup out of memory: Killed process 70870 (qemu-system-x86) total-vm:73209856kB, "
        "anon-rss:66852088kB, file-rss:21948kB, shmem-rss:4kB",
        "oom-limit",
        "63.8 GiB",
    ),
    (
        ENDED,
        KERNEL,
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=cri-containerd-0f32894d.scope,mems_allowed=0-1,"
        "oom_memcg=/kubepods.slice/kubepods-burstable.slice,task=qemu-system-x86,pid=39079,uid=107",
        "oom-limit",
        "cgroup memory limit reached",
    ),
    # of a report of a guest bound to NUMA nodes, kernel 6.x
    (
        ENDED,
        KERNEL,
        "oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=0,cpuset=vcpu1,mems_allowed=0,global_oom,"
        "task_memcg=/machine.slice/machine-qemu-1-vm1.scope,task=qemu-system-x86,pid=27410,uid=64055",
        "oom-node",
        "NUMA nodes it is bound to (0)",
    ),
    # Linux mm/oom_kill.c, __oom_kill_process; of a bug report, kernel 6.4
    (
        ENDED,
        JOURNAL,
        "Out of memory: Killed process 9925 (qemu-system-x86) total-vm:17625176kB, anon-rss:8433680kB, file-rss:0kB, "
        "shmem-rss:0kB, UID:0 pgtables:2585kB oom_score_adj:0",
        "oom-host",
        "qemu-system-x86 had 8.0 GiB",
    ),
    # kernels up to 4.x say it so
    (
        ENDED,
        KERNEL,
        "Out of memory: Kill process 28932 (qemu-system-x86) score 88 or sacrifice child",
        "oom-host",
        "the host was out of memory",
    ),
    # systemd src/oom/oomd-manager.c
    (
        ENDED,
        JOURNAL,
        "Killed /machine.slice/machine-qemu\\x2d1\\x2dvm1.scope due to memory pressure for /machine.slice being "
        "82.36% > 80.00% for > 20s with reclaim activity",
        "oom-pressure",
        "systemd-oomd for memory pressure",
    ),
    # QEMU softmmu/physmem.c
    (
        STARTED,
        QEMU,
        "2023-01-05T10:00:00.123456Z qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory",
        "no-memory",
        "no memory on the host for the guest (pc.ram)",
    ),
    # QEMU backends/hostmem-file.c, util/oslib-posix.c; of a report with huge pages
    (
        STARTED,
        QEMU,
        "2022-11-24T21:41:22.309038Z qemu-kvm: unable to map backing store for guest RAM: Cannot allocate memory",
        "no-hugepages",
        "not enough free huge pages",
    ),
    # libvirt src/qemu/qemu_conf.c
    (
        STARTED,
        JOURNAL,
        "internal error: Unable to find any usable hugetlbfs mount for 1048576 KiB",
        "no-hugepages",
        "none of 1.0 GiB mounted",
    ),
]
STORAGE = [
    # libvirt's event and state, as this program writes them
    (
        STANDS,
        Source.EVENT,
        "libvirt event: I/O error: vda, no space left (paused)",
        "no-space",
        "no space left for vda",
    ),
    (STANDS, Source.STATE, "paused: no space left for vda", "no-space", "no space left for vda"),
    (
        STANDS,
        Source.EVENT,
        "libvirt event: I/O error: vda, no reason told (paused)",
        "io-error",
        "I/O error on vda",
    ),
    (STANDS, Source.EVENT, "libvirt event: paused (I/O error)", "io-error", "the host gives no reason"),
    (STANDS, Source.STATE, "paused: I/O error", "io-error", "the host gives no reason"),
    # libvirt's state file (virDomainObjFormat)
    (
        STANDS,
        Source.STATE,
        "<domstatus state='paused' reason='ioerror' pid='222'>",
        "io-error",
        "the host gives no reason",
    ),
    # QEMU 0.12-1.x block.c, bdrv_emit_qmp_error_event
    (
        STANDS,
        QEMU,
        "block I/O error in device 'drive-virtio-disk0': No space left on device (28)",
        "no-space",
        "no space left for drive-virtio-disk0",
    ),
    (
        STANDS,
        QEMU,
        "block I/O error in device 'drive-virtio-disk0': Cannot send after transport endpoint shutdown (108)",
        "storage-fenced",
        "blocklisted",
    ),
    # libvirt src/util/virerror.c with errno(3)
    (
        STARTED,
        DAEMON,
        "2021-03-04 08:00:00.000+0000: 912: error : virFileRewrite:540 : cannot write data to file "
        "'/var/run/libvirt/qemu/vm1.xml.new': No space left on device",
        "no-space",
        "/var/run/libvirt/qemu/vm1.xml.new",
    ),
    # Linux drivers/md/dm-thin.c; of a Proxmox report
    (
        STANDS,
        KERNEL,
        "device-mapper: thin: 252:4: switching pool to out-of-data-space (queue IO) mode",
        "pool-full",
        "thin pool full: 252:4",
    ),
    # QEMU block/qcow2.c; tests/qemu-iotests/060.out
    (
        STANDS,
        QEMU,
        "qcow2: Marking image as corrupt: Preventing invalid write on metadata (overlaps with refcount table); further "
        "corruption events will be suppressed",
        "image-corrupt",
        "overlaps with refcount table",
    ),
    # Linux block/blk-core.c
    (
        STANDS,
        KERNEL,
        "blk_update_request: critical medium error, dev sdb, sector 7814037160 op 0x0:(READ) flags 0x0 phys_seg 1",
        "medium-error",
        "disk sdb of the host failed",
    ),
    (
        STANDS,
        KERNEL,
        "I/O error, dev sdc, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 2",
        "io-error",
        "I/O error of the host on sdc",
    ),
    (
        STANDS,
        KERNEL,
        "nfs: server 10.1.1.9 not responding, still trying",
        "storage-gone",
        "NFS server 10.1.1.9",
    ),
    (
        STARTED,
        QEMU,
        "qemu-system-x86_64: -blockdev {...}: Could not open '/srv/nfs/vm1.qcow2': Stale file handle",
        "stale-handle",
        "/srv/nfs/vm1.qcow2",
    ),
]
FAULTS = [
    # QEMU accel/kvm/kvm-all.c; coreboot's documentation and Launchpad 1914986
    (
        ENDED,
        QEMU,
        "KVM internal error. Suberror: 1",
        "kvm-internal",
        "suberror 1: an instruction could not be emulated",
    ),
    (ENDED, QEMU, "KVM internal error. Suberror: 77", "kvm-internal", "suberror 77"),
    (ENDED, QEMU, "emulation failure", "kvm-internal", "KVM internal error"),
    (ENDED, QEMU, "KVM: entry failed, hardware error 0x80000021", "kvm-entry", "hardware error 0x80000021"),
    (ENDED, QEMU, "error: kvm run failed Bad address", "kvm-run", "Bad address"),
    # glibc's assert, glib's g_assert, QEMU softmmu/cpus.c
    (
        ENDED,
        QEMU,
        "qemu-system-x86_64: ../../block/io.c:2026: bdrv_co_write_req_prepare: Assertion `child->perm & BLK_PERM_WRITE'"
        " failed.",
        "assertion",
        "assertion failed: child->perm & BLK_PERM_WRITE (../../block/io.c:2026)",
    ),
    (
        ENDED,
        QEMU,
        "ERROR:../../hw/virtio/virtio.c:3232:virtio_queue_aio_attach: assertion failed: (vq->handle_output)",
        "assertion",
        "assertion failed: (vq->handle_output) (../../hw/virtio/virtio.c:3232)",
    ),
    (
        ENDED,
        QEMU,
        "qemu: hardware error: register_ioport_read: invalid opaque",
        "hardware-error",
        "invalid opaque",
    ),
    # Linux arch/x86/mm/fault.c; of a report
    (
        ENDED,
        KERNEL,
        "qemu-system-x86[21271]: segfault at 556411681fcd ip 0000599a60510f21 sp 00007b8e4affce48 error 4 in "
        "qemu-system-x86_64[8d8f21,599a6009c000+6e5000] likely on CPU 1",
        "segfault",
        "qemu-system-x86 crashed: segmentation fault in qemu-system-x86_64",
    ),
    # Linux kernel/auditsc.c, audit_seccomp; the form of snapcraft's documentation
    (
        ENDED,
        KERNEL,
        'audit: type=1326 audit(1430766107.122:16): auid=1000 uid=107 gid=107 ses=15 pid=1491 comm="qemu-kvm" '
        'exe="/usr/libexec/qemu-kvm" sig=31 arch=c000003e syscall=56 compat=0 ip=0xb6fb0bd6 code=0x0',
        "sandbox",
        "system call 56",
    ),
    # as this program tells of a core, with the signal that systemd-coredump has noted
    (
        ENDED,
        Source.CORE_DUMP,
        "qemu-system-x86_64 (1234) dumped core: SIGSEGV",
        "core-dumped",
        "qemu-system-x86_64 crashed: SIGSEGV",
    ),
    # systemd's coredump message (src/coredump/coredump.c)
    (
        ENDED,
        JOURNAL,
        "Process 1234 (qemu-system-x86) of user 64055 dumped core.",
        "core-dumped",
        "qemu-system-x86 crashed and dumped core",
    ),
    # QEMU softmmu/runstate.c, qemu_kill_report; Launchpad 1877418 and a report of nova's guests
    (
        ENDED,
        QEMU,
        "2020-05-06T07:47:22.901057Z qemu-system-x86_64: terminating on signal 15 from pid 1593 (/usr/sbin/libvirtd)",
        "killed",
        "destroyed through libvirt (SIGTERM from libvirtd)",
    ),
    (
        ENDED,
        QEMU,
        "qemu-kvm: terminating on signal 15 from pid 1 (/usr/lib/systemd/systemd)",
        "killed",
        "SIGTERM from process 1 (/usr/lib/systemd/systemd)",
    ),
    (ENDED, QEMU, "qemu: terminating on signal 15 from pid 10394", "killed", "SIGTERM from process 10394"),
    # systemd src/core/service.c
    (
        CrashKind.PROCESS,
        JOURNAL,
        "libvirtd.service: Main process exited, code=dumped, status=11/SEGV",
        "service-crashed",
        "libvirtd.service crashed: SIGSEGV",
    ),
    (
        CrashKind.PROCESS,
        JOURNAL,
        "virtqemud.service: main process exited, code=killed, status=9/KILL",
        "service-killed",
        "SIGKILL",
    ),
]
ALL = [*MEMORY, *STORAGE, *FAULTS]


def test_an_oom_kill_explains_a_qemu_that_ended_without_a_word() -> None:
    """Its own log only has what libvirt added."""
    told = cause_of(
        ENDED,
        (
            said(QEMU, "2024-03-01 10:00:00.000+0000: shutting down, reason=crashed"),
            said(
                KERNEL,
                "Out of memory: Killed process 9925 (qemu-system-x86) total-vm:17625176kB, anon-rss:8433680kB",
            ),
        ),
    )
    assert told.id == "oom-host"


def test_no_space_explains_more_than_the_io_error_that_follows_from_it() -> None:
    """Both are in the evidence of one crash."""
    told = cause_of(
        STANDS,
        (
            said(KERNEL, "Buffer I/O error on dev dm-7, logical block 12, lost async page write"),
            said(Source.EVENT, "libvirt event: I/O error: vda, no space left (paused)"),
        ),
    )
    assert told.id == "no-space"


def test_a_lack_of_watches_or_cgroups_is_not_taken_for_a_full_disk() -> None:
    """inotify_add_watch(2) and cgroups say ENOSPC, too."""
    for line in (
        "qemu-system-x86_64: Failed to add inotify watch on '/dev/input': No space left on device",
        "error : virCgroupSetValueRaw:461 : Unable to write to '/sys/fs/cgroup/x/tasks': No space left on device",
    ):
        assert cause(STARTED, QEMU, line).id != "no-space"


def test_a_seccomp_line_that_only_logs_is_no_kill() -> None:
    """sig=0: the call went on (Kubernetes' documentation of SCMP_ACT_LOG)."""
    told = cause(
        ENDED,
        KERNEL,
        "audit: type=1326 audit(1594067860.484:14536): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=29064 "
        'comm="qemu" exe="/usr/bin/qemu" sig=0 arch=c000003e syscall=51 compat=0 ip=0x46fe1f code=0x7ffc0000',
    )
    assert not told.known


@pytest.mark.parametrize(
    "line",
    [
        "internal error: unable to execute QEMU agent command 'guest-exec': Failed to get \"write\" lock",
        "guest agent command failed: unable to execute QEMU agent command 'x': KVM internal error. Suberror: 1",
        "dnsmasq-dhcp[812]: DHCPACK(virbr0) 192.168.122.5 52:54:00:00:00:01 No-space-left: No space left on device",
    ],
)
def test_words_of_a_guest_in_the_hosts_journal_explain_nothing(line: str) -> None:
    """Its agent answers what it likes, and it chooses its name for DHCP (libvirt src/qemu/qemu_agent.c)."""
    assert not cause(ENDED, JOURNAL, line).known
