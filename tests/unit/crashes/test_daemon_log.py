"""What libvirt's daemons tell, in their own logs and in the journal, with texts of libvirt 9.0 and of bug reports."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.crash import CrashKind, Source
from backends.probes.crashes import daemon_log
from backends.probes.crashes.daemon_lines import JOURNAL, daemon_lines, monitors_closed
from backends.probes.crashes.qemu_runs import FOLDER
from backends.probes.crashes.sighting import Sighting
from tests.unit.crashes.looked_at import entry, log, looked

LIBVIRTD = "/var/log/libvirt/libvirtd.log"
AT = "2026-11-24 15:25:32.898"
AT_S = datetime.fromisoformat(AT).replace(tzinfo=UTC).timestamp()
MISSING = "Cannot access storage file '/var/lib/libvirt/images/web.img': No such file or directory"
NOT_LOADED = (
    "internal error: qemu unexpectedly closed the monitor: 2026-11-24T15:26:09.755005Z qemu-system-x86_64: "
    "check_section_footer: Read section footer failed: -5\n"
    "2026-11-24T15:26:09.755531Z qemu-system-x86_64: load of migration failed: Invalid argument"
)
FAILED = f"{AT}+0000: shutting down, reason=failed\n"


def error(message: str, at: str = AT, function: str = "virStorageSourceReportBrokenChain:1283") -> str:
    return f"{at}+0000: 80: error : {function} : {message}\n"


def told(text: str, **guests: str) -> list[Sighting]:
    logs = [log(f"{FOLDER}/{name}.log", own) for name, own in guests.items()]
    return list(daemon_log.sightings(looked(log(LIBVIRTD, text), *logs)))


def test_a_missing_image_is_told_with_its_path() -> None:
    (sighting,) = told(error(MISSING))
    assert sighting.kind is CrashKind.NOT_STARTED
    assert sighting.path == "/var/lib/libvirt/images/web.img"
    assert (sighting.guest, sighting.at_s, sighting.exact) == ("", AT_S, True)
    assert sighting.evidence.source is Source.DAEMON_LOG
    assert (sighting.evidence.path, sighting.evidence.offset) == (LIBVIRTD, 0)
    assert MISSING in sighting.evidence.lines[0]


def test_it_is_the_guests_whose_log_says_in_that_moment_that_its_start_failed() -> None:
    later = FAILED.replace("32.898", "32.999")
    (sighting,) = told(error(MISSING), web=later, db=FAILED.replace("15:25", "14:25"))
    assert sighting.guest == "web"


def test_where_two_guests_fail_in_one_moment_nothing_is_guessed() -> None:
    (sighting,) = told(error(MISSING), web=FAILED, db=FAILED)
    assert sighting.guest == ""
    assert sighting.path


def test_any_error_before_a_guest_that_did_not_start_says_why() -> None:
    """libvirt's src/qemu/qemu_interface.c: there are too many of them to know them all."""
    message = "Cannot get interface MTU on 'br9': No such device"
    (sighting,) = told(error(message, function="virNetDevGetMTU:379"), web=FAILED)
    assert (sighting.kind, sighting.guest) == (CrashKind.NOT_STARTED, "web")
    assert told(error(message)) == [], "alone it may be about anything"


def test_a_message_of_several_lines_is_one() -> None:
    text = error("before", "2026-11-24 15:26:00.000") + error(NOT_LOADED, "2026-11-24 15:26:09.771")
    after = (
        "2026-11-24 15:26:11.026+0000: 78: warning : qemuDomainObjTaintMsg:6603 : Domain id=2 is tainted\n"
    )
    (sighting,) = told(text + after)
    assert sighting.kind is CrashKind.INCOMING
    assert len(sighting.evidence.lines) == 2
    assert sighting.evidence.lines[1].endswith("load of migration failed: Invalid argument")
    assert sighting.evidence.offset == len(error("before"))


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (
            "Cannot access backing file '/mnt/base.qcow2' of storage file '/mnt/top.qcow2' (as uid:64055, gid:994): "
            "Permission denied",
            "/mnt/base.qcow2",
        ),
        (
            "internal error: process exited while connecting to monitor: 2026-03-29T13:58:32.157307Z "
            "qemu-system-x86_64: -blockdev {}: Could not open '/mnt/vol1/admin.qcow2': "
            "Permission denied",
            "/mnt/vol1/admin.qcow2",
        ),
        ("resource busy: Lockspace resource '/srv/web.img' is locked", "/srv/web.img"),
        ("internal error: Failed to acquire lock: error -243", ""),
        ("operation failed: guest CPU doesn't match specification: missing features: vmx-ept", ""),
        ("operation failed: Unable to find any firmware to satisfy 'efi'", ""),
        ("internal error: guest failed to start: Failure in libvirt_lxc startup: no init", ""),
    ],
)
def test_failed_starts_are_known_by_their_words(message: str, path: str) -> None:
    (sighting,) = told(error(message))
    assert (sighting.kind, sighting.path) == (CrashKind.NOT_STARTED, path)


@pytest.mark.parametrize(
    "message",
    [
        "Domain not found: no domain with matching name 'web'",
        "End of file while reading data: Input/output error",
        "Unable to find 'dnsmasq' binary in $PATH: No such file or directory",
        "Unable to open /dev/kvm: No such file or directory",
        "operation failed: job 'migration out' failed: Unable to read from socket: Connection reset by peer",
        "internal error: Failed to get udev device for syspath '/sys/devices/virtual/dmi/id'",
    ],
)
def test_ordinary_errors_are_no_crashes(message: str) -> None:
    """The first lines of any libvirtd.log."""
    assert told(error(message)) == []


def test_what_libvirtd_always_writes_at_a_start_is_no_reason_for_its_failure() -> None:
    noise = error(
        "unable to canonicalize /srv/console/web.log: No such file or directory",
        function="virFileIsSharedFsFUSE:3339",
    )
    (sighting,) = told(noise + error(MISSING), web=FAILED)
    assert MISSING in sighting.evidence.lines[0]


def test_the_journal_tells_the_same() -> None:
    answers = {
        JOURNAL.name: "\n".join([entry(AT_S, "virtqemud", MISSING), entry(AT_S + 60, "libvirtd", NOT_LOADED)])
    }
    missing, not_loaded = daemon_log.sightings(looked(answers=answers))
    assert missing.evidence.source is Source.JOURNAL
    assert missing.evidence.place == "journal of virtqemud"
    assert missing.evidence.path == ""
    assert (missing.at_s, missing.path) == (AT_S, "/var/lib/libvirt/images/web.img")
    assert not_loaded.kind is CrashKind.INCOMING
    assert len(not_loaded.evidence.lines) == 2


def test_a_message_that_is_no_text_comes_as_numbers() -> None:
    """systemd's JOURNAL_EXPORT_FORMATS: fields that are not UTF-8, or hold control bytes."""
    answers = {JOURNAL.name: entry(AT_S, "libvirtd", list(f"{MISSING}\x1b[2J".encode()))}
    (sighting,) = daemon_log.sightings(looked(answers=answers))
    assert sighting.evidence.lines == (f"{MISSING}␛[2J",)


def test_libvirts_surprise_is_dated() -> None:
    line = error("internal error: qemu unexpectedly closed the monitor")
    assert monitors_closed(looked(log(LIBVIRTD, line + error(MISSING)))) == (AT_S,)


def test_other_logs_beside_are_not_libvirts_own() -> None:
    assert list(daemon_log.sightings(looked(log("/var/log/libvirt/other.log", error(MISSING))))) == []


TEXTS = st.one_of(
    st.text(max_size=300),
    st.sampled_from([error(MISSING), error(NOT_LOADED), entry(AT_S, "libvirtd", MISSING)]),
    st.sampled_from(["[" * 3000, "9" * 5000]),
    st.builds(
        lambda at, said: f'{{"__REALTIME_TIMESTAMP":"{at}","MESSAGE":{said}}}',
        st.integers(),
        st.sampled_from(["null", "[300,-1,65]", '"x"', "{}"]),
    ),
)


@given(st.lists(TEXTS, max_size=8).map("\n".join))
def test_no_text_breaks_the_parser(text: str) -> None:
    found = looked(log(LIBVIRTD, text), log(f"{FOLDER}/web.log", text), answers={JOURNAL.name: text})
    for sighting in daemon_log.sightings(found):
        assert all(line.isprintable() for line in sighting.evidence.lines)
    assert [line.at_s for line in daemon_lines(found)] == sorted(line.at_s for line in daemon_lines(found))


def test_all_that_libvirt_complains_of_as_one_guest_fails_is_one_thing() -> None:
    # virNetDevTapInterfaceStats asks for a device that has just gone with the guest (seen with libvirt 9.0)
    gone = error(
        "internal error: /proc/net/dev: Interface not found", function="virNetDevTapInterfaceStats:765"
    )
    (sighting,) = told(error(NOT_LOADED) + gone, web=FAILED)
    assert (sighting.guest, sighting.evidence.offset) == ("web", 0)
    assert "load of migration failed" in sighting.evidence.lines[1]
    assert "Interface not found" in sighting.evidence.lines[2]


def test_what_the_other_hosts_daemon_has_answered_is_told_there_and_not_here() -> None:
    # src/rpc/virnetclientprogram.c: the source of a move writes the destination's error into its own log
    relayed = error(NOT_LOADED, function="virNetClientProgramDispatchError:172")
    assert told(relayed) == []
    in_journal = json.loads(entry(AT_S, "libvirtd", NOT_LOADED))
    in_journal["CODE_FUNC"] = "virNetClientProgramDispatchError"
    assert list(daemon_log.sightings(looked(answers={JOURNAL.name: json.dumps(in_journal)}))) == []
