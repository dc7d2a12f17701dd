"""The scene of the tests of faults."""

from __future__ import annotations

import pytest

from backends.lab.lab import Lab
from tests.faults.scene import Scene


@pytest.fixture
def scene(lab: Lab) -> Scene:
    """Two real hosts and a program to move guests between them."""
    return Scene(lab)
