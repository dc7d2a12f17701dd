"""One writer at a time, and no half-started process that the next writer could miss.

The lock is an flock, which belongs to the open file and not to a process: every command started while it
is held inherits it. If the lab's owner is killed, whoever takes the lock next waits until those commands
ended too (or sit in the lab's cgroups, where `down` finds them).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.lab.errors import LabError
from backends.lab.process import POLL_S


@contextmanager
def exclusive(path: Path, *, timeout_s: float = 60) -> Iterator[int]:
    """Hold the lock file at `path`; yields its file descriptor.

    Raises:
        LabError: another command held the lock for longer than `timeout_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise LabError(
                        f"another command has held the lab for {timeout_s:g} s",
                        hint=f"See who has {path} open.",
                    ) from error
                time.sleep(POLL_S)
        yield descriptor
    finally:
        os.close(descriptor)
