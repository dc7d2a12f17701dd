"""Real crashes on real hosts: told while the program is open, and found again by one that starts afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from backends.api import Fleet, open_fleet
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab
from backends.lab.layout import LOCAL_IMAGES_IN_HOST
from backends.lab.specs import lab_specs
from backends.model.crash import CrashKind, CrashRecord, Source
from backends.model.fleet import FleetState
from tests.lab.moving import make
from tests.watching import all_up, until

PATIENCE_S = 15.0
"""A busy machine is given more than the three seconds, which `./dev bench crashes` measures."""


@pytest.fixture
async def followed(lab: Lab) -> AsyncIterator[Fleet]:
    """All hosts, followed, and looked at once."""
    async with open_fleet(lab_specs(lab.layout)) as opened, opened.follow_crashes():
        await until(opened, all_up)
        await until(opened, lambda state: all(view.crashes for view in state.hosts.values()))
        yield opened


def find(state: FleetState, name: str, cause: str) -> CrashRecord | None:
    """The record of a guest, once more than libvirt's events tell of it."""
    for view in state.hosts.values():
        for record in view.crashes.records if view.crashes else ():
            told_by = {each.source for each in record.evidence} - {Source.EVENT, Source.STATE}
            if record.name == name and record.cause.id == cause and (told_by or cause == "no-space"):
                return record
    return None


async def told(fleet: Fleet, name: str, cause: str) -> CrashRecord:
    """Wait for it."""
    try:
        state = await until(fleet, lambda state: find(state, name, cause) is not None, PATIENCE_S)
    except AssertionError:
        told_instead = [
            (record.host, record.name, record.kind, record.cause, record.evidence)
            for view in fleet.state.hosts.values()
            for record in (view.crashes.records if view.crashes else ())
        ]
        raise AssertionError(f"no {cause} of {name} in {told_instead}") from None
    found = find(state, name, cause)
    assert found is not None
    return found


async def afterwards(lab: Lab, host: str, name: str, cause: str, *, since: datetime) -> CrashRecord:
    """What a program that starts now finds."""
    async with open_fleet(lab_specs(lab.layout)) as fleet:
        await until(fleet, all_up)
        crashes = await fleet.crashes(next(each for each in fleet.state.hosts if each == host))
        mine = [record for record in crashes.records if record.name == name]
        found = [record for record in mine if record.at is None or record.at >= since]
    assert len(found) == 1, "\n".join(
        f"{r.kind} {r.at} {r.cause} {r.guest} {r.name} {r.evidence}" for r in found
    )
    assert found[0].cause.id == cause
    return found[0]


async def both(
    lab: Lab, fleet: Fleet, name: str, cause: str, spoil: Callable[[], Awaitable[object]], *, host: str = "h1"
) -> tuple[CrashRecord, CrashRecord]:
    """Spoil it: the record told meanwhile, and the one that is found afterwards."""
    before = datetime.now(UTC)
    await spoil()
    live = await told(fleet, name, cause)
    later = await afterwards(lab, host, name, cause, since=before - timedelta(seconds=2))
    for record in (live, later):
        assert record.host == host
        assert record.at is not None
        assert before - timedelta(seconds=2) <= record.at <= datetime.now(UTC) + timedelta(seconds=2)
    assert live.kind is later.kind
    return live, later


async def test_a_panic_that_the_panic_device_tells_has_the_words_of_the_guests_kernel(
    lab: Lab, followed: Fleet
) -> None:
    guest = await make(lab, followed, GuestSpec(name="panics"))

    live, later = await both(
        lab, followed, "panics", "panic-asked", lambda: asyncio.to_thread(guest.tell, lab.host("h1"), "panic")
    )

    assert live.kind is CrashKind.PANIC
    assert Source.EVENT in {each.source for each in live.evidence}
    for record in (live, later):
        assert record.guest is not None
        assert Source.CONSOLE in {each.source for each in record.evidence}
        assert "sysrq" in record.cause.words.lower()


async def test_a_qemu_that_is_killed_is_told_as_ended_without_a_word(lab: Lab, followed: Fleet) -> None:
    await make(lab, followed, GuestSpec(name="killed"))

    live, later = await both(
        lab,
        followed,
        "killed",
        "",
        lambda: asyncio.to_thread(lab.host("h1").faults.kill_guest, "killed"),
    )

    for record in (live, later):
        assert record.kind is CrashKind.ENDED
        assert "without a word" in record.cause.words
        assert Source.QEMU_LOG in {each.source for each in record.evidence}


async def test_a_guest_that_stands_for_want_of_room_names_the_disk(lab: Lab, followed: Fleet) -> None:
    h1 = lab.host("h1")
    h1.faults.shrink_images(32)
    try:
        spec = GuestSpec(name="thirsty", disk=Disk.LOCAL, write_kib_s=512)
        await make(lab, followed, spec)
        live, later = await both(
            lab, followed, "thirsty", "no-space", lambda: asyncio.to_thread(h1.faults.fill_images)
        )
        for record in (live, later):
            assert record.kind is CrashKind.IO_ERROR
        assert "vda" in later.cause.words or "thirsty" in later.cause.words
    finally:
        h1.virsh("destroy thirsty; undefine thirsty", check=False)
        h1.faults.grow_images()


async def test_a_missing_image_is_named_and_its_guest_too(lab: Lab, followed: Fleet) -> None:
    h1 = lab.host("h1")
    spec = GuestSpec(name="diskless", disk=Disk.LOCAL)
    await make(lab, followed, spec)
    h1.virsh("destroy diskless")
    h1.exec("rm", f"{LOCAL_IMAGES_IN_HOST}/diskless.img")

    async def start() -> None:
        await asyncio.to_thread(h1.virsh, "start diskless", check=False)

    live, later = await both(lab, followed, "diskless", "missing-image", start)

    for record in (live, later):
        assert record.kind is CrashKind.NOT_STARTED
        assert "diskless.img" in record.cause.words


def memory_flows(state: FleetState) -> bool:
    """Does any move, whoever has started it, carry memory now?"""
    return any(move.progress and move.progress.processed_bytes > 0 for move in state.moves.values())


async def test_an_incoming_move_that_breaks_is_told_by_the_destination(lab: Lab, followed: Fleet) -> None:
    await make(lab, followed, GuestSpec(name="torn", dirty_mib_s=20, memory_mib=160))
    h1, h2 = lab.host("h1"), lab.host("h2")

    async def tear() -> None:
        h1.virsh("migrate-setspeed torn 8")
        move = asyncio.to_thread(h1.virsh, f"migrate --live torn qemu+tcp://{h2.address}/system", check=False)
        moving = asyncio.ensure_future(move)
        await until(followed, memory_flows)
        await asyncio.to_thread(h1.faults.reset_transfers)
        await moving

    live, later = await both(lab, followed, "torn", "incoming-ended", tear, host="h2")

    for record in (live, later):
        assert record.kind is CrashKind.INCOMING
