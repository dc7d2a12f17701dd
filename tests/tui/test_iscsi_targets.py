"""A user looks at the iSCSI targets of a portal, and logs hosts in and out (a scripted fleet)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backends.errors import ActionError
from backends.model.host import HostName, Link
from backends.model.storage import IscsiLogin
from tests.tui.programs import Program
from tests.tui.scripted import ScriptedFleet
from tests.tui.storage_mode import looking
from tests.tui.stored import H1, IQN, TARGETS, stored
from tui.settings import Settings


@asynccontextmanager
async def at_targets(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The targets of a portal, as h1 sees them."""
    async with looking(fleet, **how) as program:
        await program.sees("nas:/srv/images")
        await program.press("i")
        await program.sees("iSCSI portal, asked from h1")
        await program.press(*"nas", "enter")
        await program.sees("ISCSI TARGETS  at nas, as h1 sees them")
        yield program


def with_targets() -> ScriptedFleet:
    """A portal that offers three targets."""
    fleet = stored()
    fleet.targets = TARGETS
    return fleet


async def test_a_portal_is_asked_from_the_chosen_host_and_its_targets_are_listed() -> None:
    fleet = with_targets()
    async with at_targets(fleet) as program:
        await program.sees(f"{IQN} ")
        text = program.text()
        assert "✓ logged in" in text
        assert "– not logged in" in text
        assert "? unknown" in text
        assert ("iscsi targets", H1, "nas") in fleet.asked
        await program.press("down")
        await program.sees("portals  10.0.0.1:3260, 10.0.1.1:3260")
        assert "LUNs     0, 1" in program.text()
        await program.press("escape")
        await program.sees("STORAGE  4")


async def test_the_chap_secret_is_typed_unseen_and_only_the_host_hears_it() -> None:
    fleet = with_targets()
    async with at_targets(fleet) as program:
        await program.sees("– not logged in")
        await program.press("enter")
        await program.sees("log h1 in?")
        await program.sees("It asks for a CHAP user and secret.")
        await program.press(*"backup", "enter")
        await program.sees("CHAP needs both: the secret is missing")
        await program.press(*"hush-hush")
        await program.sees("with CHAP")
        assert "hush" not in program.text()
        await program.press("enter")
        await program.sees("h1 is logged in to iqn.2026-11.lab:backup")
        login = IscsiLogin("iqn.2026-11.lab:backup", "10.0.0.1:3260", "backup", "hush-hush")
        assert ("iscsi login", H1, login) in fleet.asked
        assert "hush" not in program.text()
        assert sum(what[0] == "iscsi targets" for what in fleet.asked) == 2, "it is looked anew"


async def test_without_chap_enter_alone_logs_in() -> None:
    fleet = with_targets()
    async with at_targets(fleet) as program:
        await program.sees("– not logged in")
        await program.press("l")
        await program.sees("without CHAP")
        await program.press("enter")
        await program.until(
            lambda: ("iscsi login", H1, IscsiLogin("iqn.2026-11.lab:backup", "10.0.0.1:3260")) in fleet.asked
        )


class Refusing(ScriptedFleet):
    """A host that does not log out."""

    async def iscsi_logout(self, host: HostName, login: IscsiLogin) -> None:
        """A guest has a disk there."""
        raise ActionError("web-01 has a disk there", host=host, hint="shut it down, or move it")


async def test_logging_out_asks_and_a_refusal_is_told() -> None:
    fleet = Refusing("h1", "h2", "h3")
    stored(fleet).targets = TARGETS
    async with at_targets(fleet) as program:
        await program.sees("✓ logged in")
        await program.press("x")
        await program.sees("the host is not logged in to it")
        await program.press("down", "enter")
        await program.sees("the host is logged in to it already")
        await program.press("x")
        await program.sees("Its LUNs (0, 1) vanish from h1")
        await program.press("y")
        await program.sees("web-01 has a disk there")
        assert "shut it down, or move it" in program.text()


async def test_a_portal_that_does_not_answer_says_so() -> None:
    fleet = stored()
    fleet.targets = ActionError("connection refused", host="h1", hint="is 3260 open?")
    async with at_targets(fleet) as program:
        await program.sees("The portal could not be asked: h1: connection refused")
        await program.sees("is 3260 open?")
        fleet.targets = TARGETS
        await program.press("f")
        await program.sees(f"{IQN} ")
        fleet.link("h1", Link.DOWN, "no route to host")
        await program.sees("h1 is silent now")
        await program.press("l")
        await program.sees("h1 does not answer (no route to host)")


async def test_read_only_looks_at_targets_and_changes_nothing() -> None:
    async with at_targets(with_targets(), settings=Settings(read_only=True)) as program:
        await program.sees("– not logged in")
        await program.press("l")
        await program.sees("this session is read-only")
        await program.press("down", "x")
        await program.sees("this session is read-only")
