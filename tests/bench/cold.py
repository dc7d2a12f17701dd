"""Make a start cold: drop from the page cache what a start reads."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_PROJECT = Path(__file__).parents[2]


def drop_from_cache() -> int:
    """Ask the kernel to forget the files of Python, of the packages and of the program; how many there were.

    Only clean pages that no process has mapped are dropped (posix_fadvise(2), POSIX_FADV_DONTNEED), so shared
    libraries that other programs use stay: it is as cold as it gets without disturbing the whole machine.
    """
    count = 0
    for file in _files():
        try:
            descriptor = os.open(file, os.O_RDONLY)
        except OSError:  # a dangling link, or gone meanwhile
            continue
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
        count += 1
    return count


def _files() -> Iterator[Path]:
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), sysconfig.get_path("stdlib")}
    for folder in (*map(Path, sorted(folders)), _PROJECT / "tui", _PROJECT / "backends"):
        for path in folder.rglob("*"):
            if path.suffix in (".py", ".pyc", ".so", ".tcss", ".toml") and path.is_file():
                yield path
    yield Path(sys.executable).resolve()
