"""Core dumps of hypervisors and daemons, and dumps of guests' memory."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.crash import CrashKind
from backends.probes.crashes import cores, formats, guest_dumps, host_time
from backends.probes.crashes.sighting import Sighting
from backends.probes.survey.readings import Gap, Reading
from tests.unit.crashes.looked_hosts import ANY_READING, NOW_S, file, is_presentable, looked

CORE = (
    f"{cores.FOLDER}/core.qemu-system-x86.107.6b9015d0c05f4e7fbfe4197a2c7824a2.2649303.1626779572000000.zst"
)
ENTRY = {
    "__REALTIME_TIMESTAMP": "1626779573123456",
    "MESSAGE_ID": "fc2e22bc6ee647b6b90729ab34a250b1",
    "COREDUMP_PID": "2649303",
    "COREDUMP_COMM": "qemu-system-x86",
    "COREDUMP_EXE": "/usr/bin/qemu-system-x86_64",
    "COREDUMP_SIGNAL": "6",
    "COREDUMP_SIGNAL_NAME": "SIGABRT",
    "COREDUMP_TIMESTAMP": "1626779572000000",
    "COREDUMP_CMDLINE": "/usr/bin/qemu-system-x86_64 -name guest=f30,debug-threads=on -uuid "
    "814dd584-dd09-4468-a518-70159e031bcc -msg timestamp=on",
    "COREDUMP_CGROUP": r"/machine.slice/machine-qemu\x2d1\x2df30.scope/libvirt/emulator",
    "COREDUMP_FILENAME": CORE,
    "MESSAGE": """\
Process 2649303 (qemu-system-x86) of user 107 dumped core.

                  Stack trace of thread 2649303:
                  #0  0x00007ff3c32436be n/a (libc.so.6 + 0xf56be)
                  #1  0x000055a949c0ed05 qemu_poll_ns (qemu-system-x86_64 + 0x7b0d05)
                  #2  0x000055a949c0e476 main_loop_wait (qemu-system-x86_64 + 0x7b0476)

                  Stack trace of thread 2649310:
                  #0  0x00007ff3c323ea35 n/a (libc.so.6 + 0xf0a35)
""",
}
"""libvirt, docs/kbase/qemu-core-dump.rst, as the journal keeps it (systemd, src/coredump/coredump-submit.c)."""
AS_TEXT = "Tue 2021-07-20 12:12:52 BST 2649303 107  107 SIGABRT present  /usr/bin/qemu-system-x86_64  1.8M"
"""The same document."""
OLD_TEXT = "Tue 2021-07-20 12:12:52 BST  2649303   107   107   6 * /usr/libexec/qemu-kvm"
"""systemd 219 (print_list)."""
AS_JSON = json.dumps(
    [
        {
            "time": 1626779572000000,
            "pid": 2649303,
            "uid": 107,
            "gid": 107,
            "sig": 6,
            "corefile": "truncated",
            "exe": "/usr/bin/qemu-system-x86_64",
            "size": 1887436,
        }
    ]
)
ZSTD = b"\x28\xb5\x2f\xfd"


def of(answers: Mapping[str, str | Reading], *files: str) -> list[Sighting]:
    seen = [file(path, ZSTD) for path in files]
    return list(cores.sightings(looked({host_time.ZONE.name: "+0100", **answers}, files=seen)))


def test_a_guest_s_core_is_told_once_with_its_guest_its_signal_and_its_calls() -> None:
    answers = {
        cores.JOURNAL.name: json.dumps(ENTRY),
        cores.LISTED_JSON.name: AS_JSON,
        cores.LISTED.name: AS_TEXT,
    }
    (told,) = of(answers, CORE)
    assert (told.kind, told.guest, told.pid, told.at_s) == (CrashKind.ENDED, "f30", 2649303, 1626779572.0)
    assert told.uuid == "814dd584-dd09-4468-a518-70159e031bcc"
    assert told.evidence.path == CORE
    assert not told.evidence.is_text
    assert told.evidence.lines[0] == "qemu-system-x86_64 (2649303) dumped core: SIGABRT"
    assert "#1  0x000055a949c0ed05 qemu_poll_ns (qemu-system-x86_64 + 0x7b0d05)" in told.evidence.lines
    assert not any("2649310" in line for line in told.evidence.lines), "one thread is enough"
    assert told.evidence.trouble.startswith("truncated")


@pytest.mark.parametrize("text", [AS_TEXT, OLD_TEXT])
def test_a_list_alone_tells_process_signal_and_local_time(text: str) -> None:
    (told,) = of({cores.LISTED.name: text})
    assert (told.kind, told.pid, told.at_s) == (CrashKind.ENDED, 2649303, 1626779572.0)
    assert told.evidence.lines[0].endswith("dumped core: SIGABRT")


def test_the_file_alone_tells_process_and_time() -> None:
    (told,) = of({}, CORE)
    assert (told.pid, told.at_s, told.guest) == (2649303, 1626779572.0, "")
    assert "zstd" in told.evidence.lines[-1]


def test_a_file_that_is_older_than_the_look_is_not_told_without_what_the_journal_knew_of_it() -> None:
    old = file(CORE, ZSTD, mtime_s=NOW_S - 100)
    assert list(cores.sightings(replace(looked(files=[old]), since_s=NOW_S - 50))) == []
    assert len(list(cores.sightings(replace(looked(files=[old]), since_s=NOW_S - 100)))) == 1


def test_a_daemon_s_core_is_the_host_s_and_names_the_daemon() -> None:
    entry = {
        **ENTRY,
        "COREDUMP_EXE": "/usr/sbin/libvirtd",
        "COREDUMP_COMM": "libvirtd",
        "COREDUMP_FILENAME": "",
    }
    (told,) = of({cores.JOURNAL.name: json.dumps(entry)})
    assert (told.kind, told.process, told.guest) == (CrashKind.PROCESS, "libvirtd", "")


def test_other_programs_cores_are_left_out() -> None:
    entry = {**ENTRY, "COREDUMP_EXE": "/usr/bin/firefox", "COREDUMP_COMM": "firefox"}
    assert of({cores.JOURNAL.name: json.dumps(entry)}, CORE.replace("qemu-system-x86", "firefox")) == []


def test_a_core_that_this_account_may_not_read_says_so() -> None:
    (told,) = cores.sightings(looked(files=[file(CORE, readable=False)]))
    assert told.evidence.trouble == "unreadable: permission denied"
    assert CORE in told.evidence.mend


ABRT = "/var/spool/abrt/ccpp-2026-05-28-20:00:00-4711"


def test_what_abrt_has_taken_is_told() -> None:
    """abrt's elements of a problem folder (man abrt-cli, doc/dump-dir-elements)."""
    facts = {
        "executable": "/usr/libexec/qemu-kvm",
        "cmdline": "/usr/libexec/qemu-kvm -name guest=web,debug-threads=on -S",
        "reason": "qemu-kvm killed by SIGSEGV",
        "time": "1780000000",
        "pid": "4711",
    }
    host = looked(
        {f"{ABRT}/{key}": value for key, value in facts.items()}, files=[file(f"{ABRT}/coredump", b"\x7fELF")]
    )
    (told,) = cores.sightings(host)
    assert (told.guest, told.pid, told.at_s) == ("web", 4711, 1780000000.0)
    assert told.evidence.lines[0] == "qemu-kvm (4711) dumped core: SIGSEGV"


def test_what_apport_has_taken_is_told() -> None:
    """apport's report.py; its name has the program's path."""
    path = "/var/crash/_usr_bin_qemu-system-x86_64.64055.crash"
    report = """ProblemType: Crash
Architecture: amd64
Date: Thu May 28 21:00:00 2026
ExecutablePath: /usr/bin/qemu-system-x86_64
ProcCmdline: /usr/bin/qemu-system-x86_64 -name guest=web,debug-threads=on
Signal: 11
SignalName: SIGSEGV
CoreDump: base64
 H4sICAAAAAAC/0NvcmVEdW1wAA==
"""
    (told,) = of({path: report}, path)
    assert (told.guest, told.at_s) == ("web", NOW_S - 1600)
    (shut,) = of({path: Reading(gap=Gap.DENIED)}, path)
    assert (shut.kind, shut.evidence.trouble) == (CrashKind.ENDED, "unreadable: permission denied")


@given(
    st.dictionaries(
        st.sampled_from([cores.JOURNAL.name, cores.LISTED_JSON.name, cores.LISTED.name]), ANY_READING
    )
)
def test_no_answer_breaks_the_parser(answers: dict[str, Reading]) -> None:
    assert all(is_presentable(told) for told in of(answers, CORE))


@given(
    st.dictionaries(
        st.sampled_from(sorted(ENTRY)), st.one_of(st.text(max_size=20), st.none(), st.lists(st.integers()))
    )
)
def test_no_entry_of_the_journal_breaks_the_parser(changed: dict[str, object]) -> None:
    assert all(is_presentable(told) for told in of({cores.JOURNAL.name: json.dumps({**ENTRY, **changed})}))


# Dumps of guests' memory ---------------------------------------------------------------------


def elf(*, kind: int = 4, programs: int = 64, count: int = 2) -> bytes:
    """The head of a 64-bit little-endian file (elf(5))."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", kind, 62, 1, 0, programs, 0, 0, 64, 56, count, 64, 0, 0)


@pytest.mark.parametrize(
    ("begins", "words"),
    [
        (elf(), "ELF core"),
        (elf(kind=2), "ELF, and no core"),
        (b"KDUMP   \x06\0\0\0", "kdump-compressed"),
        (
            b"makedumpfile\0\0\0\0\0\0\0\0\0\0\0\x01",
            "kdump-compressed, flattened: makedumpfile -R puts it together",
        ),
        (b"LibvirtQemudSave\x02\0\0\0", "all of the guest's state, as libvirt saves it"),
        (b"\xed\xeb\x0f\xf0", "Xen core, old form"),
        (b"PAGEDU64", "Windows crash dump"),
        (b"hello", "of no form that is known"),
    ],
)
def test_a_dump_is_recognised_by_its_first_bytes(begins: bytes, words: str) -> None:
    assert formats.recognise(file("/d", begins)) == formats.Format(words)


@pytest.mark.parametrize(
    ("begins", "size_bytes", "words"),
    [
        (elf(programs=10_000), 4096, "tables reach to byte 10112"),
        (elf()[:40], 40, "truncated"),
        (b"", 0, "truncated: it is empty"),
        (b"LibvirtQemudPart", 4096, "libvirt had not finished it"),
        (bytes(64), 4096, "its beginning holds nothing"),
    ],
)
def test_a_dump_that_is_not_whole_says_so(begins: bytes, size_bytes: int, words: str) -> None:
    assert words in formats.recognise(file("/d", begins, size_bytes=size_bytes)).trouble


@pytest.mark.parametrize(
    ("path", "guest", "clock"),
    [
        (f"{guest_dumps.QEMU}/12-web-01-2026-05-28-21:00:00", "web-01", True),
        (f"{guest_dumps.QEMU}/web-2026-05-28-21:00:00", "web", True),
        (f"{guest_dumps.QEMU}/by-hand.core", "", False),
        (f"{guest_dumps.LIBXL}/db-2026-05-28-21:00:00", "db", True),
        ("/var/lib/xen/dump/db", "db", False),
        ("/var/xen/dump/2026-0528-2100.00-db.7.core", "db", True),
        ("/var/xen/dump/db.7.core", "db", False),
    ],
)
def test_a_dump_s_name_tells_guest_and_local_time(path: str, guest: str, clock: bool) -> None:
    (told,) = guest_dumps.sightings(looked({host_time.ZONE.name: "+0100"}, files=[file(path, elf())]))
    assert (told.kind, told.guest) == (CrashKind.DUMP, guest)
    assert (told.at_s, told.exact) == ((NOW_S - 1600, True) if clock else (NOW_S, False))


def test_a_dump_of_summer_time_is_told_rightly_in_winter() -> None:
    path = f"{guest_dumps.QEMU}/12-web-2026-05-28-21:00:00"
    (told,) = guest_dumps.sightings(
        looked({host_time.ZONE.name: "+0000"}, files=[file(path, mtime_s=NOW_S - 1590)])
    )
    assert (told.at_s, told.exact) == (NOW_S - 1600, True)
    (copied,) = guest_dumps.sightings(
        looked({host_time.ZONE.name: "+0000"}, files=[file(path, mtime_s=NOW_S - 9000)])
    )
    assert (copied.at_s, copied.exact) == (NOW_S - 9000, False), "it cannot have ended before it began"


def test_a_sparse_dump_tells_what_it_takes() -> None:
    seen = file("/var/lib/xen/dump/db", elf(), size_bytes=2 << 30, allocated_bytes=12288)
    (told,) = guest_dumps.sightings(looked(files=[seen]))
    assert told.evidence.lines == ("dump of 2.0 GiB: ELF core, sparse: 12.0 KiB on the disk",)


@given(st.binary(max_size=64), st.integers(0, 1 << 62), st.text(max_size=30))
def test_no_dump_breaks_the_parser(begins: bytes, size_bytes: int, name: str) -> None:
    files = [file(f"{folder}/{name}", begins, size_bytes=size_bytes) for folder in guest_dumps.FOLDERS]
    assert all(is_presentable(told) for told in guest_dumps.sightings(looked(files=files)))
