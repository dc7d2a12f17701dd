"""What a host keeps of crashes, as real files of the documented forms on a real host, read over real SSH.

Files of the kernel's that no lab host has are laid over: /sys/kernel is a file system of the host's own for the time of
the tests, and /sys/fs/pstore a folder with the names that efi-pstore gives.
"""

from __future__ import annotations

import asyncio
import base64
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.api import open_fleet
from backends.lab.configuration import ACCOUNT
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.process import run
from backends.lab.specs import lab_specs
from backends.model.crash import CrashKind, CrashRecord, HostCrashes, KdumpVerdict, Source, TargetKind
from backends.model.host import HostName, Link
from tests.unit.crashes.test_kernel_text import KVM_NULL
from tests.unit.crashes.test_pstore import LINES, parts
from tests.watching import all_up, link_is, until

H3 = HostName("h3")
NOW_S = int(time.time())
CRASHED_S = NOW_S - 2 * 3600
KILLED_S, CORE_S, DUMPED_S = NOW_S - 5 * 3600, NOW_S - 6 * 3600, NOW_S - 7 * 3600
NOISE = "[    1.000000] random: crng init done\n" * 20_000
KILLED = (
    r"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=emulator,mems_allowed=0,"
    r"task_memcg=/machine.slice/machine-qemu\x2d3\x2dweb\x2d01.scope,task=qemu-system-x86,pid=39079,uid=107",
    "Memory cgroup out of memory: Killed process 39079 (qemu-system-x86) total-vm:17829052kB, anon-rss:16806364kB",
)
ELF_CORE = (
    b"\x7fELF\x02\x01\x01"
    + bytes(9)
    + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
)
CUT_CORE = ELF_CORE[:32] + struct.pack("<Q", 1 << 30) + ELF_CORE[40:]
FOREIGN = "[ 1.0] Kernel panic - not syncing: \x1b]52;c;ZXZpbA==\x07\u202e evil\n"
CORE = f"/var/lib/systemd/coredump/core.qemu-system-x86.107.{'6b' * 16}.2649303.{CORE_S}000000.zst"
LAY_OVER = """
mount -t tmpfs lab-kernel /sys/kernel
echo 0 >/sys/kernel/kexec_crash_loaded
echo 268435456 >/sys/kernel/kexec_crash_size
mount -t tmpfs lab-pstore /sys/fs/pstore
"""
UNDO = """
umount /sys/fs/pstore
umount /sys/kernel
rm -rf /var/crash /var/lib/systemd/coredump /var/lib/systemd/pstore /var/lib/xen/dump
rm -rf /var/log/journal /var/log/kern.log* /var/log/xen /var/log/wtmp /etc/kdump.conf
"""


def put(host: Host, path: str, content: bytes | str, *, at_s: int = NOW_S, mode: str = "644") -> None:
    """A file, as root has it."""
    raw = content.encode() if isinstance(content, str) else content
    text = f'mkdir -p "$(dirname "$1")" && base64 -d >"$1" && chmod {mode} "$1" && touch -d @{at_s} "$1"'
    host.exec("sh", "-c", text, "sh", path, stdin=base64.b64encode(raw).decode())


def utmp(kind: int, user: str, at_s: int) -> bytes:
    """A record of wtmp(5): a start of the host (2), or a change of run level (1)."""
    return struct.pack(
        "<hhi32s4s32s256shhiii16s20s",
        kind,
        0,
        0,
        b"~",
        b"~~",
        user.encode(),
        b"6.1.0",
        0,
        0,
        0,
        at_s,
        0,
        b"",
        b"",
    )


def syslog(*lines: str) -> str:
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime(KILLED_S))
    return "".join(f"{stamp} h3 kernel: [ 9000.000001] {line}\n" for line in lines)


def lay(host: Host) -> None:
    """All of it."""
    host.exec("sh", "-ec", LAY_OVER)
    stamp = time.strftime("%Y-%m-%d-%H:%M:%S", time.localtime(CRASHED_S))
    folder = f"/var/crash/127.0.0.1-{stamp}"
    put(host, f"{folder}/vmcore-dmesg.txt", NOISE + KVM_NULL, at_s=CRASHED_S + 20)
    put(host, f"{folder}/vmcore", b"KDUMP   \x06\0\0\0" + bytes(4000), at_s=CRASHED_S + 60)
    put(host, "/var/crash/202401010000/dump-incomplete", b"", at_s=NOW_S - 100 * 86_400)
    for text in parts():
        part = int(text.partition("Part")[2].partition("\n")[0])
        put(host, f"/sys/fs/pstore/dmesg-efi-{(CRASHED_S * 100 + part) * 1000 + 1}", text, at_s=CRASHED_S)
    put(host, "/sys/fs/pstore/dmesg-efi-1000.enc.z", bytes(range(256)), at_s=NOW_S - 86_400)
    put(host, CORE, b"\x28\xb5\x2f\xfd" + bytes(range(256)), at_s=CORE_S, mode="640")
    put(host, "/var/lib/xen/dump/db", ELF_CORE, at_s=DUMPED_S)
    host.exec("sh", "-c", f"truncate -s 2G /var/lib/xen/dump/db && touch -d @{DUMPED_S} /var/lib/xen/dump/db")
    put(host, "/var/lib/xen/dump/cut", CUT_CORE, at_s=DUMPED_S)
    put(host, "/var/log/kern.log", "\0\xff\xfe binary\n" + syslog(*KILLED), at_s=KILLED_S)
    put(host, "/var/log/xen/console/guest-evil.log", FOREIGN, at_s=DUMPED_S)
    put(host, "/var/log/wtmp", utmp(2, "reboot", CRASHED_S - 86_400) + utmp(2, "reboot", CRASHED_S + 300))
    put(host, "/etc/kdump.conf", "path /var/crash\ncore_collector makedumpfile -l -d 31\n")


@pytest.fixture(scope="module")
def laid(lab: Lab) -> Iterator[Lab]:
    """h3 has it all."""
    host = lab.host("h3")
    host.exec("sh", "-c", UNDO, check=False)
    try:
        lay(host)
        yield lab
    finally:
        host.exec("sh", "-c", UNDO, check=False)


async def crashes_of(lab: Lab, *, user: str = "root") -> HostCrashes:
    """What a program that starts now finds."""
    async with open_fleet(lab_specs(lab.layout, user=user)) as fleet:
        if user == "root":
            await until(fleet, all_up)
        else:
            await until(fleet, link_is("h3", Link.DEGRADED))
        return await fleet.crashes(H3)


def place(crashes: HostCrashes, part: str) -> CrashRecord:
    """The record that has a piece of evidence from there."""
    (found,) = [each for each in crashes.records if any(part in told.place for told in each.evidence)]
    return found


async def test_what_a_host_keeps_of_crashes_is_read_over_ssh(laid: Lab) -> None:
    found = await crashes_of(laid)
    assert found.commands <= 2
    assert found.took_s < 10
    # One crash of the host, told by its dump, by pstore and by a start that no shutdown came before.
    host = place(found, "/vmcore-dmesg.txt")
    assert (host.kind, host.exact) == (CrashKind.HOST_PANIC, True)
    assert {each.source for each in host.evidence} == {Source.KDUMP, Source.PSTORE, Source.BOOTS}
    text = next(each for each in host.evidence if each.place.endswith("vmcore-dmesg.txt"))
    assert text.lines[0].startswith("BUG: unable to handle kernel NULL pointer dereference")
    assert text.offset == len(NOISE), "where it stands in the file, to be opened there"
    told = next(each for each in host.evidence if each.source is Source.PSTORE)
    assert told.lines[-1] == LINES[-2].partition("] ")[2]
    assert host.host_at is not None
    assert abs(host.host_at.timestamp() - CRASHED_S) < 1
    # A guest that the kernel has killed, by name, out of a log that begins with bytes of no text.
    killed = place(found, "/var/log/kern.log")
    assert (killed.kind, killed.name, killed.cause.known) == (CrashKind.ENDED, "web-01", True)
    assert killed.host_at is not None
    assert killed.host_at.timestamp() == KILLED_S
    # A core, two dumps: a sparse one of 2 GiB that costs nothing, and one that was cut off.
    assert place(found, "core.qemu-system-x86").kind is CrashKind.ENDED
    big = place(found, "/var/lib/xen/dump/db").evidence[0]
    assert (big.size_bytes, big.trouble) == (2 << 30, "")
    assert "2.0 GiB: ELF core, sparse" in big.lines[0]
    assert place(found, "/var/lib/xen/dump/cut").evidence[0].trouble.startswith("truncated")
    assert place(found, "dump-incomplete").evidence[0].trouble.startswith("truncated")
    assert "compressed" in place(found, ".enc.z").evidence[0].trouble
    # What is foreign in them is shown and never sent.
    evil = place(found, "guest-evil.log")
    assert (evil.kind, evil.name) == (CrashKind.PANIC, "evil")
    texts = [text for each in found.records for told in each.evidence for text in (told.place, *told.lines)]
    assert all(text.isprintable() for text in texts)


JOURNALD = "/lib/systemd/systemd-journald"
WRITE_JOURNAL = f"""
exec 3>&1 >/dev/null 2>&1
mount -t tmpfs own /run
mkdir -p /run/systemd/journal /run/log/journal /run/systemd/journald.conf.d
printf '[Journal]\\nAudit=no\\nReadKMsg=no\\nStorage=volatile\\n' >/run/systemd/journald.conf.d/own.conf
{JOURNALD} </dev/null &
for _ in $(seq 50); do [ -S /run/systemd/journal/socket ] && break; sleep 0.1; done
logger --journald && journalctl --sync
kill $!
wait
gzip -c /run/log/journal/*/system.journal | base64 >&3
"""
"""What a journald of its own makes of an entry: in a lab host it has no control groups to run in."""
PUT_JOURNAL = """
folder=/var/log/journal/$(cat /etc/machine-id)
mkdir -p "$folder"
base64 -d | gunzip >"$folder/system.journal"
chmod 640 "$folder/system.journal"
"""
ENTRY = f"""MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1
MESSAGE=Process 2649303 (qemu-system-x86) of user 107 dumped core.
COREDUMP_PID=2649303
COREDUMP_COMM=qemu-system-x86
COREDUMP_EXE=/usr/bin/qemu-system-x86_64
COREDUMP_SIGNAL=6
COREDUMP_SIGNAL_NAME=SIGABRT
COREDUMP_TIMESTAMP={CORE_S}000000
COREDUMP_CMDLINE=/usr/bin/qemu-system-x86_64 -name guest=f30,debug-threads=on -msg timestamp=on
COREDUMP_FILENAME={CORE}
"""
"""As systemd-coredump sends it."""


@pytest.mark.skipif(not Path(JOURNALD).exists(), reason="no systemd-journald on this machine")
async def test_the_real_journal_names_the_guest_of_a_core(laid: Lab) -> None:
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", WRITE_JOURNAL]
    written = await asyncio.to_thread(run, argv, stdin=ENTRY, timeout_s=20)
    await asyncio.to_thread(laid.host("h3").exec, "sh", "-ec", PUT_JOURNAL, stdin=written.stdout)
    core = place(await crashes_of(laid), "core.qemu-system-x86")
    assert (core.kind, core.name, len(core.evidence)) == (CrashKind.ENDED, "f30", 1)
    assert core.evidence[0].lines[0] == "qemu-system-x86_64 (2649303) dumped core: SIGABRT"
    found = await crashes_of(laid, user=ACCOUNT)
    assert [(gap.why, bool(gap.mend)) for gap in found.gaps if gap.what == "journal"] == [
        ("permission denied", True)
    ]


async def test_kdump_s_state_is_told_with_what_to_do(laid: Lab) -> None:
    kdump = (await crashes_of(laid)).kdump
    assert kdump is not None
    assert (kdump.verdict, kdump.reserved_bytes) == (KdumpVerdict.NOT_LOADED, 256 << 20)
    assert (kdump.target_kind, kdump.target) == (TargetKind.LOCAL, "/var/crash")
    assert kdump.free_bytes
    assert kdump.memory_bytes
    assert kdump.last.startswith("vmcore of ")
    loaded = next(each for each in kdump.findings if each.id == "kdump.loaded")
    assert loaded.mend


async def test_who_may_not_read_them_is_told_which_permission_is_needed(laid: Lab) -> None:
    host = laid.host("h3")
    await asyncio.to_thread(
        host.exec, "sh", "-c", "chmod 700 /var/crash; chmod 600 /etc/kdump.conf /var/log/kern.log"
    )
    found = await crashes_of(laid, user=ACCOUNT)
    gap = next(each for each in found.gaps if "/var/crash" in each.what)
    assert (gap.why, "setfacl" in gap.mend) == ("permission denied", True)
    core = place(found, "core.qemu-system-x86").evidence[0]
    assert (core.trouble, CORE in core.mend) == ("unreadable: permission denied", True)
    assert found.kdump is not None
    target = next(each for each in found.kdump.findings if each.id == "kdump.target")
    assert "/etc/kdump.conf" in target.mend
    # What everybody may read is told all the same.
    assert place(found, "/var/lib/xen/dump/db").kind is CrashKind.DUMP
