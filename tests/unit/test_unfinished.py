"""What moves have left behind is seen from all hosts at once, and nothing that is in somebody's hand is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from backends.migration.ending.own_images import mark_of
from backends.migration.leftovers.survey import SURE_AFTER_S
from backends.migration.leftovers.unfinished import unfinished, without_trace
from backends.model.fleet import FleetState, JobsChanged, MoveChanged
from backends.model.guest import Disk, DiskKind, Guest, GuestState
from backends.model.host import HostFacts, HostName, Link
from backends.model.move import (
    Move,
    MoveId,
    MoveMode,
    MoveRequest,
    Outcome,
    Phase,
    Preflight,
    Result,
    RunningJob,
    Trace,
    TraceKind,
)
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from tests.tui.scripted import NOW, ScriptedFleet, guest

H1, H2, H3 = HostName("h1"), HostName("h2"), HostName("h3")
OFF, PAUSED = GuestState.OFF, GuestState.PAUSED
STATE = "/var/tmp/web state.save"


def half(host: str, name: str = "web", **changes: object) -> Guest:
    """One that a migration has left paused."""
    return guest(host, name, PAUSED, reason="migration", **changes)


def broken(host: str, state: GuestState = PAUSED) -> Guest:
    """Half of a post-copy transfer that broke off."""
    return guest(host, "web", state, reason="post-copy failed")


def fleet(*guests: Guest) -> ScriptedFleet:
    """h1, h2 and h3 are up, with these guests."""
    scripted = ScriptedFleet("h1", "h2", "h3")
    for host in ("h1", "h2", "h3"):
        scripted.up(host, *(one for one in guests if one.key.host == host))
    return scripted


def a_move(phase: Phase = Phase.FAILED, id_: str = "m1", traces: tuple[Trace, ...] = ()) -> Move:
    """Of web, from h1 to h2."""
    request = MoveRequest(guest("h1", "web").key, "web", H2)
    return Move(
        MoveId(id_), request, phase, NOW, Preflight(request, (), "", "qemu+ssh://h2/system"), traces=traces
    )


def found(state: FleetState, moves: Sequence[Move] = ()) -> list[tuple[UnfinishedKind, str, Mend | None]]:
    """What is listed, in its order."""
    return [(one.kind, one.guest.host, one.mend) for one in unfinished(state, moves)]


def only(state: FleetState, moves: Sequence[Move] = ()) -> Unfinished:
    """The one thing that is listed."""
    (one,) = unfinished(state, moves)
    return one


def test_a_fleet_in_order_has_none() -> None:
    assert (
        found(
            fleet(guest("h1", "web"), guest("h2", "db", PAUSED, reason="user"), guest("h3", "x", OFF)).state
        )
        == []
    )


def test_a_guest_that_runs_on_two_hosts_is_an_alarm_for_a_person() -> None:
    one = only(fleet(guest("h1", "web"), guest("h2", "web"), guest("h3", "web", OFF)).state)
    assert (one.kind, one.guest.host, one.mend) == (UnfinishedKind.RUNS_TWICE, H1, None)
    assert "on h1 and on h2" in one.text
    assert one.command.count("domstate --reason web") == 2


def test_one_machine_under_two_names_is_no_second_host() -> None:
    scripted = fleet(guest("h1", "web"), guest("h2", "web"))
    views = scripted.state.hosts
    facts = [
        replace(views[host].facts or HostFacts("", "", "", "", 0, 0), hostname="kvm", uuid="u-1")
        for host in (H1, H2)
    ]
    same = {host: replace(views[host], facts=fact) for host, fact in zip((H1, H2), facts, strict=True)}
    assert found(replace(scripted.state, hosts={**views, **same})) == []
    cloned = {**same, H2: replace(same[H2], facts=replace(facts[1], hostname="other"))}
    assert found(replace(scripted.state, hosts=cloned)) == [(UnfinishedKind.RUNS_TWICE, H1, None)]


def test_a_source_left_defined_is_listed_with_its_removal() -> None:
    one = only(fleet(guest("h1", "web", OFF), guest("h2", "web")).state)
    assert (one.kind, one.guest.host, one.mend) == (UnfinishedKind.DEFINED_TWICE, H1, Mend.UNDEFINE)
    assert one.id == f"defined-twice/h1/qemu/{one.guest.uuid}"
    assert one.command == "virsh -c qemu+ssh://root@h1/system undefine --keep-nvram web"


def test_the_only_definition_of_a_guest_is_not_to_be_removed() -> None:
    one = only(fleet(guest("h1", "web", OFF), guest("h2", "web", persistent=False)).state)
    assert one.mend is None
    assert "the only one" in one.text


def test_a_guest_left_paused_is_to_be_resumed_where_it_runs_nowhere_else() -> None:
    one = only(fleet(half("h2"), guest("h1", "web", OFF, persistent=False)).state)
    assert (one.kind, one.guest.host, one.mend) == (UnfinishedKind.PAUSED, H2, Mend.RESUME)
    assert one.command == "virsh -c qemu+ssh://root@h2/system resume web"


def test_a_guest_that_was_restored_paused_as_it_was_before_is_in_order() -> None:
    """libvirt calls it paused for migration, as it does an incoming half."""
    move = a_move(Phase.SUCCEEDED)
    assert move.preflight is not None
    restored = replace(
        move,
        request=replace(move.request, mode=MoveMode.SAVED),
        preflight=replace(move.preflight, was_paused=True),
        outcome=Outcome(Result.SUCCEEDED, H2, PAUSED, "paused as it was before", 1.0),
    )
    scripted = fleet(half("h2"))
    scripted.tell(MoveChanged(restored, step=True))
    assert found(scripted.state) == []
    for other in (
        replace(restored, preflight=move.preflight),
        replace(restored, request=move.request),
        replace(restored, outcome=replace(restored.outcome, where=H1) if restored.outcome else None),
    ):
        scripted.tell(MoveChanged(other, step=True))
        assert found(scripted.state) == [(UnfinishedKind.PAUSED, H2, Mend.RESUME)]


def test_half_a_guest_beside_one_that_runs_is_for_a_person() -> None:
    one = only(fleet(guest("h1", "web"), half("h2")).state)
    assert (one.kind, one.guest.host, one.mend) == (UnfinishedKind.PAUSED, H2, None)
    assert "runs on h1" in one.text


def test_two_paused_halves_warn_of_each_other() -> None:
    items = unfinished(fleet(half("h1"), half("h2")).state, ())
    assert [(one.guest.host, one.mend) for one in items] == [(H1, Mend.RESUME), (H2, Mend.RESUME)]
    assert all("resume one of them only" in one.text for one in items)


@pytest.mark.parametrize("phase", [Phase.COPYING, Phase.POSTCOPY, Phase.VERIFYING])
def test_a_guest_in_the_hand_of_a_move_is_no_unfinished_business(phase: Phase) -> None:
    for guests in (
        (guest("h1", "web"), half("h2")),
        (half("h1"), guest("h2", "web")),
        (half("h1"), half("h2")),
    ):
        scripted = fleet(*guests)
        scripted.tell(MoveChanged(a_move(phase), step=True))
        assert found(scripted.state) == []
        scripted.tell(MoveChanged(a_move(Phase.INDETERMINATE), step=True))
        assert found(scripted.state) != []


def test_nor_is_one_that_somebody_elses_job_has() -> None:
    scripted = fleet(guest("h1", "web"), half("h2"))
    scripted.tell(JobsChanged((RunningJob(guest("h1", "web").key, "web", "migration out", 1.0, 1, 1),)))
    assert found(scripted.state) == []


def test_hosts_that_do_not_answer_do_not_count() -> None:
    scripted = fleet(guest("h1", "web"), guest("h2", "web"))
    scripted.link("h2", Link.STALE)
    assert found(scripted.state) == []


def test_a_switch_over_that_is_seen_on_one_host_first_is_no_alarm() -> None:
    young = NOW - timedelta(seconds=SURE_AFTER_S - 1)
    assert found(fleet(guest("h1", "web"), guest("h2", "web", since=young)).state) == []
    for since in (NOW - timedelta(seconds=SURE_AFTER_S), NOW + timedelta(hours=1), None):
        assert len(found(fleet(guest("h1", "web"), guest("h2", "web", since=since)).state)) == 1


def test_a_broken_post_copy_is_resumed_from_the_source_that_the_move_tells() -> None:
    scripted = fleet(broken("h2"), broken("h1"))
    assert only(scripted.state).mend is None  # both halves look alike
    move = a_move(Phase.INDETERMINATE)
    scripted.tell(MoveChanged(move, step=True))
    one = only(scripted.state)
    assert (one.kind, one.guest.host, one.mend, one.move) == (
        UnfinishedKind.POSTCOPY_BROKEN,
        H1,
        Mend.RESUME_POSTCOPY,
        move.id,
    )
    assert "destroy neither" in one.text
    assert one.command == (
        "virsh -c qemu+ssh://root@h1/system migrate --live --p2p --postcopy --postcopy-resume web qemu+ssh://h2/system"
    )


def test_the_half_that_libvirt_counts_as_running_is_the_destination() -> None:
    one = only(fleet(broken("h1", GuestState.RUNNING), broken("h3")).state)
    assert (one.kind, one.guest.host, one.mend) == (UnfinishedKind.POSTCOPY_BROKEN, H3, Mend.RESUME_POSTCOPY)
    assert "split between h3 and h1" in one.text
    assert one.command.endswith("web qemu+ssh://root@h1/system")


def test_one_half_alone_is_told_and_nothing_can_be_done_before_the_other_answers() -> None:
    scripted = fleet(broken("h1"), broken("h2", GuestState.RUNNING))
    scripted.link("h1", Link.STALE)
    one = only(scripted.state)
    assert (one.kind, one.guest.host, one.mend) == (UnfinishedKind.POSTCOPY_BROKEN, H2, None)


def test_half_a_guest_whose_other_half_is_gone_has_lost_its_memory() -> None:
    left = guest("h1", "web", PAUSED, reason="post-copy")
    one = only(fleet(left, guest("h2", "web", OFF, reason="failed")).state)
    assert (one.kind, one.guest.host, one.mend) == (UnfinishedKind.POSTCOPY_BROKEN, H1, None)
    assert "so is its memory" in one.text
    assert one.command == "virsh -c qemu+ssh://root@h1/system destroy web"
    assert found(fleet(left, guest("h2", "web", reason="post-copy")).state) == []


def test_a_broken_post_copy_is_told_while_libvirt_counts_it_as_a_job() -> None:
    scripted = fleet(broken("h1"), broken("h2"))
    scripted.tell(JobsChanged((RunningJob(broken("h1").key, "web", "migration out", 1.0, 1, 1),)))
    assert [kind for kind, *_ in found(scripted.state)] == [UnfinishedKind.POSTCOPY_BROKEN]


def test_a_saved_state_is_restored_while_the_guest_runs_nowhere_and_else_removed() -> None:
    move = a_move(traces=(Trace(TraceKind.STATE_FILE, H1, STATE),))
    one = only(fleet(guest("h1", "web", OFF)).state, [move])
    assert (one.kind, one.guest.host, one.mend, one.path) == (
        UnfinishedKind.STATE_FILE,
        H1,
        Mend.RESTORE,
        STATE,
    )
    assert one.command == "virsh -c qemu+ssh://root@h1/system restore '/var/tmp/web state.save'"
    one = only(fleet(guest("h3", "web")).state, [move])
    assert (one.guest.host, one.mend) == (H1, Mend.REMOVE_FILE)
    assert one.command == """ssh root@h1 'rm -- '"'"'/var/tmp/web state.save'"'"''"""


def test_a_saved_state_is_kept_while_a_host_still_reads_it() -> None:
    move = a_move(traces=(Trace(TraceKind.STATE_FILE, H1, STATE),))
    one = only(fleet(guest("h2", "web", PAUSED, reason="starting up")).state, [move])
    assert (one.mend, one.command) == (None, "")
    assert "keep its saved state" in one.text
    restored = guest("h2", "web", PAUSED, reason="user")
    assert only(fleet(restored).state, [move]).mend is Mend.REMOVE_FILE


@pytest.mark.parametrize("reason", ["shutdown", "destroyed", "crashed", "failed"])
def test_a_saved_state_is_not_restored_over_the_disks_of_a_guest_that_ran_since(reason: str) -> None:
    move = a_move(traces=(Trace(TraceKind.STATE_FILE, H1, STATE), Trace(TraceKind.STATE_FILE, H2, STATE)))
    items = unfinished(fleet(guest("h1", "web", OFF, reason=reason)).state, [move])
    assert [one.mend for one in items] == [None, None]
    assert all("never restore it" in one.text and "rm --" in one.command for one in items)
    (first, _) = unfinished(fleet(guest("h1", "web", OFF, reason="saved")).state, [move])
    assert first.mend is Mend.RESTORE


def test_a_copy_of_the_saved_state_is_not_restored_beside_the_state_itself() -> None:
    move = a_move(traces=(Trace(TraceKind.STATE_FILE, H1, STATE), Trace(TraceKind.STATE_FILE, H2, STATE)))
    expected = [(UnfinishedKind.STATE_FILE, H1, Mend.RESTORE), (UnfinishedKind.STATE_FILE, H2, None)]
    assert found(fleet().state, [move]) == expected


def test_a_guest_that_was_paused_before_is_restored_so() -> None:
    move = a_move(traces=(Trace(TraceKind.STATE_FILE, H1, STATE),))
    assert move.preflight is not None
    one = only(fleet().state, [replace(move, preflight=replace(move.preflight, was_paused=True))])
    assert one.was_paused and one.command.endswith(" --paused")


def test_a_copied_disk_is_removed_unless_a_guest_has_it() -> None:
    disk = Disk("vda", DiskKind.FILE, "/images/web.img", path="/images/web.img")
    move = a_move(traces=(Trace(TraceKind.DISK_FILE, H2, "/images/web.img"),))
    assert found(fleet(guest("h1", "web", disks=(disk,))).state, [move]) == [
        (UnfinishedKind.DISK_FILE, H2, Mend.REMOVE_FILE)
    ]
    assert found(fleet(guest("h2", "web", disks=(disk,))).state, [move]) == []
    other = guest("h2", "other", OFF, disks=(disk,))
    assert only(fleet(guest("h1", "web"), other).state, [move]).mend is None


def test_a_copied_disk_is_only_removed_by_what_proves_it_ours() -> None:
    move = a_move(traces=(Trace(TraceKind.DISK_FILE, H2, "/images/web.img"),))
    one = only(fleet(guest("h1", "web")).state, [move])
    assert one.command.startswith("ssh root@h2 ") and "find /images/web.img " in one.command
    assert f"-samefile {mark_of(move.id, '/images/web.img')} -delete" in one.command


def test_a_copied_disk_is_kept_while_no_other_host_runs_the_guest() -> None:
    move = a_move(traces=(Trace(TraceKind.DISK_FILE, H2, "/images/web.img"),))
    for guests in ((), (guest("h1", "web", OFF),), (guest("h1", "web", PAUSED, reason="user"),)):
        one = only(fleet(*guests).state, [move])
        assert (one.mend, one.command) == (None, "")
        assert "keep it until it is sure where the guest is" in one.text


def test_a_guest_that_a_move_has_paused_and_left_so_is_to_be_resumed() -> None:
    move = a_move(traces=(Trace(TraceKind.PAUSE, H1),))
    paused = guest("h1", "web", PAUSED, reason="user")
    assert found(fleet(paused).state) == []
    assert found(fleet(paused).state, [move]) == [(UnfinishedKind.PAUSED, H1, Mend.RESUME)]
    assert found(fleet(guest("h1", "web")).state, [move]) == []


def test_traces_on_hosts_that_do_not_answer_wait() -> None:
    move = a_move(traces=(Trace(TraceKind.STATE_FILE, H1, STATE),))
    scripted = fleet()
    scripted.link("h1", Link.DOWN)
    assert found(scripted.state, [move]) == []


def test_the_most_urgent_comes_first() -> None:
    guests = (
        *(guest("h1", "a-defined", OFF), guest("h2", "a-defined")),
        half("h1", "b-paused"),
        *(guest("h1", "z-twice"), guest("h2", "z-twice")),
        *(broken("h1"), broken("h2")),
    )
    traces = (Trace(TraceKind.DISK_FILE, H2, "/b"), Trace(TraceKind.STATE_FILE, H1, "/a"))
    request = MoveRequest(guest("h1", "gone").key, "gone", H2)
    gone = replace(a_move(id_="m2", traces=traces), request=request)
    kinds = [kind for kind, *_ in found(fleet(*guests).state, [gone])]
    assert kinds == list(UnfinishedKind)


def test_names_that_no_command_can_hold_are_told_by_uuid() -> None:
    twice = [guest(host, "we b;rm", state) for host, state in (("h1", OFF), ("h2", GuestState.RUNNING))]
    one = only(fleet(*twice).state)
    assert one.command.endswith(one.guest.uuid)


def test_a_move_forgets_the_file_that_was_removed_and_keeps_its_other_traces() -> None:
    kept = Trace(TraceKind.STATE_FILE, H2, STATE)
    move = a_move(traces=(Trace(TraceKind.STATE_FILE, H1, STATE), kept))
    first = next(one for one in unfinished(fleet().state, [move]) if one.guest.host == H1)
    assert without_trace(move, first).traces == (kept,)
