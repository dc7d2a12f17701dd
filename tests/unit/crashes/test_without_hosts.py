"""What reads the journal alone (`virt-ferry history`, `audit`) opens a fleet of no hosts: nobody is watched then."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.api import open_fleet


async def test_a_fleet_of_no_hosts_watches_nobody_and_reads_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with open_fleet(()) as fleet, fleet.follow_crashes():
        assert not fleet.state.hosts
        assert await fleet.audit() == ()
        assert await fleet.history() == ()
