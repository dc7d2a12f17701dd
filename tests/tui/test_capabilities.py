"""Mode 2: a user looks at what hosts can do; they are asked when somebody looks (a scripted fleet)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from backends.model.capability import HardwareVerdict
from backends.model.fleet import LinkChanged
from backends.model.host import HostName, Link, LinkStatus
from tests.tui.capable import capabilities
from tests.tui.looking import REFUSED, SlowFleet, able, asked, row, see_hosts
from tests.tui.programs import program_on
from tests.tui.scripted import ScriptedFleet, guest
from tests.tui.terminal_bytes import on_a_wire
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.format import clock_time
from tui.glyphs import ASCII
from tui.session import Session
from tui.settings import Settings

# -- the table ----------------------------------------------------------------------------------------


async def test_hosts_are_asked_when_somebody_looks_and_not_before() -> None:
    fleet = able()
    async with program_on(fleet) as program:
        await program.sees("web-01")
        assert not asked(fleet)
        await see_hosts(program)
        await program.sees("✓ usable")
        assert sorted(map(str, asked(fleet))) == ["h1", "h2", "h3"]


async def test_the_table_tells_verdicts_by_sign_and_word_and_failures_in_the_row() -> None:
    async with program_on(able()) as program:
        await see_hosts(program)
        await program.sees("✘ locked")
        assert "✓ usable" in row(program, "h1")
        assert "? not asked" in row(program, "h3")
        assert "not asked: permission denied" in row(program, "h3")


async def test_a_wide_screen_has_all_columns_and_a_narrow_one_the_most_important() -> None:
    fleet = able()
    fleet.surveys["h3"] = capabilities("h3")
    async with program_on(fleet, size=(200, 50)) as program:
        await see_hosts(program)
        await program.sees("✘ locked")
        for words in (
            "Intel Xeon Gold 6248",
            "40/80/2",
            "6.1.0-18-amd64",
            "-0.20 s",
            clock_time(datetime.now(UTC), datetime.now(UTC)),
            "qemu",
        ):
            assert words in row(program, "h1"), words
        await program.resize(80, 24)
        await program.no_longer_sees("CPU MODEL")
        assert "✘ locked" in row(program, "h2")
        assert "GUESTS" in program.text()


async def test_while_hosts_are_asked_the_row_says_so_and_keys_work_on() -> None:
    fleet = SlowFleet("h1", "h2", "h3")
    async with program_on(able(fleet)) as program:
        await see_hosts(program)
        await program.sees("asking it what it can do ...")
        assert "◌ asking" in row(program, "h2")
        await program.press("f")
        await program.sees("it is being asked already")
        await program.press("1", "2")
        fleet.may_answer.set()
        await program.sees("✓ usable")
        assert asked(fleet).count("h1") == 1, "a host is not asked again while it is being asked"


async def test_the_pane_explains_the_verdict_and_what_to_switch_on() -> None:
    async with program_on(able()) as program:
        await see_hosts(program)
        await program.sees("✘ locked")
        await program.press("down")
        await program.sees("the processor has VT-x, and the firmware has switched it off")
        detail = program.view("#detail").text
        assert "kernel: kvm: disabled by bios" in detail
        assert "→ switch on Intel Virtualization Technology" in detail
        assert "full ! emulated only" in detail
        assert "32-bit with PAE ✓ yes, up to 64 G" in detail


async def test_a_failed_question_is_told_with_its_hint_and_can_be_put_again() -> None:
    fleet = able()
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.sees("not asked: permission denied")
        await program.press("end")
        await program.sees("log in as a user that may read /proc")
        fleet.surveys["h3"] = capabilities("h3", HardwareVerdict.NO_MODULE)
        await program.press("f")
        await program.sees("! no module")
        await program.no_longer_sees("permission denied")
        assert asked(fleet).count("h3") == 2
        assert asked(fleet).count("h1") == 1


async def test_an_old_answer_stays_when_asking_anew_fails() -> None:
    fleet = able()
    fleet.surveys["h1"] = capabilities("h1", at=datetime.now(UTC) + timedelta(seconds=1))
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.sees("✓ usable")
        fleet.surveys["h1"] = REFUSED
        await program.press("f")
        await program.until(lambda: "permission denied" in row(program, "h1"))
        assert "✓ usable" in row(program, "h1")


async def test_all_can_be_asked_again_at_once() -> None:
    fleet = able()
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.sees("✘ locked")
        await program.press("F")
        await program.until(lambda: len(asked(fleet)) == 6)
        assert sorted(map(str, asked(fleet)[3:])) == ["h1", "h2", "h3"]


async def test_a_host_that_comes_back_is_asked_again_and_the_time_of_the_last_answer_is_told_meanwhile() -> (
    None
):
    fleet = able()
    asked_at = datetime.now(UTC) - timedelta(minutes=3)
    fleet.surveys["h1"] = capabilities("h1", at=asked_at)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    fleet.tell(LinkChanged(HostName("h1"), LinkStatus(Link.UP, long_ago)))
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.sees(f"{clock_time(asked_at, datetime.now(UTC))}, 2 commands in 0.8 s")
        fleet.link("h1", Link.STALE, "keepalive lost")
        await program.sees("it does not answer now, so this is the last that was known")
        assert asked(fleet).count("h1") == 1
        fleet.surveys["h1"] = capabilities("h1", HardwareVerdict.NESTED)
        fleet.tell(LinkChanged(HostName("h1"), LinkStatus(Link.UP, datetime.now(UTC))))
        await program.sees("✓ nested")
        assert asked(fleet).count("h1") == 2


async def test_a_host_that_is_down_is_not_asked_and_its_key_says_why() -> None:
    fleet = able()
    fleet.link("h2", Link.DOWN, "login refused", "add your key")
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.press("down")
        await program.sees("r connect now")
        assert "f ask again" not in program.text()
        await program.press("f")
        await program.sees("h2 does not answer (login refused)")
        assert "h2" not in asked(fleet)


async def test_a_host_whose_libvirt_is_silent_is_asked_all_the_same() -> None:
    fleet = able()
    fleet.link("h2", Link.DEGRADED, "libvirt does not answer")
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.until(lambda: "h2" in asked(fleet))
        await program.press("down")
        await program.sees("the firmware has switched it off")
        assert "the last that was known" not in program.view("#detail").text


async def test_the_reason_has_a_column_only_where_something_is_wrong() -> None:
    fleet = able()
    fleet.surveys["h3"] = capabilities("h3")
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.no_longer_sees("REASON")
        fleet.link("h2", Link.DOWN, "login refused")
        await program.sees("REASON")


async def test_columns_are_chosen_and_stay_so_for_the_session() -> None:
    async with program_on(able(), size=(160, 40)) as program:
        await see_hosts(program)
        await program.sees("LINK")
        await program.press("C")
        await program.sees("space shows or hides")
        await program.press("space", "enter")
        await program.until(lambda: "● up" not in row(program, "h1"))
        await program.press("1", "2")
        await program.sees("HOSTS  3")
        assert "● up" not in row(program, "h1")
        await program.press("C", "space", "escape")
        await program.no_longer_sees("space shows or hides")
        assert "● up" not in row(program, "h1"), "esc changes nothing"


async def test_hosts_are_sorted_and_filtered() -> None:
    async with program_on(able(), size=(160, 40)) as program:
        await see_hosts(program)
        await program.sees("✘ locked")
        await program.press("o", "O")
        await program.until(lambda: program.text().index("\n  h3") < program.text().index("h1   "))
        await program.press("slash", *"h2", "enter")
        await program.sees("HOSTS  1 of 3")
        await program.press("escape")
        await program.sees("HOSTS  3")


# -- everywhere ---------------------------------------------------------------------------------------


async def test_a_plain_terminal_gets_plain_letters_only() -> None:
    settings = Settings(theme="ansi", glyphs=ASCII)
    async with program_on(able(), size=(80, 24), settings=settings) as program:
        await see_hosts(program)
        await program.sees("x locked")
        assert program.text().isascii(), program.text()
        await program.press("enter")
        await program.sees("HARDWARE VIRTUALIZATION")
        assert program.text().isascii(), program.text()


async def test_read_only_sessions_may_ask_everything() -> None:
    fleet = able()
    async with program_on(fleet, settings=Settings(read_only=True)) as program:
        await see_hosts(program)
        await program.sees("✘ locked")
        await program.press("f")
        await program.until(lambda: asked(fleet).count("h1") == 2)


async def test_help_lists_the_keys_of_the_hosts() -> None:
    async with program_on(able(), size=(120, 60)) as program:
        await see_hosts(program)
        await program.press("question_mark")
        await program.sees("help: hosts")
        for words in (
            "Ask this host anew what it can do.",
            "Who can take whose guests",
            "Choose the columns",
        ):
            assert words in program.text()


async def test_comparing_takes_two_hosts() -> None:
    fleet = ScriptedFleet("h1")
    fleet.up("h1", guest("h1", "web-01"))
    async with program_on(fleet) as program:
        await program.press("2")
        await program.sees("HOSTS  1")
        await program.press("c")
        await program.sees("there is no other host")


async def test_looking_at_hosts_that_do_not_change_costs_nothing() -> None:
    fleet = able()
    old = datetime.now(UTC) - timedelta(hours=5)
    for host in ("h1", "h2", "h3"):
        fleet.surveys[host] = capabilities(host)
        fleet.tell(LinkChanged(HostName(host), LinkStatus(Link.UP, old)))
    app = FerryApp(Session(fleet, Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, (160, 40)) as (pilot, wire):
        await pilot.press("2")
        await pilot.pause(1.0)
        assert "✓ usable" in "".join(wire.picture((160, 40)))
        wire.take()
        await pilot.pause(2.5)
        assert wire.take() == b""
        assert len(asked(fleet)) == 3
