"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.lab_fixture"]

settings.register_profile("busy", deadline=None, max_examples=50)
settings.load_profile("busy")
"""On a busy machine an example may have to wait for its turn: how long one takes is no property of the code. Each run
takes other examples, so that fewer in each find as much."""


@pytest.fixture(autouse=True)
def journal_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Each test, and each program that it starts, has a journal of its own and never the user's."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder / "virt-ferry"
