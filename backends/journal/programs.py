"""Which programs that wrote into the journal still run.

Each holds an flock(2) on a file of its own for as long as it lives. The kernel lets go of it however the program ends,
kill -9 included, and a process id that is used again means nothing here.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import socket
from pathlib import Path

from backends.untrusted import clean

_SUFFIX = ".lock"


def this_program() -> str:
    """Who acts, for people: `root@bastion, process 4711`; `alice as root@bastion, ...` when sudo(8) says so."""
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = f"user {os.geteuid()}"
    person = os.environ.get("SUDO_USER", "")
    by = f"{clean(person, limit=64)} as " if person and person != user else ""
    return f"{by}{user}@{socket.gethostname()}, process {os.getpid()}"


class Programs:
    """The lock files in one folder. Blocks: not for the event loop's thread. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ours = secrets.token_hex(8)
        """By which the others know this program."""
        self._lock = -1

    def enter(self) -> None:
        """Live from now on, and remove the files of programs that were killed."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for file in self._folder.glob(f"*{_SUFFIX}"):
            self._remove_if_dead(file)
        self._lock = _locked_file(self._path(self.ours))

    def leave(self) -> None:
        """The end of a program that had the time for it."""
        if self._lock >= 0:
            self._path(self.ours).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    def alive(self, program: str) -> bool:
        """Does it still run? A shared lock is tried, so that two who ask at once do not take each other for it."""
        try:
            file = os.open(self._path(program), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(file)

    def _remove_if_dead(self, path: Path) -> None:
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            return
        finally:
            os.close(file)

    def _path(self, program: str) -> Path:
        return self._folder / f"{program}{_SUFFIX}"


def _locked_file(path: Path) -> int:
    """The descriptor of a new file that we hold. One that another program removed before it was ours is made again."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return file
        os.close(file)
