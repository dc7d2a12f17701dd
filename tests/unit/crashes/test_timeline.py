"""What several places tell of one crash becomes one record, and two crashes stay two."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.crashes.timeline import Joined, joining, key_of, told_again
from backends.crashes.whose import Whose
from backends.model.crash import CrashKind, CrashRecord, Evidence, Source
from backends.model.guest import Disk, DiskKind, Guest, GuestKey, GuestState
from backends.model.host import HostName
from backends.probes.crashes.sighting import Sighting

HOST = HostName("h1")
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def guest(name: str, *paths: str) -> Guest:
    """One that is off."""
    disks = tuple(Disk(f"vd{n}", DiskKind.FILE, path, path=path) for n, path in enumerate(paths))
    key = GuestKey(HOST, "qemu", f"uuid-of-{name}")
    return Guest(key, name, GuestState.OFF, "", 1, 1 << 30, disks=disks)


WEB = guest("web-01", "/srv/web-01.img")
DB = guest("db", "/srv/db.img", "/srv/shared.iso")


def told(
    kind: CrashKind,
    source: Source,
    at_s: float | None,
    *lines: str,
    name: str = "web-01",
    exact: bool = True,
    place: str = "",
    offset: int | None = None,
    **more: object,
) -> Sighting:
    """Something that a host tells, seconds after noon."""
    evidence = Evidence(source, place or source.value, lines, path=place, offset=offset)
    when = None if at_s is None else NOON.timestamp() + at_s
    return Sighting(kind, evidence, when, exact, guest=name, **more)  # type: ignore[arg-type]


def join(*sightings: Sighting, ahead_s: float | None = 0.0, ids: dict[str, str] | None = None) -> Joined:
    """All at once."""
    steps = joining(HOST, sightings, Whose((WEB, DB), sightings), ahead_s=ahead_s, ids=ids or {})
    while True:
        try:
            next(steps)
        except StopIteration as end:
            joined: Joined = end.value
            return joined


def records(*sightings: Sighting) -> Sequence[CrashRecord]:
    """Newest first."""
    return join(*sightings).records


def test_log_event_and_core_dump_of_one_end_are_one_record_with_what_tells_most_first() -> None:
    event = told(CrashKind.ENDED, Source.EVENT, 0.4, "libvirt event: stopped (failed)")
    log = told(CrashKind.ENDED, Source.QEMU_LOG, 0.1, "shutting down, reason=crashed")
    core = told(CrashKind.ENDED, Source.CORE_DUMP, 1.5, exact=False)

    (record,) = records(event, core, log)

    assert record.guest == WEB.key
    assert [each.source for each in record.evidence] == [Source.QEMU_LOG, Source.CORE_DUMP, Source.EVENT]
    assert record.at == NOON + timedelta(seconds=0.1)
    assert record.exact


def test_an_oom_kill_that_names_only_the_process_belongs_to_the_guest_that_another_line_names() -> None:
    start = told(CrashKind.ENDED, Source.QEMU_LOG, 2, "shutting down, reason=crashed", pid=4711)
    kill = told(CrashKind.ENDED, Source.KERNEL, 1, "Out of memory: Killed process 4711", name="", pid=4711)

    (record,) = records(start, kill)

    assert record.evidence[0].source is Source.QEMU_LOG
    assert record.name == "web-01"


def test_a_guest_that_crashes_again_and_again_has_a_record_for_each_time() -> None:
    log = "/var/log/libvirt/qemu/web-01.log"
    ends = [
        told(CrashKind.ENDED, Source.QEMU_LOG, second, "reason=crashed", place=log, offset=second * 100)
        for second in (0, 1, 2)
    ]

    assert len(records(*ends)) == 3


def test_two_guests_that_end_together_are_two_records() -> None:
    found = records(
        told(CrashKind.ENDED, Source.EVENT, 0, "libvirt event: stopped (failed)"),
        told(CrashKind.ENDED, Source.EVENT, 0, "libvirt event: stopped (failed)", name="db"),
    )

    assert {record.guest for record in found} == {WEB.key, DB.key}


def test_a_panic_is_dumped_for_long_before_the_guest_is_ended() -> None:
    panic = told(CrashKind.PANIC, Source.EVENT, 0, "libvirt event: guest crashed (panicked)")
    dump = told(CrashKind.DUMP, Source.GUEST_DUMP, 600, exact=False)
    end = told(CrashKind.PANIC, Source.QEMU_LOG, 601, "terminating on signal 15 from pid 1 (libvirtd)")

    (record,) = records(panic, end, dump)

    assert record.kind is CrashKind.PANIC
    assert record.at == NOON
    assert len(record.evidence) == 3


def test_a_guest_that_restarts_after_a_panic_and_panics_again_has_two_records() -> None:
    words = "libvirt event: guest crashed (panicked)"

    found = records(
        told(CrashKind.PANIC, Source.EVENT, 0, words), told(CrashKind.PANIC, Source.EVENT, 600, words)
    )

    assert [record.at for record in found] == [NOON + timedelta(seconds=600), NOON]


def test_the_console_tells_of_the_newest_panic_before_it_was_written_last() -> None:
    old = told(CrashKind.PANIC, Source.QEMU_LOG, 0, place="log", offset=1)
    new = told(CrashKind.PANIC, Source.QEMU_LOG, 7200, place="log", offset=2)
    console = told(CrashKind.PANIC, Source.CONSOLE, 7201, "Kernel panic - not syncing", exact=False)

    newest, oldest = records(old, new, console)

    assert [each.source for each in newest.evidence] == [Source.CONSOLE, Source.QEMU_LOG]
    assert [each.source for each in oldest.evidence] == [Source.QEMU_LOG]


def test_a_state_without_a_time_is_of_the_newest_crash() -> None:
    old = told(CrashKind.ENDED, Source.QEMU_LOG, 0, place="log", offset=1)
    new = told(CrashKind.ENDED, Source.QEMU_LOG, 9000, place="log", offset=2)
    state = told(CrashKind.ENDED, Source.STATE, None, "crashed", exact=False)

    newest, oldest = records(old, new, state)

    assert len(newest.evidence) == 2
    assert len(oldest.evidence) == 1


def test_a_dump_without_a_crash_is_a_record_of_its_own() -> None:
    (record,) = records(told(CrashKind.DUMP, Source.GUEST_DUMP, 0, exact=False))

    assert record.kind is CrashKind.DUMP


def test_an_io_error_is_not_the_end_that_follows_it() -> None:
    found = records(
        told(CrashKind.IO_ERROR, Source.EVENT, 0, "libvirt event: I/O error: vda, no space left (paused)"),
        told(CrashKind.ENDED, Source.QEMU_LOG, 1, "reason=crashed"),
    )

    assert {record.kind for record in found} == {CrashKind.IO_ERROR, CrashKind.ENDED}


def test_the_boot_after_a_kernel_crash_belongs_to_the_crash() -> None:
    vmcore = told(CrashKind.HOST_PANIC, Source.KDUMP, 0, "Kernel panic - not syncing", name="")
    boot = told(CrashKind.HOST_UNCLEAN, Source.BOOTS, 300, "started without having been shut down", name="")

    (record,) = records(boot, vmcore)

    assert record.kind is CrashKind.HOST_PANIC
    assert record.guest is None


def test_times_are_told_on_both_clocks() -> None:
    joined = join(told(CrashKind.ENDED, Source.QEMU_LOG, 0), ahead_s=90.0)

    (record,) = joined.records

    assert record.host_at == NOON
    assert record.at == NOON - timedelta(seconds=90)


def test_a_crash_keeps_its_id_when_more_is_told_of_it() -> None:
    event = told(CrashKind.ENDED, Source.EVENT, 0.4, "libvirt event: stopped (failed)")
    first = join(event)

    log = told(CrashKind.ENDED, Source.QEMU_LOG, 0.1, "shutting down, reason=crashed")
    second = join(log, event, ids=dict(first.ids))

    assert [each.id for each in second.records] == [each.id for each in first.records]


def test_a_time_that_no_calendar_has_is_no_time() -> None:
    (record,) = records(told(CrashKind.ENDED, Source.QEMU_LOG, 10.0**300))

    assert record.at is None


_ANY = st.builds(
    told,
    st.sampled_from(CrashKind),
    st.sampled_from(Source),
    st.none() | st.floats(-1e6, 1e6),
    name=st.sampled_from(("web-01", "db", "", "gone")),
    exact=st.booleans(),
    offset=st.none() | st.integers(0, 9),
)


@given(st.lists(_ANY, max_size=30, unique=True))
def test_nothing_that_is_told_is_lost_and_ids_are_unique(sightings: list[Sighting]) -> None:
    joined = join(*sightings)

    kept = {each for record in joined.records for each in record.evidence}
    assert kept == {sighting.evidence for sighting in sightings}
    assert len({record.id for record in joined.records}) == len(joined.records)


@given(st.lists(_ANY, max_size=12, unique=True), st.randoms())
def test_the_order_in_which_it_is_told_does_not_matter(
    sightings: list[Sighting], chance: random.Random
) -> None:
    shuffled = list(sightings)
    chance.shuffle(shuffled)

    def shape(joined: Joined) -> set[tuple[CrashKind, datetime | None, frozenset[Evidence]]]:
        return {(each.kind, each.at, frozenset(each.evidence)) for each in joined.records}

    assert shape(join(*shuffled)) == shape(join(*sightings))


def test_each_crash_of_a_host_has_its_own_dump_and_its_own_start_although_no_time_is_exact() -> None:
    """A host that crashes again and again: the text and the core of each dump, and the start after it."""
    sightings = [
        each
        for at in (0, 600, 1200)
        for each in (
            told(
                CrashKind.HOST_PANIC,
                Source.KDUMP,
                at,
                "Kernel panic",
                name="",
                exact=False,
                place=f"/{at}/text",
            ),
            told(CrashKind.HOST_PANIC, Source.KDUMP, at, "vmcore", name="", exact=False, place=f"/{at}/core"),
            told(
                CrashKind.HOST_UNCLEAN, Source.BOOTS, at + 300, f"{at}", name="", exact=False, place="last -x"
            ),
        )
    ]
    records = join(*reversed(sightings)).records
    assert [record.kind for record in records] == [CrashKind.HOST_PANIC] * 3
    assert [len(record.evidence) for record in records] == [3] * 3
    assert [record.at and (record.at - NOON).total_seconds() for record in records] == [1200, 600, 0]


def test_a_loss_of_power_soon_after_a_crash_is_a_crash_of_its_own() -> None:
    records = join(
        told(CrashKind.HOST_PANIC, Source.PSTORE, 0, "Kernel panic", name=""),
        told(CrashKind.HOST_UNCLEAN, Source.BOOTS, 3000, "again", name="", exact=False),
        told(CrashKind.HOST_UNCLEAN, Source.BOOTS, 300, "started", name="", exact=False),
    ).records
    assert [(record.kind, len(record.evidence)) for record in records] == [
        (CrashKind.HOST_UNCLEAN, 1),
        (CrashKind.HOST_PANIC, 2),
    ]


def test_a_panic_stays_where_it_was_when_the_guest_writes_on() -> None:
    """A console's only time is that of the file."""
    first = told(CrashKind.PANIC, Source.CONSOLE, 5, "Kernel panic", exact=False, offset=7)
    assert told_again(first, replace(first, at_s=None)).at_s == first.at_s
    assert told_again(first, replace(first, at_s=NOON.timestamp() + 60)).at_s == first.at_s
    assert told_again(replace(first, at_s=None), first).at_s == first.at_s


def test_an_io_error_that_each_waiting_request_tells_is_one_and_that_of_an_hour_later_another() -> None:
    """QEMU's blk_error_action (block/block-backend.c) sends an event for each request that fails."""
    words = "libvirt event: I/O error: vda, no space left (paused)"
    burst = [told(CrashKind.IO_ERROR, Source.EVENT, at / 1000, words) for at in range(32)]
    resumed = told(CrashKind.IO_ERROR, Source.EVENT, 3600, words)

    assert [record.at for record in records(*burst, resumed)] == [NOON + timedelta(seconds=3600), NOON]


def test_the_log_of_a_second_panic_is_not_given_to_the_first_one_of_which_no_log_tells() -> None:
    """on_crash=restart leaves nothing in QEMU's log; and logs are written before we hear of an event."""
    words = "libvirt event: guest crashed (panicked)"

    newest, oldest = records(
        told(CrashKind.PANIC, Source.EVENT, 0, words),
        told(CrashKind.PANIC, Source.QEMU_LOG, 600, "reason=crashed", place="log", offset=1),
        told(CrashKind.PANIC, Source.EVENT, 600.4, words),
    )

    assert {each.source for each in newest.evidence} == {Source.QEMU_LOG, Source.EVENT}
    assert [each.source for each in oldest.evidence] == [Source.EVENT]


def test_a_dump_that_is_still_written_is_the_same_one_in_each_look() -> None:
    looks = [told(CrashKind.DUMP, Source.GUEST_DUMP, at, place="/dump/1", exact=False) for at in (1, 2, 3)]

    assert len({key_of(each) for each in looks}) == 1
    assert told_again(looks[0], looks[1]).at_s == looks[1].at_s


def test_a_state_of_libvirts_with_another_time_is_a_new_one() -> None:
    first = told(CrashKind.IO_ERROR, Source.STATE, 0, exact=False)
    assert told_again(first, replace(first, at_s=None)).at_s is None


@pytest.mark.parametrize("ahead_s", [1e11, -1e11, 2.5e11, -6.3e10, 0.0])
def test_a_host_whose_clock_is_thousands_of_years_off_has_records_without_a_time(ahead_s: float) -> None:
    """`date +%s` of a host that lies, or whose clock was never set; also in zones that are ahead of UTC."""
    end = told(CrashKind.ENDED, Source.QEMU_LOG, None)
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC).timestamp()

    for at_s in (0.0, NOON.timestamp(), last, -6.2e10):
        (record,) = join(replace(end, at_s=at_s), ahead_s=ahead_s).records
        for at in (record.at, record.host_at):
            if at is not None:
                at.astimezone(timezone(timedelta(hours=14)))
                at.astimezone(timezone(timedelta(hours=-12)))


@pytest.mark.parametrize("at_s", [None, 3600.0])
def test_a_panic_on_the_console_is_not_why_the_guest_was_killed_at_another_time(at_s: float | None) -> None:
    """Its kernel starts again by itself after it; the kill may be days later, or before."""
    killed = told(CrashKind.ENDED, Source.QEMU_LOG, 0, "reason=crashed", place="log", offset=1)
    console = told(CrashKind.PANIC, Source.CONSOLE, at_s, "Kernel panic - not syncing", exact=False)

    assert sorted(record.kind.name for record in records(killed, console)) == ["ENDED", "PANIC"]


def test_an_end_that_turns_out_to_be_a_panic_is_the_same_sighting() -> None:
    log = "/var/log/libvirt/qemu/web-01.log"
    ended = told(CrashKind.ENDED, Source.QEMU_LOG, 0, "reason=crashed", place=log, offset=0)
    panicked = told(CrashKind.PANIC, Source.QEMU_LOG, 0, "reason=crashed", "signal 15", place=log, offset=0)

    assert key_of(ended) == key_of(panicked)
