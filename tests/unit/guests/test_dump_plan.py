"""What a plan to dump a guest says before anything is done."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.guests.dump_needs import ABILITIES, file_name, most_bytes, virsh_command
from backends.guests.dump_plan import LocalPlace, Looked, draw
from backends.hypervisor.dumping import DumpedGuest, video_bytes
from backends.hypervisor.xml import parse
from backends.model.dump import DumpFormat, DumpPlan, DumpWish, WhileDumping
from backends.model.guest import GuestKey, GuestState
from backends.model.host import HostName, HostSpec, Reach
from backends.model.posture import Severity
from backends.probes.dump_place import DumpPlace

GIB = 2**30
UUID = "00000001-0000-4000-8000-000000000000"
H1 = HostSpec(HostName("h1"), Reach.SSH, "root@h1")
FOLDER = "/var/lib/libvirt/qemu/dump"
RUNS = DumpedGuest(
    active=True,
    state=GuestState.RUNNING,
    reason="booted",
    memory_bytes=4 * GIB,
    video_bytes=0,
    tells_its_kernel=False,
)
ROOMY = DumpPlace(
    FOLDER,
    may_read=True,
    kind="directory",
    writable=True,
    free_bytes=100 * GIB,
    file_system="xfs",
    file_exists=False,
)


def looked(
    *,
    driver: str = "qemu",
    guest: DumpedGuest = RUNS,
    place: DumpPlace | None = ROOMY,
    job: str = "",
    is_moving: bool = False,
    local: LocalPlace | None = None,
    memory_only: bool = True,
    form: DumpFormat = DumpFormat.RAW,
    then: WhileDumping = WhileDumping.PAUSED,
    path: str = f"{FOLDER}/web.elf",
) -> Looked:
    wish = DumpWish(GuestKey(H1.name, driver, UUID), memory_only, form, then)
    local_path = f"{local.folder}/web.elf" if local else ""
    return Looked(H1, wish, "web", guest, job, is_moving, path, place, local_path, local)


def severity_of(plan: DumpPlan, topic: str) -> Severity:
    found = [finding.severity for finding in plan.findings if finding.id == f"dump.{topic}"]
    assert len(found) == 1, plan.findings
    return found[0]


def test_a_guest_that_runs_on_a_host_with_room_can_be_dumped() -> None:
    plan = draw(looked())
    assert not plan.refusal
    assert plan.needed_bytes >= 4 * GIB
    assert plan.free_bytes == 100 * GIB
    assert severity_of(plan, "room") is Severity.GOOD


@pytest.mark.parametrize("state", [GuestState.OFF, GuestState.CRASHED])
def test_a_guest_without_a_process_has_no_memory_to_dump(state: GuestState) -> None:
    plan = draw(looked(guest=replace(RUNS, active=False, state=state, reason="")))
    assert f"web is {state.value}" in plan.refusal


def test_a_guest_that_has_panicked_and_is_preserved_can_be_dumped() -> None:
    """on_crash preserve: libvirt calls it crashed, and QEMU is there still."""
    assert not draw(looked(guest=replace(RUNS, state=GuestState.CRASHED, reason="panicked"))).refusal


def test_a_guest_with_a_job_or_on_the_move_is_left_alone() -> None:
    assert "migration in" in draw(looked(job="migration in")).refusal
    assert "being moved" in draw(looked(is_moving=True, job="migration out")).refusal


def test_want_of_room_is_refused_and_says_how_much_is_missing_and_what_would_help() -> None:
    place = replace(ROOMY, free_bytes=GIB, rooms=(("/srv", 50 * GIB), ("/", GIB)))
    plan = draw(looked(place=place))
    assert "no room" in plan.refusal
    assert "3.1 GiB are missing" in plan.refusal
    assert "/srv has 50.0 GiB" in plan.refusal
    assert "kdump-zlib" in plan.refusal


def test_some_room_stays_free_for_all_the_others() -> None:
    needed = draw(looked()).needed_bytes
    assert draw(looked(place=replace(ROOMY, free_bytes=needed))).refusal
    assert not draw(looked(place=replace(ROOMY, free_bytes=needed + 64 * 2**20))).refusal


def test_a_compressed_dump_that_may_not_fit_is_a_doubt_and_without_any_room_a_no() -> None:
    may = draw(looked(form=DumpFormat.KDUMP_ZLIB, place=replace(ROOMY, free_bytes=2 * GIB)))
    assert not may.refusal
    assert severity_of(may, "room") is Severity.MEDIUM
    assert draw(looked(form=DumpFormat.KDUMP_ZLIB, place=replace(ROOMY, free_bytes=2**20))).refusal


def test_a_file_that_is_there_is_never_overwritten() -> None:
    assert "is there already" in draw(looked(place=replace(ROOMY, file_exists=True))).refusal


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (DumpPlace(FOLDER, may_read=True, missing=True), "there is no folder"),
        (DumpPlace(FOLDER, may_read=True, kind="regular file", writable=True), "is no folder"),
        (replace(ROOMY, writable=False), "not even root"),
    ],
)
def test_a_folder_that_cannot_be_written_is_refused(place: DumpPlace, words: str) -> None:
    assert words in draw(looked(place=place)).refusal


def test_on_an_export_root_may_be_somebody_else_which_libvirt_knows_to_deal_with() -> None:
    plan = draw(looked(place=replace(ROOMY, writable=False, file_system="nfs")))
    assert not plan.refusal
    assert severity_of(plan, "place") is Severity.LOW


def test_a_relative_folder_is_refused_as_libvirt_would_take_it_for_a_place_of_our_own() -> None:
    assert "no absolute path" in draw(looked(path="dumps/web.elf", place=None)).refusal


def test_a_host_reached_by_libvirt_alone_can_dump_and_what_is_not_known_is_said() -> None:
    plan = draw(looked(place=None))
    assert not plan.refusal
    assert plan.free_bytes is None
    assert severity_of(plan, "place") is Severity.UNKNOWN


def test_an_account_that_is_not_root_can_dump_and_not_bring_it() -> None:
    theirs = DumpPlace(FOLDER, may_read=False)
    assert severity_of(draw(looked(place=theirs)), "reading") is Severity.MEDIUM
    here = LocalPlace("/home/me", is_folder=True, writable=True, free_bytes=100 * GIB, file_exists=False)
    assert "root" in draw(looked(place=theirs, local=here)).refusal


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"is_folder": False}, "there is no folder"),
        ({"writable": False}, "may not write"),
        ({"free_bytes": GIB}, "to be brought here"),
        ({"file_exists": True}, "is there already"),
    ],
)
def test_this_machine_is_looked_at_before_the_guest_is_stopped(changed: dict[str, int], words: str) -> None:
    here = LocalPlace("/home/me", is_folder=True, writable=True, free_bytes=100 * GIB, file_exists=False)
    assert not draw(looked(local=here)).refusal
    assert words in draw(looked(local=replace(here, **changed))).refusal  # type: ignore[arg-type]


@pytest.mark.parametrize("driver", [name for name, ability in ABILITIES.items() if ability is None])
def test_hypervisors_that_dump_nothing_say_so_before(driver: str) -> None:
    assert f"driver {driver} dumps no guest" in draw(looked(driver=driver)).refusal


def test_xen_dumps_all_of_a_guest_and_resets_none() -> None:
    assert "memory-only" in draw(looked(driver="xen")).refusal
    assert not draw(looked(driver="xen", memory_only=False, then=WhileDumping.LIVE)).refusal
    assert draw(looked(driver="xen", memory_only=False, then=WhileDumping.RESET)).refusal


def test_a_driver_that_nobody_knows_is_a_doubt() -> None:
    plan = draw(looked(driver="vz"))
    assert not plan.refusal
    assert severity_of(plan, "driver") is Severity.UNKNOWN


def test_a_compressed_format_belongs_to_a_memory_only_dump() -> None:
    assert "memory-only" in draw(looked(memory_only=False, form=DumpFormat.KDUMP_ZLIB)).refusal


def test_a_windows_dump_needs_a_guest_that_tells_its_kernel() -> None:
    without, with_it = RUNS, replace(RUNS, tells_its_kernel=True)
    assert severity_of(draw(looked(form=DumpFormat.WINDOWS, guest=without)), "format") is Severity.MEDIUM
    assert severity_of(draw(looked(form=DumpFormat.WINDOWS, guest=with_it)), "format") is Severity.UNKNOWN


def test_a_live_memory_only_dump_is_not_called_live() -> None:
    """QEMU's dump_init stops the guest whatever libvirt was asked for; seen with QEMU 10 and libvirt 9."""
    plan = draw(looked(then=WhileDumping.LIVE))
    found = next(finding for finding in plan.findings if finding.id == "dump.standstill")
    assert "stands still all the same" in found.evidence
    full = draw(looked(memory_only=False, then=WhileDumping.LIVE))
    assert "goes on" in next(f.evidence for f in full.findings if f.id == "dump.standstill")


def test_findings_come_worst_first() -> None:
    plan = draw(looked(place=replace(ROOMY, free_bytes=0), job="save"))
    order = list(Severity)
    ranks = [order.index(finding.severity) for finding in plan.findings]
    assert ranks == sorted(ranks)


def test_the_command_is_virshs_own() -> None:
    """virsh(1), dump."""
    plan = draw(looked(form=DumpFormat.KDUMP_ZLIB, then=WhileDumping.LIVE, path="/srv/my dumps/web"))
    assert shlex.split(plan.command) == [
        *("virsh", "-c", "qemu+ssh://root@h1/system", "dump", "--memory-only", "--format", "kdump-zlib"),
        *("--live", "web", "/srv/my dumps/web"),
    ]


def test_a_guest_of_an_odd_name_goes_by_its_uuid() -> None:
    wish = DumpWish(GuestKey(H1.name, "qemu", UUID))
    assert UUID in virsh_command(H1, wish, "--help; rm", "/x")


AT = datetime(2026, 11, 24, 15, 19, 59, tzinfo=UTC)


def test_the_file_is_named_after_guest_and_time() -> None:
    wish = DumpWish(GuestKey(H1.name, "qemu", UUID))
    assert file_name(wish, "web", AT) == "web-2026-11-24-151959.elf"
    assert file_name(replace(wish, memory_only=False), "web", AT) == "web-2026-11-24-151959.state"


@given(st.text())
def test_no_name_of_a_guest_leads_out_of_the_folder(name: str) -> None:
    made = file_name(DumpWish(GuestKey(H1.name, "qemu", UUID)), name, AT)
    assert "/" not in made
    assert made[0] not in ".-"
    assert made.isascii()
    assert made.isprintable()
    assert " " not in made
    assert len(made) < 128


def test_what_a_dump_takes_is_never_said_too_small() -> None:
    """Measured: 128 MiB of guest memory became 134,481,059 bytes of ELF and 94,808,233 of state (QEMU 10)."""
    memory = 128 * 2**20
    key = GuestKey(H1.name, "qemu", UUID)
    assert most_bytes(DumpWish(key), memory, 0) > 134_481_059
    assert most_bytes(DumpWish(key, memory_only=False), memory, 0) > memory
    zlib = DumpWish(key, format=DumpFormat.KDUMP_ZLIB)
    assert most_bytes(zlib, memory, 0) > most_bytes(DumpWish(key), memory, 0)


def test_video_memory_is_counted_and_absurd_numbers_are_not_believed() -> None:
    def video(model: str) -> int:
        return video_bytes(parse(f"<domain><devices><video>{model}</video></devices></domain>"))

    assert video("<model type='qxl' ram='65536' vram='65536' vgamem='16384'/>") == 144 * 2**20
    assert video("<model type='vga' vram='-1'/>") == 0
    assert video(f"<model type='vga' vram='{'9' * 5000}'/>") == 0
    assert video("<model type='vga' vram='99999999999'/>") == 1 << 34
