"""How kdump stands on hosts of several distributions, and what it has left of crashes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.crash import CrashKind, Kdump, KdumpVerdict, Source, TargetKind
from backends.model.posture import Finding, Severity
from backends.probes.crashes import host_time, kdump, kdump_config
from backends.probes.crashes.looked import Looked
from backends.probes.survey.readings import Gap, Reading
from tests.unit.crashes.looked_hosts import (
    ANY_READING,
    ANY_TEXT,
    NOW_S,
    file,
    is_presentable,
    log,
    looked,
    mangled,
)
from tests.unit.crashes.test_kernel_text import KVM_NULL

GIB = 1 << 30
KDUMP_CONF = """\
#raw /dev/vg/lv_kdump
#ext4 /dev/vg/lv_kdump
#nfs my.server.com:/export/tmp
path /var/crash
core_collector makedumpfile -l --message-level 7 -d 31
#failure_action shell
"""
"""As RHEL 9 delivers it (kdump-utils, gen-kdump-conf.sh)."""
SHOWN = """\
Id=kdump.service
LoadState=loaded
ActiveState=active
SubState=exited
UnitFileState=enabled

Id=kdump-tools.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
"""
RHEL_9 = {
    kdump.LOADED: "1",
    kdump.SIZE: str(256 << 20),
    kdump.CMDLINE: "BOOT_IMAGE=(hd0)/vmlinuz root=/dev/sda ro crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M",
    kdump.MEMINFO: f"MemTotal:       {64 * GIB // 1024} kB\nMemFree: 1 kB",
    kdump.SERVICE.name: SHOWN,
    kdump.LOCAL.name: "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
    f"/dev/mapper/rhel-root 100 10 {70 * GIB // 1024} 20% /\n/dev/sda1 100 10 90 10% /boot\n",
    kdump_config.RED_HAT: KDUMP_CONF,
    "/etc/os-release": 'NAME="Red Hat Enterprise Linux"\nID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"',
    "/run/systemd/system": "rw",
}
DEBIAN = 'ID=debian\nVERSION_ID="12"'
SUSE = 'ID="sles"\nID_LIKE="suse"\nVERSION_ID="15.5"'


def read(changed: Mapping[str, str | Reading | None] | None = None, **more: object) -> Kdump:
    told = {**RHEL_9, **(changed or {})}
    found = kdump.read_kdump(looked({key: each for key, each in told.items() if each is not None}, **more))  # type: ignore[arg-type]
    assert found is not None
    assert all(text.isprintable() for text in (found.target, found.service, found.core_collector, found.last))
    return found


def finding(found: Kdump, id_: str) -> Finding:
    (only,) = [each for each in found.findings if each.id == id_]
    return only


def test_a_host_where_all_is_well() -> None:
    found = read()
    assert (found.verdict, found.reserved_bytes, found.memory_bytes) == (
        KdumpVerdict.READY,
        256 << 20,
        64 * GIB,
    )
    assert found.service == "kdump.service: active, enabled"
    assert (found.target_kind, found.target, found.free_bytes) == (TargetKind.LOCAL, "/var/crash", 70 * GIB)
    assert found.core_collector == "makedumpfile -l --message-level 7 -d 31"
    assert {each.severity for each in found.findings} == {Severity.GOOD}
    assert "crashkernel=1G-4G:192M" in finding(found, "kdump.memory").evidence


@pytest.mark.parametrize(
    ("changed", "verdict", "id_", "mend"),
    [
        (
            {kdump.LOADED: "0", kdump.SIZE: "0"},
            KdumpVerdict.NO_MEMORY,
            "kdump.memory",
            "kdumpctl reset-crashkernel",
        ),
        (
            {kdump.LOADED: "0", kdump.SIZE: "0", "/etc/os-release": DEBIAN},
            KdumpVerdict.NO_MEMORY,
            "kdump.memory",
            "update-grub",
        ),
        (
            {kdump.LOADED: "0", kdump.SIZE: "0", "/etc/os-release": SUSE},
            KdumpVerdict.NO_MEMORY,
            "kdump.memory",
            "kdumptool commandline -u",
        ),
        (
            {kdump.LOADED: "0"},
            KdumpVerdict.NOT_LOADED,
            "kdump.loaded",
            "systemctl enable --now kdump.service",
        ),
        (
            {kdump.LOADED: "0", "/etc/os-release": DEBIAN},
            KdumpVerdict.NOT_LOADED,
            "kdump.loaded",
            "USE_KDUMP=1",
        ),
        (
            {
                kdump.LOADED: "0",
                "/etc/os-release": None,
                "/etc/redhat-release": "CentOS release 6.10 (Final)",
            },
            KdumpVerdict.NOT_LOADED,
            "kdump.loaded",
            "service kdump start",
        ),
        ({kdump.LOADED: None, kdump.SIZE: None}, KdumpVerdict.NOT_POSSIBLE, "kdump.memory", "CONFIG_KEXEC"),
        (
            {kdump.LOADED: "0", kdump.DISABLED: "1"},
            KdumpVerdict.NOT_LOADED,
            "kdump.loaded",
            "at the next start",
        ),
    ],
)
def test_a_host_that_is_not_ready_is_told_what_to_do(
    changed: Mapping[str, str | None], verdict: KdumpVerdict, id_: str, mend: str
) -> None:
    found = read(changed)
    assert found.verdict is verdict
    told = finding(found, id_)
    assert told.severity is Severity.MEDIUM
    assert mend in told.mend
    assert found.findings[0].severity is Severity.MEDIUM, "worst first"


def test_a_newer_kernel_tells_it_in_another_place_and_power_has_a_way_of_its_own() -> None:
    moved = read(
        {
            kdump.LOADED: None,
            kdump.SIZE: None,
            "/sys/kernel/kexec/crash_loaded": "1",
            "/sys/kernel/kexec/crash_size": str(64 << 20),
        }
    )
    assert (moved.verdict, moved.reserved_bytes) == (KdumpVerdict.READY, 64 << 20)
    assert read({kdump.LOADED: "0", kdump.FADUMP[1]: "1"}).verdict is KdumpVerdict.READY


def test_under_xen_the_hypervisor_reserves_the_memory() -> None:
    found = read(
        {kdump.LOADED: "0", kdump.SIZE: "0", kdump.CMDLINE: "root=/dev/sda", kdump.DOM0: "control_d"}
    )
    assert found.verdict is KdumpVerdict.UNKNOWN
    assert "xl info" in finding(found, "kdump.memory").mend


def test_what_may_not_be_read_names_the_permission() -> None:
    found = read({kdump_config.RED_HAT: Reading(gap=Gap.DENIED), kdump.SIZE: Reading(gap=Gap.DENIED)})
    assert (found.target_kind, found.target) == (TargetKind.UNKNOWN, "")
    assert kdump_config.RED_HAT in finding(found, "kdump.target").mend
    assert kdump.SIZE in finding(found, "kdump.memory").mend


@pytest.mark.parametrize(
    ("path", "text", "kind", "words"),
    [
        (kdump_config.RED_HAT, "", TargetKind.LOCAL, "/var/crash"),
        (kdump_config.RED_HAT, "path /srv/dumps # here", TargetKind.LOCAL, "/srv/dumps"),
        (
            kdump_config.RED_HAT,
            "ext4 UUID=03138356-5e61\npath /crash",
            TargetKind.LOCAL,
            "/crash in ext4 UUID=03138356-5e61",
        ),
        (kdump_config.RED_HAT, "raw /dev/vg/kdump", TargetKind.RAW, "/dev/vg/kdump"),
        (
            kdump_config.RED_HAT,
            "nfs my.server.com:/export/tmp",
            TargetKind.NFS,
            "my.server.com:/export/tmp/var/crash",
        ),
        (kdump_config.RED_HAT, "nfs4 srv:/e\npath x", TargetKind.NFS, "srv:/e/x"),
        (
            kdump_config.RED_HAT,
            "ssh kdump@10.1.1.9\nsshkey /root/.ssh/k",
            TargetKind.SSH,
            "kdump@10.1.1.9:/var/crash",
        ),
        (kdump_config.RED_HAT, "net root@10.1.1.9", TargetKind.SSH, "root@10.1.1.9:/var/crash"),
        (
            kdump_config.RED_HAT,
            "net 192.168.14.12:/lv_kdump",
            TargetKind.NFS,
            "192.168.14.12:/lv_kdump/var/crash",
        ),
        (
            kdump_config.RED_HAT,
            'dracut_args --mount "/dev/sda1 /mnt xfs defaults"\npath /c',
            TargetKind.LOCAL,
            "/c in xfs /dev/sda1",
        ),
        (kdump_config.DEBIAN, 'USE_KDUMP=1\nKDUMP_COREDIR="/var/crash"', TargetKind.LOCAL, "/var/crash"),
        (kdump_config.DEBIAN, 'NFS="192.168.122.1:/var/crash"', TargetKind.NFS, "192.168.122.1:/var/crash"),
        (
            kdump_config.DEBIAN,
            "SSH=ubuntu@kdump-netcrash # x",
            TargetKind.SSH,
            "ubuntu@kdump-netcrash:/var/crash",
        ),
        (kdump_config.SUSE, 'KDUMP_SAVEDIR="file:///var/crash"', TargetKind.LOCAL, "/var/crash"),
        (kdump_config.SUSE, 'KDUMP_SAVEDIR="/var/crash"', TargetKind.LOCAL, "/var/crash"),
        (
            kdump_config.SUSE,
            'KDUMP_SAVEDIR="nfs://192.168.14.12/lv_kdump"',
            TargetKind.NFS,
            "192.168.14.12:/lv_kdump",
        ),
        (
            kdump_config.SUSE,
            'KDUMP_SAVEDIR="ssh://root:secret@host/crash"',
            TargetKind.SSH,
            "root@host:/crash",
        ),
        (kdump_config.SUSE, 'KDUMP_SAVEDIR="ftp://u:secret@host/d"', TargetKind.UNKNOWN, "ftp://host/d"),
        (kdump_config.NETDUMP, "NETDUMPADDR=10.0.0.1", TargetKind.UNKNOWN, "netdump to 10.0.0.1:/var/crash"),
    ],
)
def test_where_dumps_go_is_told_as_each_distribution_sets_it(
    path: str, text: str, kind: TargetKind, words: str
) -> None:
    """kdump.conf(5) of RHEL 5 to 10, kdump-tools(5) and Ubuntu's server guide, kdump(5) of SUSE, RHEL 4's netdump. A
    password in an address is never told."""
    found = read({kdump_config.RED_HAT: None, path: text})
    assert (found.target_kind, found.target) == (kind, words)
    assert "secret" not in str(found)


def test_room_is_looked_for_where_the_dump_goes() -> None:
    head = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
    df = f"{head}/dev/a 9 9 1000 9% /\n/dev/b 9 9 2000 9% /srv/my dumps\n"
    assert read({kdump.LOCAL.name: df, kdump_config.RED_HAT: "path /srv/my"}).free_bytes == 1000 * 1024
    assert (
        read({kdump.LOCAL.name: df, kdump_config.RED_HAT: "path /srv/my dumps/c"}).free_bytes == 2000 * 1024
    )
    disks = 'NAME="/dev/b" KNAME="/dev/b" UUID="03-5e" LABEL="" SIZE="4096" MOUNTPOINT="/srv/my dumps"\n'
    by_uuid = {kdump.LOCAL.name: df, kdump.DISKS.name: disks, kdump_config.RED_HAT: "xfs UUID=03-5e"}
    assert read(by_uuid).free_bytes == 2000 * 1024
    assert read({**by_uuid, kdump_config.RED_HAT: "raw /dev/b"}).free_bytes == 4096
    nfs = f"{head}srv:/e 9 9 3000 9% /mnt\n"
    assert read({kdump.NFS.name: nfs, kdump_config.RED_HAT: "nfs srv:/e"}).free_bytes == 3000 * 1024
    assert read({kdump_config.RED_HAT: "nfs srv:/e"}).free_bytes is None


@pytest.mark.parametrize(
    ("free_gib", "collector", "severity"),
    [
        (70, "core_collector cp", Severity.GOOD),
        (10, "core_collector makedumpfile -l -d 31", Severity.LOW),
        (10, "", Severity.LOW),
        (10, "core_collector cp", Severity.MEDIUM),
        (10, "core_collector makedumpfile -c -d 1", Severity.MEDIUM),
        (1, "core_collector makedumpfile -l -d 31", Severity.MEDIUM),
    ],
)
def test_too_little_room_for_a_dump_is_told(free_gib: int, collector: str, severity: Severity) -> None:
    df = f"Filesystem b u a c m\n/dev/a 9 9 {free_gib * GIB // 1024} 9% /\n"
    found = read({kdump.LOCAL.name: df, kdump_config.RED_HAT: f"path /var/crash\n{collector}"})
    assert finding(found, "kdump.room").severity is severity


@pytest.mark.parametrize(
    ("shown", "words", "mend"),
    [
        (SHOWN.replace("=active", "=failed"), "kdump.service: failed", "journalctl -b -u kdump.service"),
        (
            SHOWN.replace("=enabled", "=disabled"),
            "kdump.service: active, disabled",
            "systemctl enable kdump.service",
        ),
        (SHOWN.replace("=loaded", "=not-found"), "no kdump.service, no kdump-tools.service", "dnf install"),
    ],
)
def test_a_service_that_will_not_load_it_at_the_next_start_is_told(shown: str, words: str, mend: str) -> None:
    found = read({kdump.SERVICE.name: shown})
    assert found.service.startswith(words)
    assert mend in finding(found, "kdump.service").mend


def test_a_host_without_systemd_is_not_said_to_lack_the_service() -> None:
    broken = Reading(gap=Gap.BROKEN, said="System has not been booted with systemd as init system (PID 1).")
    found = read({kdump.SERVICE.name: broken, "/run/systemd/system": None})
    assert found.service == "no systemd: not told"
    assert finding(found, "kdump.service").severity is Severity.UNKNOWN


def test_a_key_that_is_not_there_would_lose_the_dump() -> None:
    found = read({kdump_config.RED_HAT: "ssh kdump@10.1.1.9"})
    assert "kdumpctl propagate" in finding(found, "kdump.key").mend
    found = read({kdump_config.RED_HAT: "ssh kdump@10.1.1.9", kdump_config.DEFAULT_KEY: "rw"})
    assert finding(found, "kdump.key").severity is Severity.GOOD


# What it has left ------------------------------------------------------------------------------

RHEL = "/var/crash/127.0.0.1-2026-05-28-21:20:00"
CRASHED_S = NOW_S - 400
KDUMP = b"KDUMP   \x06\0\0\0"


def of(host: Looked) -> list[tuple[CrashKind, float | None, str]]:
    return [(told.kind, told.at_s, told.evidence.trouble) for told in kdump.sightings(host)]


def test_a_dump_and_its_text_are_one_crash_at_one_time() -> None:
    dump = file(f"{RHEL}/vmcore", KDUMP, size_bytes=1_944_502_512, mtime_s=CRASHED_S + 60)
    text = log(f"{RHEL}/vmcore-dmesg.txt", KVM_NULL, mtime_s=CRASHED_S)
    host = looked({host_time.ZONE.name: "+0100"}, files=[dump], logs=[text])
    said, core = kdump.sightings(host)
    assert (said.kind, said.at_s, core.at_s) == (CrashKind.HOST_PANIC, CRASHED_S, CRASHED_S)
    assert said.evidence.source is Source.KDUMP
    assert said.evidence.lines[0].startswith("BUG: unable to handle kernel NULL pointer")
    assert said.evidence.offset == 0
    assert core.evidence.lines == ("vmcore of 1.8 GiB: kdump-compressed",)
    assert not core.evidence.is_text
    found = read({host_time.ZONE.name: "+0100"}, files=[dump], logs=[text])
    assert found.last == "vmcore of 1.8 GiB: kdump-compressed, 2026-05-28 21:20"


@pytest.mark.parametrize(
    ("core", "text"),
    [
        ("/var/crash/202605282120/dump.202605282120", "/var/crash/202605282120/dmesg.202605282120"),
        ("/var/crash/2026-05-28-21:20/vmcore", "/var/crash/2026-05-28-21:20/dmesg.txt"),
        ("/var/log/dump/2026-05-28-21:20/vmcore", "/var/log/dump/2026-05-28-21:20/dmesg.txt"),
        ("/var/crash/10.0.0.7-2026-05-28-21:20/vmcore", "/var/crash/10.0.0.7-2026-05-28-21:20/log"),
        (
            "/var/spool/abrt/vmcore-127.0.0.1-2026-05-28-21:20:00/vmcore",
            "/var/crash/20260528-212000-BST/dom0.log",
        ),
    ],
)
def test_each_distribution_s_folder_is_known(core: str, text: str) -> None:
    """Debian's kdump-tools, SUSE's kdumptool, netdump-server, ABRT and XenServer. The files were copied long after."""
    host = looked(
        {host_time.ZONE.name: "+0100"},
        files=[file(core, KDUMP, mtime_s=NOW_S + 9e6)],
        logs=[log(text, KVM_NULL, mtime_s=NOW_S + 9e6)],
    )
    assert of(host) == [(CrashKind.HOST_PANIC, CRASHED_S, "")] * 2


def test_a_dump_that_did_not_come_to_its_end_says_so() -> None:
    dump = file(f"{RHEL}/vmcore-incomplete", KDUMP, mtime_s=CRASHED_S)
    text = log(f"{RHEL}/vmcore-dmesg-incomplete.txt", "", mtime_s=CRASHED_S)
    host = looked(files=[dump], logs=[text])
    assert [trouble.partition(":")[0] for _, _, trouble in of(host)] == ["truncated", "truncated"]
    found = read(files=[dump], logs=[text])
    assert finding(found, "kdump.result").severity is Severity.MEDIUM
    assert "truncated" in found.last


def test_a_dump_that_may_not_be_read_is_there_all_the_same() -> None:
    dump = file(f"{RHEL}/vmcore", readable=False, size_bytes=GIB, mtime_s=CRASHED_S)
    text = log(f"{RHEL}/vmcore-dmesg.txt", "", trouble="permission denied", mtime_s=CRASHED_S)
    assert [trouble for _, _, trouble in of(looked(files=[dump], logs=[text]))] == [
        "permission denied",
        "unreadable: permission denied",
    ]
    assert finding(read(files=[dump]), "kdump.result").severity is Severity.UNKNOWN


def test_a_text_of_which_the_filter_has_kept_nothing_is_no_evidence_of_its_own() -> None:
    dump = file(f"{RHEL}/vmcore", KDUMP, mtime_s=CRASHED_S)
    quiet = log(f"{RHEL}/vmcore-dmesg.txt", "", mtime_s=CRASHED_S)
    filtered = quiet.__class__(quiet.path, 5000, CRASHED_S, "")
    assert len(of(looked(files=[dump], logs=[filtered]))) == 1


@given(
    st.dictionaries(
        st.sampled_from([*RHEL_9, kdump.NFS.name, kdump.DISKS.name, *kdump_config.FILES]), ANY_READING
    )
)
def test_no_answer_breaks_it(changed: dict[str, Reading]) -> None:
    for each in read(changed).findings:
        assert all(text.isprintable() for text in (each.title, each.evidence, each.mend, each.source))


@given(ANY_TEXT, mangled(KDUMP_CONF), mangled(KVM_NULL), st.binary(max_size=64), st.floats(allow_nan=False))
def test_no_file_breaks_it(name: str, config: str, text: str, begins: bytes, mtime_s: float) -> None:
    files = [file(f"/var/crash/{name}/vmcore", begins, mtime_s=mtime_s)]
    logs = [log(f"/var/crash/{name}/vmcore-dmesg.txt", text, mtime_s=mtime_s)]
    read({kdump_config.RED_HAT: config}, files=files, logs=logs)
    assert all(is_presentable(told) for told in kdump.sightings(looked(files=files, logs=logs)))
