"""Commands without a screen, on a scripted fleet: what they open, and what they have printed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

import pytest
from rich.cells import cell_len

from backends.model.fleet import FleetState
from backends.model.host import HostName, Link
from tests.tui.scripted import ScriptedFleet, guest
from tui.headless import work
from tui.headless.session import HostOptions

ANY = HostOptions()
H1, H2, H3 = HostName("h1"), HostName("h2"), HostName("h3")
WEB, MAIL = guest("h1", "web"), guest("h1", "mail")


def two_of_three() -> ScriptedFleet:
    """Two hosts that have answered and one that is down, of which the user has been told."""
    fleet = ScriptedFleet("h1", "h2", "h3")
    fleet.up("h1", WEB, MAIL)
    fleet.up("h2")
    fleet.link("h3", Link.DOWN, "connection refused")
    return fleet


def answered_by(monkeypatch: pytest.MonkeyPatch, fleet: ScriptedFleet, *commands: ModuleType) -> None:
    """These commands open this fleet, on a terminal of 80 columns."""

    @asynccontextmanager
    async def opened(
        _: HostOptions, *, described: bool = False
    ) -> AsyncIterator[tuple[ScriptedFleet, FleetState]]:
        yield fleet, fleet.state

    for command in commands:
        monkeypatch.setattr(command, "settled_fleet", opened)
    monkeypatch.setenv("COLUMNS", "80")


def answering(monkeypatch: pytest.MonkeyPatch, answer: str | None) -> list[str]:
    """What the user types before a work starts; None: there is no terminal. Returns the questions."""
    asked: list[str] = []

    async def ask(text: str, **_: object) -> str | None:
        asked.append(text)
        return answer

    monkeypatch.setattr(work, "ask_terminal", ask)
    return asked


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What `--json` has printed."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def fits_80_columns(text: str) -> bool:
    """Does no line leave a usual terminal?"""
    return all(cell_len(line) <= 80 for line in text.splitlines())
