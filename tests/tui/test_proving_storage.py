"""A user proves that hosts see the same storage (a scripted fleet)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from backends.errors import ActionError
from backends.model.host import Link
from backends.model.storage import HostProof, Sharing, SharingProof
from tests.tui.storage_mode import SlowStorage, looking
from tests.tui.stored import EXPORT, H1, H2, H3, LOCAL, LUN, storage_map, stored
from tui.settings import Settings


async def test_proving_asks_first_and_names_the_folder_and_the_hosts() -> None:
    fleet = stored()
    async with looking(fleet) as program:
        await program.sees("nas:/srv/images")
        await program.press("v")
        await program.sees("do these hosts see the same storage?")
        text = program.text()
        assert "mounted on /mnt/images" in text
        assert "A small file is written through h1, read and locked through h2" in text
        await program.press("enter")
        await program.no_longer_sees("do these hosts see")
        assert not any(what[0] == "prove" for what in fleet.asked), "the default is not to do it"


async def test_the_proof_is_shown_for_each_host_with_evidence_and_locks() -> None:
    fleet = stored()
    async with looking(fleet, size=(110, 40)) as program:
        await program.sees("nas:/srv/images")
        await program.press("v")
        await program.sees("do these hosts")
        await program.press("y")
        await program.sees("✓ proved  the marker that h1 wrote was read at /mnt/images")
        text = program.text()
        assert "! a lock taken through h1 does not hold here" in text
        assert "! only the same path  no marker at /srv/images" in text
        assert "? locks were not tried" in text
        assert ("prove", EXPORT.id.key, (H1, H2, H3)) in fleet.asked
        await program.press("escape")
        await program.sees("from h1  h2 ✓ proved  h3 ! only the same path")


async def test_the_host_that_was_chosen_writes() -> None:
    fleet = stored()
    async with looking(fleet) as program:
        await program.sees("nas:/srv/images")
        await program.press("right", "v")
        await program.sees("written through h2")
        await program.press("escape", "right", "v")
        await program.sees("written through h1")  # h3 may only read
        await program.press("y")
        await program.until(lambda: ("prove", EXPORT.id.key, (H1, H2, H3)) in fleet.asked)


async def test_a_lun_is_only_read() -> None:
    fleet = stored()
    async with looking(fleet) as program:
        await program.sees("nas:/srv/images")
        await program.press("down", "v")
        await program.sees("Nothing is written: a LUN is")
        assert "yes, read it on h1, h2" in program.text(), "h3 does not see it"
        await program.press("y")
        await program.until(lambda: ("prove", LUN.id.key, (H1, H2)) in fleet.asked)


async def test_a_folder_that_one_host_alone_sees_is_tried_by_its_path_on_the_others() -> None:
    fleet = stored()
    fleet.storage_map = storage_map(LOCAL)
    fleet.proof = SharingProof(
        "/", H3, datetime.now(UTC), (HostProof(H1, Sharing.DIFFERENT, "another marker"),)
    )
    async with looking(fleet, size=(110, 40)) as program:
        await program.sees("on h3")
        await program.press("v")
        await program.sees("h3 alone is known to see it. A small file is written there through")
        assert "h1        the same path" in program.text()
        await program.press("y")
        await program.sees("✘ different  another marker")
        assert ("prove", "/", (H3, H1, H2)) in fleet.asked


async def test_a_slow_proof_is_waited_for_on_any_screen() -> None:
    fleet = SlowStorage("h1", "h2", "h3")
    fleet.may_answer.set()
    async with looking(stored(fleet), size=(110, 40)) as program:
        await program.sees("nas:/srv/images")
        await program.press("v")
        await program.sees("do these hosts")
        await program.press("y")
        await program.sees("the hosts are trying it ...")
        await program.press("v")
        await program.sees("it is being tried already")
        await program.press("escape")
        await program.sees("STORAGE  4")
        fleet.may_prove.set()
        await program.sees("✓ proved")


async def test_a_proof_that_fails_says_why_and_keeps_the_one_before() -> None:
    fleet = stored()
    async with looking(fleet, size=(110, 40)) as program:
        await program.sees("nas:/srv/images")
        await program.press("v")
        await program.sees("do these hosts")
        await program.press("y")
        await program.sees("✓ proved")
        fleet.proof = ActionError("no space left on the export", hint="make room first")
        await program.press("v")
        await program.sees("do these hosts")
        await program.press("y")
        await program.sees("not proved: no space left on the export")
        assert "make room first" in program.text()
        assert "✓ proved" in program.text()


async def test_proving_says_why_it_cannot_be_done() -> None:
    async with looking(stored(), settings=Settings(read_only=True)) as program:
        await program.sees("nas:/srv/images")
        await program.press("v")
        await program.sees("this session is read-only")
    alone = stored()
    alone.storage_map = storage_map(replace(LUN, sightings={H1: LUN.sightings[H1]}))
    async with looking(alone) as program:
        await program.sees("disks/1")
        await program.press("v")
        await program.sees("it takes two hosts that see it, and h1 alone does")
    silent = stored()
    async with looking(silent) as program:
        await program.sees("nas:/srv/images")
        silent.link("h2", Link.DOWN, "no route to host")
        silent.link("h3", Link.DOWN, "no route to host")
        await program.sees("h2, h3 silent now")
        await program.press("v")
        await program.sees("and h1 alone does now")
