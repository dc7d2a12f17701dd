"""The two hosts that guests move between."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.api import Fleet, embedded_hosts, open_fleet
from tests.watching import all_up, until


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the saved states lie: of both hosts, as both are in this process."""
    states = tmp_path / "states"
    states.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(states))
    return states


@pytest.fixture
async def fleet(tmp_path: Path, folder: Path) -> AsyncIterator[Fleet]:
    async with embedded_hosts(count=2, guests=1) as specs, open_fleet(specs) as opened:
        await until(opened, all_up)
        yield opened
