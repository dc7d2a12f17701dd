"""Does a folder hold the same files on both hosts? A marker is written through one and read through the other.

The hosts' tools are asked to speak in the C locale, so that their words for "not there" are known (strerror(3)).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from backends.errors import FerryError
from backends.remote.shell import Answer, Shell
from backends.untrusted import clean

READ_ATTEMPTS = 3
READ_PAUSE_S = 0.7
"""A network file system may need a moment to show a new name; a refusal must be certain."""
IN_ENGLISH = ("env", "LC_ALL=C")
_NOT_THERE = ("No such file or directory", "Not a directory")
"""ENOENT and ENOTDIR: the only errors that say for certain that there is no such file."""


class Sharing(Enum):
    """What the marker told about one folder."""

    PROVED = "proved"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """The marker could not be written, or not be looked for: nothing is known."""


@dataclass(frozen=True, slots=True)
class End:
    """One of the two hosts."""

    host: str
    shell: Shell | None
    """None where the host is reached by libvirt alone."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The answer, with the words for the user."""

    sharing: Sharing
    evidence: str


@dataclass(frozen=True, slots=True)
class RealPath:
    """Where a path leads on one host once links are followed."""

    path: str
    trouble: str = ""
    """Why the host could not follow it; `path` is then as it was asked for."""

    @property
    def folder(self) -> str:
        """The folder that holds the file itself."""
        return str(PurePosixPath(self.path).parent)

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.path).name


async def real_path(end: End, path: str) -> RealPath:
    """Follow links on the host (readlink(1), -f: the last part need not exist).

    A folder that is not there is no trouble: the marker will not be there either.
    """
    if end.shell is None:
        return RealPath(path, "no shell")
    try:
        answer = await end.shell.run((*IN_ENGLISH, "readlink", "-fv", "--", path))
    except FerryError as error:
        return RealPath(path, error.cause)
    found = answer.out.removesuffix("\n")
    if answer.status == 0 and found.startswith("/"):
        return RealPath(found)
    return RealPath(path, "" if is_not_there(answer) else reason(answer))


async def prove(source: End, destination: End, folder: str, folder_there: str) -> Proof:
    """Write into `folder` of the source, read from `folder_there` of the destination, and remove it again."""
    writer, reader = source.shell, destination.shell
    if writer is None or reader is None:
        host = source.host if writer is None else destination.host
        return Proof(Sharing.UNKNOWN, f"{host} is reached by libvirt alone, without files")
    name, secret = f".virt-ferry-{secrets.token_hex(8)}", secrets.token_hex(16)
    marker = f"{folder.rstrip('/')}/{name}"
    try:
        written = await writer.run((*IN_ENGLISH, "tee", "--", marker), stdin=secret.encode())
        if written.status != 0:
            return Proof(Sharing.UNKNOWN, f"{source.host}: {reason(written)}")
        seen, words = await _read(reader, f"{folder_there.rstrip('/')}/{name}", secret)
    except FerryError as error:
        return Proof(Sharing.UNKNOWN, str(error))
    finally:
        await _remove(writer, marker)
    match seen:
        case Sharing.PROVED:
            return Proof(seen, f"a marker in {clean(folder)} was read through both hosts")
        case Sharing.DIFFERENT:
            there = "it" if folder == folder_there else f"its {clean(folder_there)}"
            return Proof(
                seen,
                f"{destination.host} does not see in {there} what {source.host} writes into {clean(folder)}",
            )
        case Sharing.UNKNOWN:
            return Proof(seen, f"{destination.host}: {words}")


async def _read(shell: Shell, marker: str, secret: str) -> tuple[Sharing, str]:
    """What the newest of several attempts says, and the reason where nothing is known."""
    answer = await shell.run((*IN_ENGLISH, "cat", "--", marker))
    for _ in range(READ_ATTEMPTS - 1):
        if answer.status == 0 and answer.out == secret:
            break
        await asyncio.sleep(READ_PAUSE_S)
        answer = await shell.run((*IN_ENGLISH, "cat", "--", marker))
    return judge(answer, secret), reason(answer)


def judge(answer: Answer, secret: str) -> Sharing:
    """What `cat` of the marker tells. Pure. Only a file that is certainly not there, or another one, is a no."""
    if answer.status == 0:
        return Sharing.PROVED if answer.out == secret else Sharing.DIFFERENT
    return Sharing.DIFFERENT if is_not_there(answer) else Sharing.UNKNOWN


def is_not_there(answer: Answer) -> bool:
    """Does a tool say for certain that there is no such file? Pure.

    Status 1 is the tool's own: env(1) answers 127 for a tool that is not there, in the same words.
    """
    return answer.status == 1 and answer.err.rstrip().endswith(_NOT_THERE)


def reason(answer: Answer) -> str:
    """Why a command failed, safe to show."""
    words = " ".join(answer.err.split())
    return clean(words, limit=300) or f"no answer but status {answer.status}"


async def _remove(shell: Shell, marker: str) -> None:
    try:
        await shell.run(("rm", "-f", "--", marker))
    except FerryError:
        return  # the host is gone; a marker of 32 bytes with our name stays behind
