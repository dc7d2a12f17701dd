"""iSCSI sessions and the disks behind them.

Forms: `iscsiadm -m session -P 3` as open-iscsi's usr/session_info.c writes it, the first one as a host gave it (oVirt's
ansible role hosted_engine_setup, README.md); sysfs as the kernel's scsi_transport_iscsi.c names it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from backends.model.storage import Health, StorageKind, WayKind
from backends.probes.storage import block, iscsi
from backends.probes.storage.iscsi import Session, SessionDisk
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Readings
from tests.unit.host_files import DENIED, any_host, host
from tests.unit.storage.disks_of_hosts import ISCSI_DISK, broken, is_presentable

HOSTED_ENGINE = """iSCSI Transport Class version 2.0-870
version 6.2.0.874-7
Target: iqn.2017-10.com.redhat.stirabos:data (non-flash)
\tCurrent Portal: 192.168.1.125:3260,1
\tPersistent Portal: 192.168.1.125:3260,1
\t\t**********
\t\tInterface:
\t\t**********
\t\tIface Name: default
\t\tIface Transport: tcp
\t\tIface Initiatorname: iqn.1994-05.com.redhat:6a4517b3773a
\t\tIface IPaddress: 192.168.1.14
\t\tIface HWaddress: <empty>
\t\tIface Netdev: <empty>
\t\tSID: 1
\t\tiSCSI Connection State: LOGGED IN
\t\tiSCSI Session State: LOGGED_IN
\t\tInternal iscsid Session State: NO CHANGE
\t\t*********
\t\tTimeouts:
\t\t*********
\t\tRecovery Timeout: 5
\t\tTarget Reset Timeout: 30
\t\tLUN Reset Timeout: 30
\t\tAbort Timeout: 15
\t\t*****
\t\tCHAP:
\t\t*****
\t\tusername: <empty>
\t\tpassword: ********
\t\tusername_in: <empty>
\t\tpassword_in: ********
\t\t************************
\t\tNegotiated iSCSI params:
\t\t************************
\t\tHeaderDigest: None
\t\tMaxRecvDataSegmentLength: 262144
\t\tImmediateData: Yes
\t\t************************
\t\tAttached SCSI devices:
\t\t************************
\t\tHost Number: 3\tState: running
\t\tscsi3 Channel 00 Id 0 Lun: 2
\t\t\tAttached scsi disk sdb\t\tState: running
\t\tscsi3 Channel 00 Id 0 Lun: 3
\t\t\tAttached scsi disk sdc\t\tState: running
Target: iqn.2017-10.com.redhat.stirabos:he (non-flash)
\tCurrent Portal: 192.168.1.125:3260,1
\tPersistent Portal: 192.168.1.125:3260,1
\t\tIface Initiatorname: iqn.1994-05.com.redhat:6a4517b3773a
\t\tSID: 4
\t\tiSCSI Session State: LOGGED_IN
\t\tRecovery Timeout: 5
\t\tusername: codingbee
\t\tpassword: ********
\t\tHost Number: 6\tState: running
\t\tscsi6 Channel 00 Id 0 Lun: 0
\t\tscsi6 Channel 00 Id 0 Lun: 1
\t\t\tAttached scsi disk sde\t\tState: running
"""
TARGET = "iqn.2026-11.lab:disks"
SYSFS = {
    block.CLASS: f"sdd/size:524288\nsdd/ro:0\nsdd/device/wwid:naa.{'6001405' + 'a' * 25}\nsdd/device/state:running",
    block.LINKS: f"sdd -> {ISCSI_DISK}/sdd",
    iscsi.SESSIONS: "\n".join(
        f"session1/{line}"
        for line in (
            f"targetname:{TARGET}",
            "initiatorname:iqn.1993-08.org.debian:01:81cc55237ed9",
            "state:LOGGED_IN",
            "recovery_tmo:120",
            "username:(null)",
        )
    ),
    iscsi.CONNECTIONS: "connection1:0/persistent_address:10.0.0.1\nconnection1:0/persistent_port:3260",
}
LUN = f"iqn:{TARGET}/1"


def told(files: dict[str, str]) -> tuple[iscsi.Sessions, tuple[Seen, ...]]:
    readings = host(files)
    devices = block.read(readings)
    sessions = iscsi.read(readings, devices)
    return sessions, iscsi.seen(sessions, devices)


def test_iscsiadm_s_words_give_sessions_with_their_disks() -> None:
    data, engine = iscsi.parse_iscsiadm(HOSTED_ENGINE)
    assert data == Session(
        number="1",
        target="iqn.2017-10.com.redhat.stirabos:data",
        portal="192.168.1.125:3260",
        initiator="iqn.1994-05.com.redhat:6a4517b3773a",
        state="LOGGED_IN",
        recovery_s=5,
        chap=False,
        disks=(SessionDisk(2, "sdb", "running"), SessionDisk(3, "sdc", "running")),
    )
    assert (engine.number, engine.chap) == ("4", True)
    assert engine.disks == (SessionDisk(1, "sde", "running"),), "LUN 0 has no disk"


def test_a_secret_is_in_no_picture_of_a_session() -> None:
    """Not even the name of the CHAP user."""
    shown = repr(iscsi.parse_iscsiadm(HOSTED_ENGINE.replace("password: ********", "password: hunter22")))
    assert "hunter22" not in shown
    assert "codingbee" not in shown


def test_two_sessions_to_one_portal_are_two() -> None:
    """open-iscsi writes the portal once, and a blank line before the second session."""
    text = HOSTED_ENGINE.partition("Target: iqn.2017-10.com.redhat.stirabos:he")[0]
    second = text.partition("\t\t**********")[2].replace("SID: 1", "SID: 2").replace("sdb", "sdf")
    sessions = iscsi.parse_iscsiadm(text + "\n\t\t**********" + second)
    assert [each.number for each in sessions] == ["1", "2"]
    assert {each.portal for each in sessions} == {"192.168.1.125:3260"}
    assert [disk.device for disk in sessions[1].disks] == ["sdf", "sdc"]


@pytest.mark.parametrize(
    ("text", "portal"),
    [
        ("10.0.0.1:3260,1", "10.0.0.1:3260"),
        ("[fe80::5054:ff:fe12:3456]:3260,1", "[fe80::5054:ff:fe12:3456]:3260"),
        ("storage.example:3261", "storage.example:3261"),
        ("nothing", ""),
        ("", ""),
    ],
)
def test_portals_are_told_with_their_port(text: str, portal: str) -> None:
    assert iscsi.portal_of(text) == portal


def test_a_lun_of_the_kernel_s_is_known_by_target_and_by_wwid() -> None:
    sessions, (seen,) = told(SYSFS)
    (session,) = sessions.sessions
    assert (session.portal, session.recovery_s, session.chap) == ("10.0.0.1:3260", 120, False)
    assert (seen.kind, seen.key, seen.label) == (StorageKind.ISCSI, f"{TARGET}/1", f"{TARGET} LUN 1")
    assert seen.aliases == {LUN, f"wwid:naa.{'6001405' + 'a' * 25}"}
    assert seen.way is not None
    assert (seen.way.kind, seen.way.words, seen.way.path) == (WayKind.SESSION, "10.0.0.1:3260", "/dev/sdd")
    assert (seen.health, seen.capacity_bytes) == (Health.GOOD, 524288 * 512)


def test_two_machines_with_tgt_do_not_become_one_by_tgt_s_own_wwid() -> None:
    _, (seen,) = told(
        {**SYSFS, block.CLASS: "sdd/size:8\nsdd/device/wwid:naa.60000000000000000e00000000010001"}
    )
    assert seen.aliases == {LUN}


@pytest.mark.parametrize(
    ("state", "disk", "health"),
    [
        ("FAILED", "running", Health.BROKEN),
        ("FREE", "running", Health.BROKEN),
        ("LOGGED_IN", "transport-offline", Health.BROKEN),
        ("LOGGED_IN", "blocked", Health.DEGRADED),
        ("", "running", Health.UNKNOWN),
    ],
)
def test_a_lost_session_or_disk_shows_on_its_lun(state: str, disk: str, health: Health) -> None:
    files = {
        **SYSFS,
        iscsi.SESSIONS: SYSFS[iscsi.SESSIONS].replace("LOGGED_IN", state),
        block.CLASS: SYSFS[block.CLASS].replace("running", disk),
    }
    _, (seen,) = told(files)
    assert seen.health is health
    assert seen.detail


def test_one_of_two_sessions_lost_is_less_than_there_should_be() -> None:
    sessions, _ = told(SYSFS)
    first = sessions.sessions[0]
    lost = replace(first, number="2", portal="10.0.1.1:3260", state="FAILED")
    both = iscsi.seen(replace(sessions, sessions=(first, lost)), block.Devices())
    assert [(each.health, each.detail) for each in both] == [(Health.DEGRADED, "1 of 2 sessions work")] * 2


def test_the_chap_user_is_unknown_to_who_may_not_read_it() -> None:
    """The kernel shows it to root alone."""
    hidden = SYSFS[iscsi.SESSIONS].rpartition("\n")[0]
    assert told({**SYSFS, iscsi.SESSIONS: hidden})[0].sessions[0].chap is None
    assert told({**SYSFS, iscsi.SESSIONS: f"{hidden}\nsession1/username:ferry"})[0].sessions[0].chap is True


def test_the_host_s_own_name_is_read() -> None:
    files = {iscsi.INITIATOR: "GenerateName=no\nInitiatorName=iqn.1993-08.org.debian:01:81cc55237ed9"}
    assert told(files)[0].initiator == "iqn.1993-08.org.debian:01:81cc55237ed9"


def test_a_host_without_iscsi_has_no_sessions_and_nothing_is_missing() -> None:
    assert told({})[0] == iscsi.Sessions()


def test_what_an_account_may_not_read_is_said() -> None:
    readings = host({iscsi.SESSIONS: DENIED})
    sessions = iscsi.read(readings, block.read(readings))
    assert (sessions.sessions, sessions.trouble) == ((), "permission denied")
    assert sessions.mend


@given(broken(HOSTED_ENGINE), broken(SYSFS[iscsi.SESSIONS]), broken(SYSFS[iscsi.CONNECTIONS]))
def test_broken_forms_are_never_a_crash(text: str, sessions: str, connections: str) -> None:
    files = {**SYSFS, iscsi.ISCSIADM.name: text, iscsi.SESSIONS: sessions, iscsi.CONNECTIONS: connections}
    assert all(is_presentable(seen) for seen in told(files)[1])


@given(
    any_host(
        iscsi.ISCSIADM.name, iscsi.SESSIONS, iscsi.CONNECTIONS, iscsi.INITIATOR, block.LINKS, block.CLASS
    )
)
def test_any_bytes_are_never_a_crash(readings: Readings) -> None:
    devices = block.read(readings)
    assert all(is_presentable(seen) for seen in iscsi.seen(iscsi.read(readings, devices), devices))
