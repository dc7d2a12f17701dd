"""A user looks at the storage in mode 3, and at the page of one (a scripted fleet)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.errors import ActionError
from backends.model.host import Link
from tests.tui.programs import program_on
from tests.tui.scripted import ScriptedFleet
from tests.tui.storage_mode import SlowStorage, detail, looking, rows
from tests.tui.stored import EXPORT, LOCAL, LUN, many_hosts, storage_map, stored
from tests.tui.terminal_bytes import on_a_wire
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.glyphs import ASCII
from tui.session import Session
from tui.settings import Settings


def times_asked(fleet: ScriptedFleet) -> int:
    """How often the hosts were asked what storage they see."""
    return sum(what[0] == "storage" for what in fleet.asked)


async def test_each_storage_is_one_row_with_how_each_host_sees_it() -> None:
    async with looking(stored()) as program:
        await program.sees("nas:/srv/images")
        nfs, iscsi, *_ = rows(program)
        expected = "▸ NFS nas:/srv/images 1.0 T 96% 120% ✘ alarm ✘ 2 ✓ rw ✓ rw ✓ ro"
        assert nfs.split() == expected.split()
        assert iscsi.split()[-7:] == ["✓", "rw", "!", "rw", "–", "not", "seen"]
        assert "? unknown" in next(row for row in rows(program) if "vg_guests" in row)
        assert "✘ rw" in next(row for row in rows(program) if "local" in row)
        await program.sees("shared 3  1 alarm  1 watch")


async def test_the_pane_tells_how_the_chosen_host_sees_the_selected_storage() -> None:
    async with looking(stored()) as program:
        await program.sees("▸h1")
        assert "h1       ✓ rw  mounted on /srv/images; good" in detail(program)
        assert "vers=3, nolock, local_lock=all" in detail(program)
        await program.press("right")
        await program.sees("▸h2")
        assert "mounted on /mnt/images" in detail(program)
        await program.press("l", "l", "l")
        await program.sees("▸h3")
        assert "✓ ro" in detail(program)
        await program.press("h", "left", "down")
        await program.sees("▸h1")
        await program.until(lambda: "session to 10.0.0.1:3260" in detail(program))
        await program.press("right")
        await program.until(
            lambda: "! rw  device /dev/mapper/mpatha; degraded, 2 of 4 paths" in detail(program)
        )


async def test_the_pane_names_dangers_worst_first_with_what_mends_them_and_what_is_at_stake() -> None:
    async with looking(stored(), size=(120, 44)) as program:
        await program.sees("no lock stands between them")
        text = detail(program)
        assert text.index("✘ high") < text.index("! medium")
        assert "→ shut down one of the two guests now" in text
        assert "promised 1.17 TiB (120%); full in about 3 days at today's growth" in text
        assert "1 pool (images), 3 disks of db-01, old, web-01; 1 without room to write" in text


async def test_what_a_host_may_not_tell_is_unknown_with_the_permission_it_needs() -> None:
    async with looking(stored()) as program:
        await program.sees("vg_guests")
        await program.press("slash", *"vg_g", "enter", "right", "right")
        await program.sees("vgs: permission denied; root on the host may ask")


async def test_hosts_are_asked_when_somebody_looks_and_again_by_a_key() -> None:
    fleet = stored()
    async with program_on(fleet) as program:
        await program.sees("web-01")
        assert not times_asked(fleet)
        await program.press("3")
        await program.sees("nas:/srv/images")
        assert times_asked(fleet) == 1
        await program.press("1", "3")
        await program.sees("nas:/srv/images")
        assert times_asked(fleet) == 1, "coming back asks nothing"
        fleet.storage_map = storage_map(LUN)
        await program.press("f")
        await program.no_longer_sees("nas:/srv/images")
        assert times_asked(fleet) == 2


async def test_while_hosts_are_asked_the_screen_says_so_and_keeps_what_was_known() -> None:
    fleet = SlowStorage("h1", "h2", "h3")
    async with looking(stored(fleet)) as program:
        await program.sees("Asking the hosts what storage they see")
        await program.press("f")
        await program.sees("it is being asked already")
        fleet.may_answer.set()
        await program.sees("nas:/srv/images")
        fleet.may_answer.clear()
        await program.press("f")
        await program.sees("asking ...")
        assert "nas:/srv/images" in program.text()


async def test_hosts_that_come_up_later_are_asked_once_the_open_question_is_answered() -> None:
    fleet = SlowStorage("h1", "h2")
    fleet.up("h1")
    fleet.storage_map = storage_map()
    async with looking(fleet) as program:
        await program.sees("Asking the hosts")
        fleet.up("h2")
        await program.sees("hosts 2 up")
        assert fleet.asked.count(("asking",)) == 1
        fleet.may_answer.set()
        await program.sees("nas:/srv/images")
        await program.until(lambda: times_asked(fleet) == 2)


async def test_without_an_answer_the_screen_says_why_and_what_to_do() -> None:
    fleet = stored()
    fleet.storage_map = ActionError("h1 hangs", hint="look at its NFS server")
    async with looking(fleet) as program:
        await program.sees("The hosts could not be asked: h1 hangs")
        await program.sees("look at its NFS server")
        fleet.storage_map = storage_map()
        await program.press("f")
        await program.sees("nas:/srv/images")
        fleet.storage_map = ActionError("h1 hangs")
        await program.press("f")
        await program.sees("not asked anew")
        assert "nas:/srv/images" in program.text(), "the last answer stays"


async def test_no_host_and_no_storage_are_told_apart() -> None:
    silent = ScriptedFleet("h1")
    silent.link("h1", Link.DOWN, "login refused")
    async with looking(silent) as program:
        await program.sees("No host answers, so that none can be asked: mode 2 says why.")
        await program.press("f")
        await program.sees("no host answers now")
        assert not times_asked(silent)
    empty = stored()
    empty.storage_map = replace(storage_map(), storages=())
    async with looking(empty) as program:
        await program.sees("These hosts see no storage that guests could use")


async def test_what_a_host_told_before_it_fell_silent_is_marked() -> None:
    fleet = stored()
    async with looking(fleet) as program:
        await program.sees("nas:/srv/images")
        fleet.link("h2", Link.STALE, "keepalive lost")
        await program.sees("h2 silent now; asked")
        assert rows(program)[0].split()[-6:] == ["✓", "rw", "?", "rw", "✓", "ro"]
        await program.press("right")
        await program.sees("it does not answer now: this is the last that was known")


async def test_a_host_that_could_not_be_asked_has_a_column_and_the_reason() -> None:
    fleet = stored()
    fleet.storage_map = storage_map(LUN, h4="no route to host")
    async with looking(fleet, size=(140, 40)) as program:
        await program.sees("h4 is left out: no route to host")
        assert "1 left out" in program.text()
        assert rows(program)[0].endswith("? unknown")


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("shared:yes kind:nfs", "NFS"),
        ("pool:san", "iSCSI"),
        ("guest:db-01", "NFS"),
        ("level:watch", "LVM"),
        ("danger:high", "NFS"),
        ("disks/1", "iSCSI"),
    ],
)
async def test_storage_is_filtered_by_words_and_fields(query: str, kind: str) -> None:
    async with looking(stored()) as program:
        await program.sees("vg_guests")
        await program.press("slash", *query, "enter")
        await program.until(lambda: [row[2:].split()[0] for row in rows(program)] == [kind])
        await program.sees(f"filter {query}")
        await program.press("escape")
        await program.until(lambda: len(rows(program)) == 4)


async def test_a_filter_that_nothing_passes_says_how_to_clear_it() -> None:
    async with looking(stored()) as program:
        await program.sees("vg_guests")
        await program.press("slash", *"nothing", "enter")
        await program.sees("No storage matches the filter: esc clears it.")


async def test_storage_is_sorted_worst_first_and_by_the_column_the_user_wants() -> None:
    async with looking(stored()) as program:
        await program.sees("RISK ▴")
        assert [row[2:].split()[0] for row in rows(program)] == ["NFS", "iSCSI", "LVM", "local"]
        await program.press("o")
        await program.sees("KIND ▴")
        await program.press("o", "O")
        await program.sees("STORAGE ▾")
        assert "vg_guests" in rows(program)[0]


@pytest.mark.parametrize(("size", "columns"), [((80, 24), 3), ((200, 50), 12)])
async def test_fifty_hosts_scroll_sideways_and_the_first_columns_stay(
    size: tuple[int, int], columns: int
) -> None:
    hosts, known = many_hosts(50)
    fleet = ScriptedFleet(*hosts)
    for host in hosts:
        fleet.up(host)
    fleet.storage_map = known
    async with looking(fleet, size=size) as program:
        await program.sees("nas:/srv/images")
        await program.sees(f"hosts 1-{columns} of 50")
        assert "▸kvm00" in program.text()
        await program.press(*["right"] * columns)
        await program.sees(f"hosts 2-{columns + 1} of 50")
        assert "kvm00" not in program.text().splitlines()[2]
        assert "nas:/srv/images" in rows(program)[0]
        await program.press(*["right"] * 50)
        await program.sees("▸kvm49")
        assert "kvm49    ✓ rw" in detail(program)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 50)])
async def test_three_hosts_fit_on_every_usual_terminal(size: tuple[int, int]) -> None:
    async with looking(stored(), size=size) as program:
        await program.sees("nas:/srv/images")
        assert rows(program)[0].split()[-6:] == ["✓", "rw", "✓", "rw", "✓", "ro"]
        assert "of 3" not in program.text()


async def test_a_plain_terminal_shows_it_in_ascii() -> None:
    async with looking(stored(), size=(80, 24), settings=Settings(theme="ansi", glyphs=ASCII)) as program:
        await program.sees("x alarm")
        assert program.text().isascii(), program.text()
        await program.press("enter")
        await program.sees("SEEN BY")
        assert program.text().isascii(), program.text()


async def test_when_nothing_changes_nothing_is_sent() -> None:
    fleet = stored()
    app = FerryApp(Session(fleet, Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, (100, 30)) as (pilot, wire):
        await pilot.press("3")
        await pilot.pause(0.5)
        wire.take()
        await pilot.pause(1.5)
        assert wire.take() == b""


async def test_help_lists_the_keys_of_storage() -> None:
    async with looking(stored(), size=(120, 50)) as program:
        await program.press("question_mark")
        await program.sees("help: storage")
        assert "Try whether the hosts see the same storage" in program.text()
        assert "How the next host sees it" in program.text()


# -- one storage ------------------------------------------------------------------------------------


async def test_the_page_has_everything_that_is_known_of_a_storage() -> None:
    async with looking(stored(), size=(110, 60)) as program:
        await program.sees("nas:/srv/images")
        await program.press("enter")
        await program.sees("SEEN BY")
        text = program.text()
        order = ["what     NFS", "PROOF", "RISKS", "SEEN BY", "POOLS", "GUESTS' DISKS"]
        assert sorted(order, key=text.index) == order
        assert "less than 5% is left, and more was promised than there is" in text
        assert "not tried yet: v proves it" in text
        assert "from /proc/mounts, qemu.conf: lock_manager" in text
        assert "db-01   h1    vda     qcow2     500 GiB   480 GiB  ✘ no space left" in text
        assert text.index("db-01   h1") < text.index("old     h2"), "the one without room comes first"
        assert "not active" in text
        await program.press("escape")
        await program.sees("STORAGE  4")


async def test_the_page_of_what_nothing_is_kept_on_says_so() -> None:
    fleet = stored()
    fleet.storage_map = storage_map(LOCAL)
    async with looking(fleet, size=(110, 40)) as program:
        await program.sees("on h3")
        await program.press("enter")
        await program.sees("libvirt has no pool on it")
        text = program.text()
        assert "no guest has a disk on it" in text
        assert "one host alone sees it: v tries the same path on the others" in text
        assert "how large it is is not known" in text
        assert "df: permission denied" in text
        assert "✘ rw  mounted on /; broken, the kernel has made it read-only after errors" in text


async def test_the_page_follows_a_new_answer_and_says_when_it_is_gone() -> None:
    fleet = stored()
    async with looking(fleet, size=(110, 40)) as program:
        await program.sees("nas:/srv/images")
        await program.press("enter")
        await program.sees("SEEN BY")
        fleet.storage_map = storage_map(replace(EXPORT, findings=()))
        await program.press("f")
        await program.no_longer_sees("RISKS")
        fleet.storage_map = storage_map(LUN)
        await program.press("f")
        await program.sees("No host has told of it when they were asked last")
