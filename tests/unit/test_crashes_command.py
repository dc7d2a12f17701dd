"""`virt-ferry crashes` and `kdump`: what terminals and scripts are told (a scripted fleet)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backends.api import LinkError
from backends.model.crash import CrashKind, HostCrashes, Kdump, KdumpVerdict
from tests.tui.scripted import GIB, MIB, ScriptedFleet
from tests.unit.answered import ANY, H1, H2, WEB, answered_by, fits_80_columns, objects, two_of_three
from tests.unit.crashed import (
    DAEMON,
    GAP,
    KILLED,
    NO_MEMORY,
    NOW,
    PANICKED,
    READY,
    WEB_LOG,
    WENT_DOWN,
    looked,
)
from tui.headless import crashes as crashes_module
from tui.headless import kdump as kdump_module
from tui.headless.crashes import crashes
from tui.headless.exits import Exit, UsageError
from tui.headless.kdump import kdump


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """Two guests have crashed on h1, and h2 went down; h3 does not answer, of which the user has been told."""
    scripted = two_of_three()
    scripted.host_crashes = {H1: looked(H1, KILLED, PANICKED), H2: looked(H2, WENT_DOWN, DAEMON)}
    answered_by(monkeypatch, scripted, crashes_module, kdump_module)
    return scripted


@pytest.fixture
def all_answer(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """h1 alone."""
    scripted = ScriptedFleet("h1")
    scripted.up("h1", WEB)
    scripted.host_crashes = {H1: looked(H1, KILLED)}
    answered_by(monkeypatch, scripted, crashes_module, kdump_module)
    return scripted


async def listing(
    since: str = "1d", *, guest: str | None = None, evidence: bool = False, json: bool = False
) -> Exit:
    """The command."""
    return await crashes(ANY, since=since, guest=guest, evidence=evidence, json=json)


def here(moment: datetime) -> str:
    """As this machine's clock shows it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


@pytest.mark.usefixtures("fleet")
async def test_crashes_of_all_hosts_stand_in_one_list_newest_first_each_with_its_cause(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await listing()
    out = capsys.readouterr().out
    assert out.splitlines() == [
        f"{here(KILLED.at)}  h1 web: guest ended",  # type: ignore[arg-type]
        "                     the host was out of memory, its kernel killed the guest",
        "                     mend: give it less memory",
        f"by {WENT_DOWN.at.astimezone():%Y-%m-%d %H:%M}  h2: host went down",  # type: ignore[union-attr]
        "                     nothing was said",
        f"{here(PANICKED.at)}  h1 mail: guest panicked",  # type: ignore[arg-type]
        "                     its kernel gave up: VFS: Unable to mount root fs",
        "time not known       h2 libvirtd: daemon crashed",
        "                     nothing was said",
    ]
    assert fits_80_columns(out)


@pytest.mark.usefixtures("fleet")
async def test_a_wide_terminal_gets_a_row_for_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    await listing()
    titles, first, *rest = capsys.readouterr().out.splitlines()
    assert titles.split() == ["WHEN", "HOST", "GUEST", "WHAT", "CAUSE"]
    assert "h1    web       guest ended     the host was out of memory" in first
    assert len(rest) == 3


@pytest.mark.usefixtures("fleet")
async def test_the_evidence_stands_below_each_line_by_line_as_the_host_has_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await listing(evidence=True)
    out = capsys.readouterr().out
    assert (
        "  the host's kernel: journalctl --dmesg\n"
        "    Out of memory: Killed process 4242 (qemu-system-x86) total-vm:9876kB\n"
        f"  QEMU's log: {WEB_LOG}\n"
        "    2026-11-24 15:02:03.004+0000: shutting down, reason=crashed\n"
    ) in out
    assert "id h1-web-1" in out
    assert "  list of boots: last -x\n    unreadable: permission denied (log in as root)\n" in out
    assert f"{here(WENT_DOWN.host_at)} on the host's clock" in out  # type: ignore[arg-type]


async def test_the_hosts_are_asked_so_far_back_as_is_wished(fleet: ScriptedFleet) -> None:
    await listing("12h")
    asked = {each[1]: each[2] for each in fleet.asked if each[0] == "crashes"}
    assert set(asked) == {H1, H2}
    for since in asked.values():
        assert isinstance(since, datetime)
        assert abs(since - (datetime.now(UTC) - timedelta(hours=12))) < timedelta(minutes=1)


async def test_what_is_older_than_was_wished_is_not_told_although_the_host_tells_it(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    await listing("90m", json=True)
    told = [line["id"] for line in objects(capsys) if line["event"] == "crash"]
    assert told == [KILLED.id, WENT_DOWN.id, DAEMON.id]


async def test_a_time_that_cannot_be_read_is_a_usage_error_before_any_host_is_asked(
    fleet: ScriptedFleet,
) -> None:
    with pytest.raises(UsageError) as refused:
        await listing("yesterday")
    assert "12h" in refused.value.hint
    assert not fleet.asked


# One guest -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("name", ["web", "h1/web", WEB.key.uuid, f"h1/{WEB.key.uuid}"])
async def test_one_guest_is_told_alone(capsys: pytest.CaptureFixture[str], name: str) -> None:
    await listing(guest=name, json=True)
    assert [line["id"] for line in objects(capsys) if line["event"] == "crash"] == ["h1-web-1"]


async def test_a_guest_of_one_host_is_looked_for_on_that_host_alone(fleet: ScriptedFleet) -> None:
    assert await listing(guest="h1/web") == Exit.SUCCEEDED
    assert [each[1] for each in fleet.asked] == [H1]


async def test_a_guest_that_is_not_there_any_more_is_found_by_the_name_in_its_logs(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = replace(KILLED, id="h2-old-1", host=H2, guest=None, name="old")
    fleet.host_crashes = {H1: looked(H1, KILLED), H2: looked(H2, gone, DAEMON)}
    await listing(guest="old", json=True)
    (line,) = [line for line in objects(capsys) if line["event"] == "crash"]
    assert (line["guest"], line["uuid"], line["driver"]) == ("old", None, None)


@pytest.mark.usefixtures("fleet")
async def test_a_daemon_is_no_guest_of_that_name(capsys: pytest.CaptureFixture[str]) -> None:
    await listing(guest="libvirtd")
    assert "no crash is known since" in capsys.readouterr().out


# Hosts that tell less --------------------------------------------------------------------------


async def test_a_host_that_fails_is_told_and_the_crashes_of_the_others_with_it(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.host_crashes = {
        H1: looked(H1, KILLED),
        H2: LinkError("connection lost", host="h2", hint="it is tried again"),
    }
    assert await listing() == Exit.FAILED
    said = capsys.readouterr()
    assert "web: guest ended" in said.out
    assert said.err == "virt-ferry: h2: connection lost (it is tried again)\n"


async def test_scripts_get_each_crash_each_host_and_who_was_left_out(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.host_crashes = {
        H1: looked(H1, KILLED, gaps=(GAP,)),
        H2: LinkError("connection lost", host="h2"),
    }
    assert await listing(json=True) == Exit.FAILED
    crash, host, last = objects(capsys)
    assert (crash["event"], crash["id"], crash["host"], crash["guest"], crash["uuid"]) == (
        "crash", "h1-web-1", "h1", "web", WEB.key.uuid,
    )  # fmt: skip
    assert (crash["kind"], crash["cause_id"], crash["mend"], crash["update"]) == (
        "guest ended", "oom-kill", "give it less memory", False,
    )  # fmt: skip
    assert datetime.fromisoformat(str(crash["at"])) == KILLED.at
    assert crash["evidence"][1] == {  # type: ignore[index]
        "source": "QEMU's log", "place": WEB_LOG, "path": WEB_LOG, "offset": 4711, "size_bytes": 9000, "is_text": True,
        "lines": ["2026-11-24 15:02:03.004+0000: shutting down, reason=crashed"], "trouble": "", "mend": "",
    }  # fmt: skip
    assert (host["event"], host["host"], host["records"], host["clock_ahead_s"]) == (
        "crash_host",
        "h1",
        1,
        0.01,
    )
    assert host["gaps"] == [{"what": GAP.what, "why": GAP.why, "mend": GAP.mend}]
    assert (last["event"], last["records"], last["hosts"]) == ("crashes", 1, ["h1"])
    assert last["left_out"] == [
        {"host": "h2", "reason": "h2: connection lost"},
        {"host": "h3", "reason": "down: connection refused"},
    ]


@pytest.mark.usefixtures("fleet")
async def test_scripts_tell_a_crash_of_a_daemon_and_of_a_host_from_that_of_a_guest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await listing(json=True)
    of_host = {
        line["id"]: (line["guest"], line["process"], line["at"] is None)
        for line in objects(capsys)
        if line["event"] == "crash" and line["of_host"]
    }
    assert of_host == {"h2-boot-1": (None, None, False), "h2-libvirtd-1": (None, "libvirtd", True)}


async def test_what_could_not_be_looked_at_is_told_with_the_permission_that_is_missing(
    all_answer: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    all_answer.host_crashes = {H1: looked(H1, gaps=(GAP,))}
    assert await listing() == Exit.SUCCEEDED
    said = capsys.readouterr()
    assert "no crash is known since" in said.out
    assert said.err == "virt-ferry: h1: logs of QEMU: permission denied (be a member of the group adm)\n"


@pytest.mark.parametrize(
    ("ahead_s", "words"),
    [
        (42.4, "its clock is 42 s ahead; times are corrected"),
        (-7.0, "its clock is 7 s behind; times are corrected"),
        (None, "its clock is not known, times are its own"),
        (0.3, ""),
    ],
)
async def test_how_far_a_hosts_clock_can_be_trusted_is_told(
    all_answer: ScriptedFleet, capsys: pytest.CaptureFixture[str], ahead_s: float | None, words: str
) -> None:
    all_answer.host_crashes = {H1: looked(H1, KILLED, clock_ahead_s=ahead_s)}
    await listing()
    assert capsys.readouterr().err == (f"virt-ferry: h1: {words}\n" if words else "")


async def test_all_looked_at_is_success_whatever_was_found(all_answer: ScriptedFleet) -> None:
    assert await listing() == Exit.SUCCEEDED
    all_answer.host_crashes = {H1: looked(H1)}
    assert await listing() == Exit.SUCCEEDED


async def test_no_host_at_all_is_not_told_as_no_crash(
    all_answer: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    all_answer.host_crashes = {}
    assert await listing() == Exit.FAILED
    assert capsys.readouterr().out == "no host answers\n"


async def test_a_path_of_any_bytes_does_not_break_the_objects(
    all_answer: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = replace(KILLED.evidence[1], path="/var/log/\udcff.log", place="/var/log/\\xff.log")
    all_answer.host_crashes = {H1: looked(H1, replace(KILLED, evidence=(odd,)))}
    assert await listing(json=True) == Exit.SUCCEEDED
    assert objects(capsys)[0]["evidence"][0]["place"] == "/var/log/\\xff.log"  # type: ignore[index]


# kdump -----------------------------------------------------------------------------------------


async def test_kdump_says_of_each_host_whether_it_is_ready_and_what_to_do_where_not(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.host_crashes = {H1: looked(H1, kdump=READY), H2: looked(H2, kdump=NO_MEMORY)}
    assert await kdump(ANY, json=False) == Exit.REFUSED
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "h1: ready",
        "  memory   256 MiB reserved for the crash kernel",
        "  service  kdump.service: active",
        "  target   local path /var/crash",
        "  room     12.0 GiB free there, the host's memory is 64.0 GiB",
        "  by       makedumpfile -l --message-level 7 -d 31",
        "  last     vmcore of 2026-01-31 12:00, 1.2 GiB",
        "",
        "h2: no memory reserved",
        "  memory   0 B reserved for the crash kernel",
        "  medium   memory for the crash kernel",
        "           0 bytes in /sys/kernel/kexec_crash_size",
        "           mend: boot with crashkernel=256M",
    ]


async def test_scripts_get_kdump_in_bytes_and_its_findings(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.host_crashes = {H1: looked(H1, kdump=READY), H2: looked(H2)}
    await kdump(ANY, json=True)
    ready, unasked = objects(capsys)
    assert (ready["event"], ready["host"], ready["verdict"]) == ("kdump", "h1", "ready")
    assert (ready["reserved_bytes"], ready["free_bytes"], ready["target_kind"]) == (
        256 * MIB,
        12 * GIB,
        "local path",
    )
    assert [finding["id"] for finding in ready["findings"]] == ["kdump.memory"]  # type: ignore[attr-defined]
    assert (unasked["verdict"], unasked["reserved_bytes"]) == (None, None)


@pytest.mark.usefixtures("fleet")
async def test_a_host_that_only_libvirt_reaches_is_said_not_to_be_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await kdump(ANY, json=False)
    assert "h1: not looked at: only libvirt reaches it" in capsys.readouterr().out


UNKNOWN = Kdump(KdumpVerdict.UNKNOWN)


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ((looked(H1, kdump=READY), looked(H2, kdump=READY)), Exit.SUCCEEDED),
        ((looked(H1, kdump=READY), looked(H2, kdump=UNKNOWN)), Exit.INDETERMINATE),
        ((looked(H1, kdump=READY), looked(H2)), Exit.INDETERMINATE),
        ((looked(H1, kdump=READY), None), Exit.FAILED),
        ((looked(H1, kdump=NO_MEMORY), None), Exit.REFUSED),
        ((looked(H1, kdump=NO_MEMORY), looked(H2, kdump=READY)), Exit.REFUSED),
        ((), Exit.FAILED),
    ],
)
def test_the_status_tells_the_worst_of_all_hosts(
    answers: tuple[HostCrashes | None, ...], status: Exit
) -> None:
    assert kdump_module.exit_of(answers) == status


def test_a_mere_dump_is_told_without_alarm() -> None:
    dumped = replace(KILLED, kind=CrashKind.DUMP, at=NOW)
    assert crashes_module.kind_ink(dumped) is not crashes_module.kind_ink(KILLED)
