"""Guests' own logs, with what libvirt 9.0 and QEMU 10.0 really write, and older ones have written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.crash import CrashKind, Source
from backends.probes.crashes import qemu_log
from backends.probes.crashes.looked import LogEnd
from backends.probes.crashes.qemu_runs import FOLDER, runs
from backends.probes.crashes.sighting import Sighting
from tests.unit.crashes.looked_at import MTIME_S, log, looked

UUID = "4c688816-087c-5b6b-bb4f-52079cc269d3"


def start(at: str = "2026-11-24 15:24:53.307", *, incoming: bool = False) -> str:
    return f"""\
{at}+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4+deb12u2 (Debian), qemu version: 10.0.2, hostname: h1
LC_ALL=C \\
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
HOME=/var/lib/libvirt/qemu/domain-5-web \\
/usr/bin/qemu-system-x86_64 \\
-name guest=web,debug-threads=on \\
-S \\
-uuid {UUID} \\
{"-incoming defer " + chr(92) if incoming else "-display none " + chr(92)}
-device '{{"driver":"pvpanic"}}' \\
-msg timestamp=on
{at}+0000: Domain id=5 is tainted: high-privileges
char device redirected to /dev/pts/4 (label charserial0)
"""


PANICKED = """\
2026-11-24 15:24:56.548+0000: shutting down, reason=crashed
2026-11-24T15:24:56.548672Z qemu-system-x86_64: terminating on signal 15 from pid 75 (/usr/sbin/libvirtd)
"""
KILLED = "2026-11-24 15:25:01.348+0000: shutting down, reason=crashed\n"
NOT_LOADED = """\
2026-11-24T15:26:09.755005Z qemu-system-x86_64: check_section_footer: Read section footer failed: -5
2026-11-24T15:26:09.755531Z qemu-system-x86_64: load of migration failed: Invalid argument
2026-11-24 15:26:09.972+0000: shutting down, reason=crashed
"""
CLOSED = (
    "2026-11-24 15:25:01.147+0000: 123: error : qemuProcessReportLogError:1969 : internal error: "
    "qemu unexpectedly closed the monitor\n"
)


def told(text: str, *, name: str = "web.log", daemon: str = "") -> list[Sighting]:
    logs = [log(f"{FOLDER}/{name}", text)]
    if daemon:
        logs.append(log("/var/log/libvirt/libvirtd.log", daemon))
    return list(qemu_log.sightings(looked(*logs)))


def one(text: str, *, name: str = "web.log", daemon: str = "") -> Sighting:
    (sighting,) = told(text, name=name, daemon=daemon)
    return sighting


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_guest_that_panicked_is_one_that_libvirt_has_ended_as_crashed() -> None:
    sighting = one(start() + PANICKED)
    assert sighting.kind is CrashKind.PANIC
    assert (sighting.guest, sighting.uuid) == ("web", UUID)
    assert sighting.at_s == at("2026-11-24 15:24:56.548")
    assert sighting.exact


def test_the_evidence_is_the_end_of_that_life_without_the_command_line() -> None:
    before = (
        start("2026-11-23 10:00:00.000") + "2026-11-23 11:00:00.000+0000: shutting down, reason=shutdown\n"
    )
    text = before + start() + PANICKED
    evidence = one(text).evidence
    assert evidence.source is Source.QEMU_LOG
    assert evidence.path == evidence.place == f"{FOLDER}/web.log"
    assert evidence.lines[0].startswith("2026-11-24 15:24:53.307+0000: starting up")
    assert evidence.lines[-1].endswith("from pid 75 (/usr/sbin/libvirtd)")
    assert not any("-uuid" in line or "-device" in line for line in evidence.lines)
    assert evidence.offset == len(before)
    assert evidence.size_bytes == len(text)


def test_a_qemu_that_was_killed_has_ended_without_a_word() -> None:
    assert one(start() + KILLED).kind is CrashKind.ENDED


def test_a_crash_keeps_its_place_when_qemu_says_more() -> None:
    lines = "".join(f"2026-11-24T15:24:55.{number:06}Z qemu-system-x86_64: said\n" for number in range(20))
    shorter, longer = (
        one(start() + lines + PANICKED.split("\n", maxsplit=1)[0]),
        one(start() + lines + PANICKED),
    )
    assert shorter.evidence.offset == longer.evidence.offset
    assert longer.evidence.lines[-1].endswith("(/usr/sbin/libvirtd)")


def test_an_assertion_of_qemu_is_in_the_evidence() -> None:
    """QEMU's list, November 2022: vhost_vsock_common_pre_save."""
    said = (
        "qemu-system-x86_64: ../hw/virtio/vhost-vsock-common.c:203: vhost_vsock_common_pre_save: "
        "Assertion `!vhost_dev_is_started(&vvc->vhost_dev)' failed."
    )
    sighting = one(f"{start()}{said}\n2022-11-15 16:38:46.096+0000: shutting down, reason=crashed\n")
    assert sighting.kind is CrashKind.ENDED
    assert said in sighting.evidence.lines


def test_a_guest_of_windows_that_stops_with_a_code_panicked_when_it_told() -> None:
    """KubeVirt's pkg/virt-launcher/virtwrap/util: the line of a hyperv panic device."""
    panic = "2024-09-30 16:30:49.506+0000: panic hyper-v: arg1='0x5a', arg2='0x1', arg3='0x2', arg4='0x3', arg5='0x4'"
    sighting = one(f"{start()}{panic}\n")
    assert (sighting.kind, sighting.at_s) == (CrashKind.PANIC, at("2024-09-30 16:30:49.506"))
    assert panic in sighting.evidence.lines


KVM = (
    """\
KVM internal error. Suberror: 1
extra data[0]: 0x0000000000000000
emulation failure
EAX=00000000 EBX=00000000 ECX=00000000 EDX=00000663
"""
    + "ESI=00000000 EDI=00000000 EBP=00000000 ESP=00000000\n" * 20
)


def test_a_guest_with_which_kvm_could_not_go_on_stands_still_since_then_or_before() -> None:
    """QEMU's accel/kvm/kvm-all.c, kvm_handle_internal_error: QEMU stays, and libvirt writes nothing."""
    sighting = one(start() + KVM)
    assert sighting.kind is CrashKind.ENDED
    assert (sighting.at_s, sighting.exact) == (MTIME_S, False)
    assert sighting.evidence.lines[:3] == tuple(KVM.split("\n")[:3])
    assert sighting.evidence.offset == len(start())
    later = one(f"{start()}{KVM}2026-11-24 15:25:32.898+0000: shutting down, reason=destroyed\n")
    assert (later.at_s, later.exact) == (at("2026-11-24 15:25:32.898"), False)
    assert later.evidence.offset == len(start()), "the same crash, whatever came of it"


@pytest.mark.parametrize("incoming", [True, False])
def test_what_could_not_be_loaded_is_an_incoming_move(incoming: bool) -> None:
    """Even where the start was not seen: the words say enough."""
    assert one((start(incoming=True) if incoming else "") + NOT_LOADED).kind is CrashKind.INCOMING


def test_a_qemu_that_dies_while_it_takes_a_guest_over_is_known_by_libvirts_surprise() -> None:
    assert one(start(incoming=True) + KILLED, daemon=CLOSED).kind is CrashKind.INCOMING


def test_a_guest_that_came_in_long_ago_and_is_killed_has_ended() -> None:
    assert one(start(incoming=True) + KILLED).kind is CrashKind.ENDED
    earlier = CLOSED.replace("15:25:01", "14:25:01")
    assert one(start(incoming=True) + KILLED, daemon=earlier).kind is CrashKind.ENDED


def test_a_start_that_failed_before_qemu_ran_stands_alone() -> None:
    """libvirt 9.0, virsh start with a missing image: no `starting up` before it."""
    failed = "2026-11-24 15:25:32.898+0000: shutting down, reason=failed\n"
    ended, not_started = told(start() + KILLED + failed)
    assert ended.kind is CrashKind.ENDED
    assert not_started.kind is CrashKind.NOT_STARTED
    assert not_started.evidence.lines == (failed.strip(),)
    assert not_started.at_s == at("2026-11-24 15:25:32.898")


def test_a_start_that_failed_in_qemu_has_its_words() -> None:
    """QEMU's bug 1875139 (Launchpad)."""
    said = (
        '2020-04-27T11:57:11.804028Z qemu-system-x86_64: -blockdev {"driver":"host_device","filename":"/dev/vg/root"}: '
        "The device is not writable: Permission denied"
    )
    sighting = one(f"{start()}{said}\n2020-04-27 11:57:11.805+0000: shutting down, reason=failed\n")
    assert sighting.kind is CrashKind.NOT_STARTED
    assert sighting.evidence.lines[-2] == said


def test_a_way_in_that_failed_is_no_start() -> None:
    failed = "2026-11-24 15:25:32.898+0000: shutting down, reason=failed\n"
    assert one(start(incoming=True) + failed).kind is CrashKind.INCOMING


def test_a_guest_that_the_daemon_ended_when_it_came_back_has_ended() -> None:
    assert (
        one(f"{start()}2026-11-24 15:25:32.898+0000: shutting down, reason=daemon\n").kind is CrashKind.ENDED
    )


@pytest.mark.parametrize("reason", ["shutdown", "destroyed", "migrated", "saved", "from snapshot", "unknown"])
def test_ends_that_somebody_wished_are_no_crashes(reason: str) -> None:
    """virDomainShutoffReason (src/conf/domain_conf.c)."""
    ended = f"2026-11-24 15:25:32.898+0000: shutting down, reason={reason}\n"
    by_libvirt = PANICKED.split("\n")[1]
    assert told(f"{start()}{ended}{by_libvirt}\n") == []


def test_a_guest_that_runs_or_whose_host_went_down_under_it_is_no_crash() -> None:
    assert told(start()) == []
    assert told(start() + start("2026-11-25 08:00:00.000")) == []


def test_an_old_libvirt_that_tells_no_reason_is_not_guessed_at() -> None:
    assert told(f"{start()}2016-11-24 15:25:32.898+0000: shutting down\n") == []


def test_an_old_libvirt_writes_the_whole_command_in_one_line() -> None:
    """libvirt 4.0 on Ubuntu 18.04."""
    text = (
        "2018-11-24 16:13:38.555+0000: starting up libvirt version: 4.0.0, package: 1ubuntu8.5, hostname: ubu-4690\n"
        "LC_ALL=C PATH=/usr/sbin:/usr/bin QEMU_AUDIO_DRV=none /usr/bin/kvm-spice -name guest=win7-2,debug-threads=on "
        f"-S -uuid {UUID} -incoming defer -msg timestamp=on\n"
        "2018-11-23 23:37:38.506+0000: Domain id=2 is tainted: host-cpu\n"
        "2018-11-23T23:37:57.946548Z qemu-system-x86_64: load of migration failed: Operation not permitted\n"
        "2018-11-23 23:37:59.352+0000: shutting down, reason=crashed\n"
    )
    sighting = one(text, name="win7-2.log")
    assert (sighting.kind, sighting.guest, sighting.uuid) == (CrashKind.INCOMING, "win7-2", UUID)
    assert not any("kvm-spice" in line for line in sighting.evidence.lines)


@pytest.mark.parametrize(
    ("file", "guest"),
    [
        ("web.log", "web"),
        ("web.log.0", "web"),
        ("web.log.1.gz", "web"),
        ("web.log-20260131.xz", "web"),
        ("web-1.log", "web-1"),
        ("a b ü.log", "a b ü"),
        ("web.log.d.log", "web.log.d"),
    ],
)
def test_the_name_of_the_file_is_the_guests(file: str, guest: str) -> None:
    """virtlogd's, logrotate's and logrotate's with dateext."""
    assert one(start() + KILLED, name=file).guest == guest


def test_a_packed_log_tells_the_same_without_places() -> None:
    (sighting,) = qemu_log.sightings(looked(log(f"{FOLDER}/web.log.1.gz", start() + KILLED, begin=None)))
    assert sighting.kind is CrashKind.ENDED
    assert sighting.evidence.offset is None


def test_several_crashes_in_one_log_are_told_each_at_its_place() -> None:
    text = start() + PANICKED + start("2026-11-24 16:00:00.000") + KILLED.replace("15:25", "16:25")
    first, second = told(text)
    assert (first.kind, second.kind) == (CrashKind.PANIC, CrashKind.ENDED)
    assert second.evidence.offset == len(start() + PANICKED)


def test_what_a_guests_log_says_is_shown_and_never_sent() -> None:
    evidence = one(start() + "\x1b]52;c;aGk=\x07 \u202eevil\n" + KILLED, name="web\x1b[2J.log").evidence
    for text in (*evidence.lines, evidence.place):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert any("␛]52" in line for line in evidence.lines)
    assert evidence.path == f"{FOLDER}/web\x1b[2J.log"


def test_a_log_that_cannot_be_read_tells_nothing() -> None:
    shut = LogEnd(f"{FOLDER}/web.log", 100, 1.0, "", trouble="permission denied")
    assert list(qemu_log.sightings(looked(shut))) == []


PIECES = st.sampled_from(
    [
        start(),
        start(incoming=True),
        PANICKED,
        KILLED,
        NOT_LOADED,
        "\n",
        "9" * 5000,
        "9999-99-99 99:99:99.999+0000: ",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=200)), max_size=12).map("".join))
def test_no_text_breaks_the_parser(text: str) -> None:
    found = looked(log(f"{FOLDER}/web.log", text), log("/var/log/libvirt/libvirtd.log", text))
    for sighting in qemu_log.sightings(found):
        assert sighting.evidence.lines
        assert all(line.isprintable() for line in sighting.evidence.lines)
    assert all(run.guest == "web" for run in runs(found))
