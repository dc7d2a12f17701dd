"""What the checks of a guest make of its definition: certain obstacles refuse, doubts warn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.hypervisor.guest_needs import (
    DeviceKind,
    GuestNeeds,
    HostDevice,
    SharedFolder,
    SharedMemory,
    parse_needs,
)
from backends.hypervisor.jobs import from_fields
from backends.hypervisor.whereabouts import Whereabouts
from backends.migration.checks.devices import (
    device_verdict,
    folder_verdicts,
    secret_verdicts,
    shared_memory_verdicts,
    tpm_verdict,
    transient_disk_verdicts,
)
from backends.migration.checks.files import FileFacts, Presence
from backends.migration.checks.folders import folder_verdict
from backends.migration.checks.guest import (
    job_verdict,
    nvram_verdict,
    saved_state_verdict,
    snapshots_verdict,
    state_verdict,
)
from backends.model.guest import GuestState
from backends.model.move import MoveMode, Verdict

OK, NOTE, UNKNOWN, WARNING, REFUSE = Verdict
LIVE, PAUSED, SAVED, OFFLINE = MoveMode
NOTHING = parse_needs("<domain type='kvm'/>")

# The guest --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason", "verdicts"),
    [  # live, paused, saved, offline
        (GuestState.RUNNING, "booted", (OK, OK, OK, REFUSE)),
        (GuestState.SHUTTING_DOWN, "", (OK, OK, OK, REFUSE)),
        (GuestState.PAUSED, "user", (REFUSE, OK, OK, REFUSE)),
        (GuestState.PAUSED, "I/O error", (REFUSE, WARNING, WARNING, REFUSE)),
        (GuestState.PAUSED, "post-copy failed", (REFUSE, REFUSE, REFUSE, REFUSE)),
        (GuestState.SUSPENDED, "", (REFUSE, UNKNOWN, UNKNOWN, REFUSE)),
        (GuestState.OFF, "shutdown", (REFUSE, REFUSE, REFUSE, OK)),
        (GuestState.CRASHED, "", (REFUSE, REFUSE, REFUSE, OK)),
    ],
)
def test_each_mode_takes_the_states_that_fit_it(
    state: GuestState, reason: str, verdicts: tuple[Verdict, ...]
) -> None:
    seen = Whereabouts(defined=True, state=state, reason=reason)
    checks = [state_verdict(mode, seen, "h1") for mode in MoveMode]
    assert tuple(check.verdict for check in checks) == verdicts
    assert all(check.mend for check in checks if check.verdict is REFUSE)


def test_a_guest_that_its_host_has_forgotten_is_not_moved() -> None:
    assert state_verdict(LIVE, Whereabouts(defined=False), "h1").verdict is REFUSE


def test_a_job_of_somebody_else_is_named_and_never_to_be_aborted() -> None:
    check = job_verdict(from_fields({"type": 2, "operation": 4, "time_elapsed": 65_000}), "h1")
    assert check.verdict is REFUSE
    assert "65 s" in check.evidence and "attach" in check.mend and "abort" in check.mend


@pytest.mark.parametrize(
    ("mode", "libvirt", "verdict"),
    [
        (LIVE, (9, 0, 0), REFUSE),
        (LIVE, (99, 0, 0), WARNING),
        (LIVE, (), WARNING),
        (OFFLINE, (9, 0, 0), WARNING),
    ],
)
def test_snapshots_keep_a_guest_where_libvirt_is_known_to_refuse_them(
    mode: MoveMode, libvirt: tuple[int, ...], verdict: Verdict
) -> None:
    check = snapshots_verdict(mode, replace(NOTHING, snapshots=2), libvirt)
    assert check is not None and check.verdict is verdict and "2 snapshots" in check.evidence
    assert snapshots_verdict(mode, NOTHING, libvirt) is None


def test_what_an_offline_move_would_leave_behind_is_told() -> None:
    kept = saved_state_verdict(replace(NOTHING, active=False, has_saved_state=True))
    assert kept is not None and kept.verdict is WARNING and "managedsave-remove" in kept.mend
    firmware = nvram_verdict(OFFLINE, replace(NOTHING, has_nvram=True))
    assert firmware is not None and firmware.verdict is WARNING
    assert nvram_verdict(LIVE, replace(NOTHING, has_nvram=True)) is None


# What ties it to its host -----------------------------------------------------------------------

OLD, NEW = ((8, 0, 0), (7, 2, 0)), ((10, 0, 0), (9, 0, 0))
MIXED = ((9, 0, 0), (7, 2, 0))


@pytest.mark.parametrize(
    ("kind", "teamed", "mode", "versions", "verdict"),
    [
        (DeviceKind.PCI, False, LIVE, OLD, REFUSE),
        (DeviceKind.PCI, False, LIVE, MIXED, REFUSE),
        (DeviceKind.PCI, False, LIVE, NEW, WARNING),
        (DeviceKind.PCI, False, SAVED, OLD, REFUSE),
        (DeviceKind.PCI, False, OFFLINE, OLD, WARNING),
        (DeviceKind.PCI, True, LIVE, OLD, NOTE),
        (DeviceKind.INTERFACE, True, LIVE, OLD, NOTE),
        (DeviceKind.INTERFACE, False, LIVE, OLD, REFUSE),
        (DeviceKind.MEDIATED, False, LIVE, MIXED, REFUSE),
        (DeviceKind.SCSI, False, LIVE, MIXED, WARNING),
        (DeviceKind.USB, False, LIVE, OLD, WARNING),
        (DeviceKind.PCI, False, LIVE, ((), ()), WARNING),
    ],
)
def test_a_device_of_the_host_refuses_only_where_no_such_device_can_move(
    kind: DeviceKind, teamed: bool, mode: MoveMode, versions: tuple[tuple[int, ...], ...], verdict: Verdict
) -> None:
    check = device_verdict(HostDevice(kind, "0000:03:00.0", teamed), mode, *versions)
    assert check.verdict is verdict
    assert "0000:03:00.0" in check.evidence


@pytest.mark.parametrize(
    ("driver", "mode", "libvirt", "verdict"),
    [
        ("virtiofs", LIVE, (9, 0), REFUSE),
        ("virtiofs", LIVE, (11, 0), WARNING),
        ("virtiofs", OFFLINE, (9, 0), WARNING),
        ("path", LIVE, (9, 0), WARNING),
    ],
)
def test_a_folder_of_the_host_is_told(
    driver: str, mode: MoveMode, libvirt: tuple[int, ...], verdict: Verdict
) -> None:
    needs = replace(NOTHING, folders=(SharedFolder(driver, "/srv"),))
    (check,) = folder_verdicts(needs, mode, libvirt)
    assert check.verdict is verdict and "/srv" in check.evidence


def test_shared_memory_moves_only_with_its_master() -> None:
    needs = replace(NOTHING, shared_memory=(SharedMemory("own", True), SharedMemory("ring", False)))
    assert [check.verdict for check in shared_memory_verdicts(needs, LIVE)] == [WARNING, REFUSE]


def test_a_transient_disk_keeps_a_running_guest_only() -> None:
    needs = replace(NOTHING, transient_disks=("vdb",))
    (check,) = transient_disk_verdicts(needs, LIVE)
    assert (check.id, check.verdict) == ("disk.vdb.transient", REFUSE)
    assert list(transient_disk_verdicts(needs, OFFLINE)) == []


@pytest.mark.parametrize(
    ("needs", "mode", "qemu", "verdicts"),
    [
        (replace(NOTHING, launch_security="sev"), LIVE, (9, 0), [REFUSE]),
        (replace(NOTHING, launch_security="sev"), LIVE, (99, 0), [WARNING]),
        (replace(NOTHING, launch_security="sev"), OFFLINE, (9, 0), [WARNING]),
        (replace(NOTHING, invariant_tsc=True), LIVE, (9, 0), [REFUSE]),
        (replace(NOTHING, invariant_tsc=True), OFFLINE, (9, 0), []),
        (NOTHING, LIVE, (9, 0), []),
    ],
)
def test_secrets_of_the_processor_keep_a_running_guest(
    needs: GuestNeeds, mode: MoveMode, qemu: tuple[int, ...], verdicts: list[Verdict]
) -> None:
    assert [check.verdict for check in secret_verdicts(needs, mode, qemu)] == verdicts


@pytest.mark.parametrize(
    ("tpm", "mode", "offered", "verdict"),
    [
        ("emulator", LIVE, frozenset({"emulator"}), NOTE),
        ("emulator", LIVE, None, NOTE),
        ("emulator", LIVE, frozenset(), REFUSE),
        ("emulator", OFFLINE, None, WARNING),
        ("passthrough", LIVE, None, WARNING),
    ],
)
def test_a_tpm_moves_with_the_memory_or_is_told(
    tpm: str, mode: MoveMode, offered: frozenset[str] | None, verdict: Verdict
) -> None:
    assert tpm_verdict(replace(NOTHING, tpm=tpm), mode, (9, 0), offered, "h2").verdict is verdict


def test_an_older_libvirt_is_said_not_to_know_shared_tpm_state() -> None:
    needs = replace(NOTHING, tpm="emulator")
    assert "8.10" in tpm_verdict(needs, LIVE, (8, 0), None, "h2").evidence
    assert "8.10" not in tpm_verdict(needs, LIVE, (9, 0), None, "h2").evidence


# Containers -------------------------------------------------------------------------------------

# The form of tests/lxcxml2xmldata/lxc-systemd.xml in libvirt's sources.
CONTAINER = """
<domain type='lxc'>
  <name>demo</name>
  <os><type arch='x86_64'>exe</type><init>/bin/systemd</init></os>
  <devices>
    <emulator>/usr/libexec/libvirt_lxc</emulator>
    <filesystem type='mount' accessmode='passthrough'>
      <source dir='/root/container'/>
      <target dir='/'/>
    </filesystem>
    <filesystem type='mount' accessmode='passthrough'>
      <source dir='/home'/>
      <target dir='/home'/>
    </filesystem>
  </devices>
</domain>
"""


@pytest.mark.parametrize(
    ("facts", "verdict", "words"),
    [
        (FileFacts(Presence.MISSING), REFUSE, "h2 has no /root/container"),
        (FileFacts(Presence.THERE, 4096), WARNING, "nothing tells whether it holds the same files"),
        (FileFacts(Presence.UNKNOWN, words="Permission denied"), UNKNOWN, "Permission denied"),
    ],
)
def test_a_container_leaves_its_files_behind(facts: FileFacts, verdict: Verdict, words: str) -> None:
    root, home = parse_needs(CONTAINER).folders
    assert home.folder == "/home"
    check = folder_verdict(root, facts, "h2")
    assert check.verdict is verdict
    assert words in check.evidence
