"""What tests on real hosts have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backends.api import Fleet, open_fleet
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from tests.watching import all_up, until


@pytest.fixture
async def fleet(lab: Lab) -> AsyncIterator[Fleet]:
    """All hosts of the lab, up."""
    async with open_fleet(lab_specs(lab.layout)) as opened:
        await until(opened, all_up)
        yield opened
