"""Other programs with the journal open, as the tests of the journal start and hear them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.model.host import HostName

FILE = "journal.sqlite"
HOSTS = (HostName("h1"), HostName("h2"))


@contextmanager
def another_program(folder: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    """See tests.journal_child; killed with the block."""
    command = [sys.executable, "-m", "tests.journal_child", str(folder), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def heard(child: subprocess.Popen[str]) -> str:
    """Its next word."""
    assert child.stdout is not None
    return child.stdout.readline().strip()
