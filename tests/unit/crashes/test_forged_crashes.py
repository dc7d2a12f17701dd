"""A guest cannot make up a crash of another guest, whatever it writes where it may; and hostile text costs no time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

import pytest

from backends.crashes.timeline import joining
from backends.crashes.whose import Whose
from backends.model.crash import CrashKind, Evidence, Source
from backends.model.guest import Guest, GuestKey, GuestState
from backends.model.host import HostName
from backends.probes.crashes import console, daemon_lines, daemon_log, host_time, qemu_log, script
from backends.probes.crashes.parsers import PARSERS
from backends.probes.crashes.sighting import Sighting
from backends.remote.local import LocalShell
from backends.remote.shell import COMMAND_DEADLINE_S, Answer
from tests.unit.crashes.looked_hosts import log, looked
from tests.unit.crashes.patience import PATIENCE_S

_UUIDS = {"mine": "11111111-1111-1111-1111-111111111111", "other": "22222222-2222-2222-2222-222222222222"}
_FORGED = "Cannot access storage file '/srv/other-guest.qcow2': No such file or directory"


@pytest.mark.parametrize(
    "told",
    [
        f"internal error: unable to execute QEMU agent command 'guest-ping': {_FORGED}",
        f"guest agent command failed: unable to execute QEMU agent command 'guest-exec': {_FORGED}",
        f"internal error: unable to execute QEMU agent command 'guest-ping': x\n{_FORGED}",
    ],
)
def test_what_a_guests_agent_answers_is_no_crash_of_the_guest_whose_disk_it_names(told: str) -> None:
    """libvirt src/qemu/qemu_agent.c repeats its words as an error."""
    entry = {"__REALTIME_TIMESTAMP": "1780000000000000", "MESSAGE": told, "SYSLOG_IDENTIFIER": "libvirtd"}
    host = looked({daemon_lines.JOURNAL.name: json.dumps(entry)})
    assert list(daemon_log.sightings(host)) == []


def test_the_same_words_of_libvirt_itself_are_one() -> None:
    """So the test above can fail."""
    entry = {"__REALTIME_TIMESTAMP": "1780000000000000", "MESSAGE": _FORGED, "SYSLOG_IDENTIFIER": "libvirtd"}
    (seen,) = daemon_log.sightings(looked({daemon_lines.JOURNAL.name: json.dumps(entry)}))
    assert seen.path == "/srv/other-guest.qcow2"


def test_all_that_a_guest_writes_on_its_console_is_its_own() -> None:
    """Names, UUIDs and paths in it are not looked at."""
    text = "\n".join(
        [
            "-name guest=other -uuid 11111111-2222-3333-4444-555555555555",
            "2026-01-31 12:00:00.000+0000: shutting down, reason=crashed",
            "Out of memory: Killed process 77 (qemu-system-x86) total-vm:1kB, anon-rss:1kB",
            "(XEN) Domain 8 (vcpu#0) crashed on cpu#1:",
            "Domain 8 has shut down, reason code 3 0x3",
            f"2026-01-31 12:00:00.000+0000: 80: error : virStorage:1 : {_FORGED}",
            "Kernel panic - not syncing: forged",
        ]
    )
    for path in ("/var/log/xen/console/guest-mine.log", "/var/log/libvirt/qemu/mine-console.log"):
        host = looked({"/proc/uptime": "1000.50 1.0"}, logs=[log(path, text)])
        seen = [each for parser in PARSERS for each in parser.sightings(host)]
        assert {(each.guest, each.uuid, each.pid) for each in seen} == {("mine", "", None)}
        assert {Whose(()).of(each) for each in seen} == {(None, "mine")}


@pytest.mark.parametrize(
    "piece", ["CPU: 1 x ", "[Hardware Error]: ", " Pid: 1, comm", "\x1b[", "Oops: ", "BUG: unable "]
)
def test_a_console_of_nothing_but_hostile_lines_takes_no_long(piece: str) -> None:
    """As much of it as is brought of one guest; there may be a hundred such guests."""
    text = "\n".join([(piece * 4096)[:4095]] * 16)
    began = time.process_time()
    list(console.sightings(looked(logs=[log("/var/log/xen/console/guest-a.log", text)])))
    assert time.process_time() - began < PATIENCE_S


class _Asked(LocalShell):
    """It notes its questions."""

    def __init__(self) -> None:
        super().__init__()
        self.questions = ""

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        del argv, deadline_s
        self.questions = stdin.decode()
        nonce = self.questions.split("\n")[0]
        return Answer(0, f"\n{nonce} text began\n1780000000.0\n", "")


def test_a_look_that_only_follows_asks_for_the_hosts_zone_too() -> None:
    """Without it the local times of syslog's files would be hours off in such looks, and right in others."""
    shell = _Asked()
    asyncio.run(script.look(shell, since_s=1.7e9, only_logs=True))
    assert f"run {host_time.ZONE.limit_s} {host_time.ZONE.name}\n" in shell.questions


def test_a_uuid_in_a_guests_own_log_does_not_make_it_anothers() -> None:
    """virglrenderer, for one, writes a guest's words there."""
    text = f"""\
2026-01-31 11:00:00.000+0000: starting up libvirt version: 9.0.0
-uuid {_UUIDS["other"]} \\
2026-01-31 12:00:00.000+0000: shutting down, reason=crashed"""
    (seen,) = qemu_log.sightings(looked(logs=[log("/var/log/libvirt/qemu/mine.log", text)]))
    keys = {each: GuestKey(HostName("h1"), "qemu", uuid) for each, uuid in _UUIDS.items()}
    guests = [Guest(key, each, GuestState.RUNNING, "", 1, 1 << 30) for each, key in keys.items()]
    assert seen.uuid == _UUIDS["other"]
    assert Whose(guests).of(seen) == (keys["mine"], "mine")


@pytest.mark.parametrize("exact", [True, False])
def test_thousands_of_crashes_of_one_program_do_not_hold_up_the_screen(exact: bool) -> None:
    """Anybody on a host may let a program named qemu crash in a loop."""
    evidence = Evidence(Source.KERNEL, "dmesg", ("qemu[1]: segfault at 0",))
    crashes = [Sighting(CrashKind.ENDED, evidence, 7.0 * number, exact, pid=number) for number in range(1000)]
    steps = joining(HostName("h1"), crashes, Whose((), crashes), ahead_s=0.0, ids={})
    longest_s, began = 0.0, time.process_time()
    for _ in steps:
        longest_s, began = max(longest_s, time.process_time() - began), time.process_time()
    assert longest_s < PATIENCE_S


def test_a_process_number_of_weeks_ago_does_not_name_the_guest_of_today() -> None:
    """Numbers are given again; what is told of one end is told within the hour."""
    evidence = Evidence(Source.CORE_DUMP, "core")
    named = Sighting(CrashKind.ENDED, evidence, 0.0, guest="old", pid=77)
    of_then = Sighting(CrashKind.ENDED, Evidence(Source.KERNEL, "dmesg"), 4.0, pid=77)
    of_now = Sighting(CrashKind.ENDED, Evidence(Source.KERNEL, "dmesg"), 2_000_000.0, pid=77)
    whose = Whose((), (named, of_then, of_now))
    assert [whose.of(each) for each in (of_then, of_now)] == [(None, "old"), (None, "")]
