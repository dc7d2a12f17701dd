"""After the end of a move, and after the end of the program: what a user still has to know and to do."""

from __future__ import annotations

from datetime import UTC, datetime

from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.move import Phase, Result, RunningJob
from tests.tui.programs import program_on
from tests.tui.scripted import MIB, guest, transfer
from tests.tui.test_moves import MOVE, moving, two_hosts
from tui.dialogs.leave import detached_words
from tui.words.guest import row_of

LEFT = "remove the definition left on h1: virsh -c qemu+ssh://root@h1/system undefine web-01"


async def test_the_keys_of_a_move_go_with_it() -> None:
    async with moving() as (program, fleet):
        await program.sees("b bandwidth")
        fleet.end(MOVE, Result.SUCCEEDED, "h2")
        await program.no_longer_sees("b bandwidth")
        assert "X abort" not in program.text()
        await program.press("b")
        await program.sees("not now: bandwidth: the move is over")


async def test_what_is_left_to_do_can_be_read_and_copied() -> None:
    async with moving((80, 24)) as (program, fleet):
        fleet.end(MOVE, Result.SUCCEEDED, "h2", "", LEFT)
        await program.sees("undefine web-01")
        assert "nothing left to do" not in program.text()
        await program.press("y")
        await program.until(lambda: program.app.clipboard == LEFT.partition(": ")[2])


async def test_the_list_tells_of_a_finished_move_what_the_card_does() -> None:
    async with moving((80, 24)) as (program, fleet):
        fleet.step(MOVE, Phase.COPYING, progress=transfer(11))
        await program.press("5")
        await program.sees("60%")
        fleet.end(MOVE, Result.SUCCEEDED, "h2")
        for words in ("stopped 26 ms", "2.60 GiB", "11.8 s"):
            await program.sees(words)
        assert "60%" not in program.text(), "a bar of a move that is over tells nothing"


async def test_the_list_tells_where_a_guest_stayed() -> None:
    async with moving((80, 24)) as (program, fleet):
        await program.press("5")
        fleet.end(MOVE, Result.CANCELLED, "h1")
        await program.sees("is on h1")


async def test_jobs_that_others_started_are_listed_with_the_command_that_stops_them() -> None:
    fleet = two_hosts()
    async with program_on(fleet) as program:
        await program.sees("web-01")
        key = GuestKey(HostName("h1"), "qemu", "1")
        fleet.has_jobs(RunningJob(key, "batch-7", "save", 12.0, 512 * MIB, 64 * MIB))
        await program.press("5")
        await program.sees("OTHER JOBS")
        await program.sees("batch-7 on h1  save")
        await program.sees("domjobabort")
        fleet.has_jobs()
        await program.no_longer_sees("OTHER JOBS")


async def test_a_move_of_this_session_is_listed_once() -> None:
    async with moving() as (program, fleet):
        request = fleet.state.moves[MOVE].request
        fleet.has_jobs(RunningJob(request.guest, "web-01", "save", 12.0, 512 * MIB, 64 * MIB))
        await program.press("5", "1", "5")
        await program.sees("1 in flight")
        assert "OTHER JOBS" not in program.text()


async def test_the_table_leads_to_the_move_of_a_guest() -> None:
    async with moving() as (program, _):
        await program.press("escape")
        await program.sees("GUESTS")
        await program.press("m")
        await program.sees("peer-to-peer")
        await program.sees("X abort")


async def test_who_detaches_is_told_what_is_left_to_do() -> None:
    async with moving((80, 24)) as (program, fleet):
        fleet.step(MOVE, Phase.COPYING, progress=transfer(9, dirty_mib_s=300))
        await program.press("q")
        await program.sees("will not converge as it is")
        await program.sees("the next start does")
        words = detached_words(list(fleet.state.moves.values()))
        assert "web-01, h1 to h2" in words
        assert "virsh undefine web-01" in words
        await program.press("k")


def test_a_running_guest_has_no_twin_to_tell_of() -> None:
    fleet = two_hosts()
    key = guest("h1", "web-01").key
    row = row_of(fleet.state, key)
    assert row is not None
    assert row.twin is None
    assert row.guest.since is not None
    assert row.guest.since < datetime.now(UTC)
