"""Modes, help, palette, themes, questions and the end of the program."""

from __future__ import annotations

import asyncio

import pytest
from textual.worker import WorkerFailed

from backends.model.fleet import Topic
from backends.model.host import HostName, Link
from backends.model.question import Question, QuestionKind
from tests.tui.programs import embedded_program, program_on
from tests.tui.scripted import ScriptedFleet, guest
from tests.tui.terminal_bytes import on_a_wire
from tui.actions.action import Place
from tui.actions.registry import REGISTRY, actions_at, unknown_ids
from tui.app import FerryApp
from tui.bridge import Bridge, Update
from tui.dialogs.questions import QuestionDesk
from tui.screens.audit import AuditScreen
from tui.screens.baseline import BaselineScreen
from tui.screens.chain import ChainScreen
from tui.screens.compare import CompareScreen
from tui.screens.crash_gaps import CrashGapsScreen
from tui.screens.crash_page import CrashPageScreen
from tui.screens.crashes import CrashesScreen
from tui.screens.dump import DumpScreen
from tui.screens.growth import GrowthScreen
from tui.screens.guest import GuestScreen
from tui.screens.guests import GuestsScreen
from tui.screens.history import HistoryScreen
from tui.screens.host import HostScreen
from tui.screens.hosts import HostsScreen
from tui.screens.iscsi import IscsiScreen
from tui.screens.kdump import KdumpScreen
from tui.screens.log_page import LogScreen
from tui.screens.moves import MovesScreen
from tui.screens.past import PastScreen
from tui.screens.place import PlaceScreen
from tui.screens.plan import PlanScreen
from tui.screens.posture import PostureScreen
from tui.screens.run import RunScreen
from tui.screens.storage import StorageScreen
from tui.screens.storage_page import StoragePageScreen
from tui.session import Session
from tui.settings import Settings
from tui.themes import NAMES
from tui.widgets.grid import Grid

SCREENS: tuple[type[PlaceScreen], ...] = (
    GuestsScreen,
    GuestScreen,
    HostsScreen,
    HostScreen,
    CompareScreen,
    BaselineScreen,
    PostureScreen,
    StorageScreen,
    StoragePageScreen,
    IscsiScreen,
    ChainScreen,
    GrowthScreen,
    DumpScreen,
    CrashesScreen,
    CrashPageScreen,
    CrashGapsScreen,
    LogScreen,
    KdumpScreen,
    MovesScreen,
    PlanScreen,
    RunScreen,
    HistoryScreen,
    PastScreen,
    AuditScreen,
)


def test_every_place_has_a_screen() -> None:
    assert {screen.PLACE for screen in SCREENS} == set(Place) - {Place.ANYWHERE}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.__name__)
def test_every_action_is_carried_out_by_its_screen_or_the_app(screen: type[PlaceScreen]) -> None:
    missing = [
        a.id
        for a in actions_at(screen.PLACE, {})
        if not hasattr(screen, a.method) and not hasattr(FerryApp, a.method)
    ]
    assert not missing


@pytest.mark.parametrize("place", [place for place in Place if place is not Place.ANYWHERE])
def test_no_key_does_two_things_in_one_place(place: Place) -> None:
    keys = [key for action in actions_at(place, {}) for key in action.keys.split(",")]
    assert len(keys) == len(set(keys)), keys


def test_ids_are_unique_and_unknown_ones_are_found() -> None:
    ids = [action.id for action in REGISTRY]
    assert len(ids) == len(set(ids))
    assert unknown_ids({"pause": "f5", "fly": "f6"}) == ["fly"]


async def test_number_keys_go_to_the_modes() -> None:
    async with embedded_program() as program:
        for key, words in (
            ("2", "HOSTS  3"),
            ("3", "STORAGE"),
            ("4", "CRASHES"),
            ("5", "No move is in flight."),
            ("1", "GUESTS  24"),
        ):
            await program.press(key)
            await program.sees(words)


async def test_hosts_that_do_not_answer_keep_their_row_with_reason_and_hint() -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", guest("h1", "web-01"))
    fleet.link("h2", Link.DOWN, "login refused", "add your key to root@h2")
    async with program_on(fleet) as program:
        await program.press("2", "end")
        await program.sees("login refused")
        await program.sees("add your key to root@h2")


async def test_a_screen_that_was_covered_catches_up() -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", guest("h1", "web-01"))
    async with program_on(fleet) as program:
        await program.sees("web-01")
        await program.press("3")
        await program.sees("STORAGE")
        fleet.up("h2", guest("h2", "db-01"))
        await program.sees("hosts 2 up")
        await program.press("1")
        await program.sees("db-01")


async def test_help_lists_what_works_here_with_reasons() -> None:
    async with embedded_program(size=(120, 70)) as program:
        await program.press("question_mark")
        await program.sees("help: guests")
        text = program.text()
        assert "Plan a move of this guest to another host" in text
        assert "not now: batch-105 is running" in text
        assert "Leave; asks when moves are in flight" in text
        await program.press("escape")
        await program.no_longer_sees("help: guests")


async def test_the_palette_finds_a_command_and_does_it() -> None:
    async with embedded_program() as program:
        await program.press("colon", *"crashes")
        await program.sees("Go to the crash logs.")
        await program.press("enter")
        await program.sees("CRASHES")
        await program.press("ctrl+p", "escape")
        await program.no_longer_sees("WHAT IT DOES")


@pytest.mark.parametrize("theme", NAMES)
async def test_every_theme_draws(theme: str) -> None:
    async with embedded_program(settings=Settings(theme=theme)) as program:
        assert program.app.theme == theme
        await program.press("T")
        await program.until(lambda: program.app.theme != theme)


async def test_questions_of_hosts_are_asked_one_at_a_time() -> None:
    fleet = ScriptedFleet("h1", "h2")
    async with program_on(fleet) as program:
        key = Question(
            QuestionKind.HOST_KEY, HostName("h1"), "The key of h1 is not known.", "SHA256:abc (ED25519)"
        )
        word = Question(QuestionKind.PASSWORD, HostName("h2"), "Password of root@h2")
        first, second = asyncio.ensure_future(program.desk(key)), asyncio.ensure_future(program.desk(word))
        await program.sees("unknown host key: h1")
        assert "SHA256:abc (ED25519)" in program.text()
        assert "Password of root@h2" not in program.text()
        await program.press(*"yes", "enter")
        assert await first == "yes"
        await program.sees("Password of root@h2")
        await program.press(*"secret")
        assert "secret" not in program.text()
        await program.press("enter")
        assert await second == "secret"


async def test_enter_alone_trusts_no_key() -> None:
    async with program_on(ScriptedFleet("h1")) as program:
        key = Question(QuestionKind.HOST_KEY, HostName("h1"), "The key of h1 is not known.")
        answer = asyncio.ensure_future(program.desk(key))
        await program.sees("unknown host key: h1")
        await program.press("enter")
        assert await answer is None


async def test_a_key_pressed_for_something_else_trusts_no_host() -> None:
    async with program_on(ScriptedFleet("h1")) as program:
        key = Question(QuestionKind.HOST_KEY, HostName("h1"), "The key of h1 is not known.")
        answer = asyncio.ensure_future(program.desk(key))
        await program.sees("unknown host key: h1")
        await program.press("y", "enter")
        assert await answer is None


async def test_a_refused_question_is_not_asked_again_until_the_user_says_so() -> None:
    fleet = ScriptedFleet("h1")
    async with program_on(fleet) as program:
        key = Question(QuestionKind.HOST_KEY, HostName("h1"), "The key of h1 is not known.")
        answer = asyncio.ensure_future(program.desk(key))
        await program.sees("unknown host key: h1")
        await program.press("escape")
        assert await answer is None
        assert await program.desk(key) is None
        assert "unknown host key: h1" not in program.text()
        fleet.link("h1", Link.DOWN, "the host key is unknown and was not accepted")
        await program.press("2")
        await program.sees("r connect now")
        await program.press("r")
        await program.until(lambda: ("reconnect", "h1") in fleet.asked)
        again = asyncio.ensure_future(program.desk(key))
        await program.sees("unknown host key: h1")
        await program.press(*"yes", "enter")
        assert await again == "yes"


async def test_a_question_that_nobody_waits_for_goes_away() -> None:
    async with program_on(ScriptedFleet("h1")) as program:
        word = Question(QuestionKind.PASSWORD, HostName("h1"), "Password of root@h1")
        answer = asyncio.ensure_future(program.desk(word))
        await program.sees("Password of root@h1")
        answer.cancel()
        await program.no_longer_sees("Password of root@h1")
        again = asyncio.ensure_future(program.desk(word))
        await program.sees("Password of root@h1")
        await program.press("escape")
        assert await again is None


async def test_a_bug_in_a_screen_ends_the_program_instead_of_freezing_it() -> None:
    fleet = ScriptedFleet("h1")
    with pytest.raises(WorkerFailed):
        async with program_on(fleet) as program:
            await program.sees("GUESTS")

            def broken(_: Update) -> None:
                raise ZeroDivisionError

            program.app.session.bridge.subscribe([Topic.LINK], broken)
            fleet.link("h1", Link.DOWN, "login refused")
            await program.until(lambda: program.app._exception is not None)


async def test_the_palette_puts_names_before_letters() -> None:
    async with embedded_program() as program:
        await program.press("colon", *"the")
        await program.sees("Another set of colours.")
        grid = program.widget(Grid)
        assert grid.highlighted_key == "theme"


async def test_q_leaves_at_once_when_nothing_moves() -> None:
    async with embedded_program() as program:
        await program.press("q")
        await program.until(lambda: program.app._exit)
        assert program.app.return_code == 0


async def test_when_nothing_changes_nothing_is_sent() -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", guest("h1", "web-01"))
    fleet.up("h2")
    app = FerryApp(Session(fleet, Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, (100, 30)) as (pilot, wire):
        await pilot.pause(0.5)
        wire.take()
        fleet.up("h1", guest("h1", "web-01"))
        await pilot.pause(1.5)
        assert wire.take() == b""
