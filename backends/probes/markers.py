"""Does a folder hold the same files on several hosts? A marker is written through one and read through the others.

The hosts' tools are asked to speak in the C locale, so that their words for "not there" are known (strerror(3)).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from backends.errors import FerryError
from backends.model.storage import Sharing
from backends.probes.storage import trial_locks
from backends.remote.shell import Answer, Shell
from backends.untrusted import clean

READ_ATTEMPTS = 3
READ_PAUSE_S = 0.7
"""A network file system may need a moment to show a new name; a refusal must be certain."""
READER_DEADLINE_S = 12.0
"""For one host with all of its attempts; and once more for trying a lock."""
IN_ENGLISH = ("env", "LC_ALL=C")
_NOT_THERE = ("No such file or directory", "Not a directory")
"""ENOENT and ENOTDIR: the only errors that say for certain that there is no such file."""


@dataclass(frozen=True, slots=True)
class End:
    """One of the hosts."""

    host: str
    shell: Shell | None
    """None where the host is reached by libvirt alone."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The answer, with the words for the user. PROVED, DIFFERENT, or UNKNOWN: the marker could not be written, or not
    be looked for."""

    sharing: Sharing
    evidence: str
    locks: bool | None = None
    """Does a lock that is taken through the writer hold for the reader? None: not tried, or not known."""


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
    return (await prove_all(source, folder, [(destination, folder_there)]))[0]


async def prove_all(
    writer: End, folder: str, readers: Sequence[tuple[End, str]], *, with_locks: bool = False
) -> tuple[Proof, ...]:
    """One marker in `folder` of the writer, looked for by all others at once, each in a folder of its own.

    The marker is removed whatever happens. One reader that is slow or silent holds up no other.
    """
    if writer.shell is None:
        return (_without_files(writer),) * len(readers)
    name, secret = f".virt-ferry-{secrets.token_hex(8)}", secrets.token_hex(16)
    marker = f"{folder.rstrip('/')}/{name}"
    try:
        written = await writer.shell.run((*IN_ENGLISH, "tee", "--", marker), stdin=secret.encode())
        if written.status != 0:
            return (Proof(Sharing.UNKNOWN, f"{writer.host}: {reason(written)}"),) * len(readers)
        paths = [(end, f"{there.rstrip('/')}/{name}") for end, there in readers]
        proofs = await asyncio.gather(
            *(_looked_for(end, path, secret, writer, folder) for end, path in paths)
        )
        return await _locked(writer.shell, marker, paths, proofs) if with_locks else tuple(proofs)
    except FerryError as error:
        return (Proof(Sharing.UNKNOWN, str(error)),) * len(readers)
    finally:
        await _removed(writer.shell, marker)


async def _looked_for(end: End, path: str, secret: str, writer: End, folder: str) -> Proof:
    """What one reader has found."""
    if end.shell is None:
        return _without_files(end)
    try:
        async with asyncio.timeout(READER_DEADLINE_S):
            seen, words = await _read(end.shell, path, secret)
    except FerryError as error:
        return Proof(Sharing.UNKNOWN, str(error))
    except TimeoutError:
        return Proof(Sharing.UNKNOWN, f"{end.host}: no answer within {READER_DEADLINE_S:g} s")
    if seen is Sharing.PROVED:
        return Proof(seen, f"a marker in {clean(folder, limit=1024)} was read through both hosts")
    if seen is Sharing.UNKNOWN:
        return Proof(seen, f"{end.host}: {words}")
    there = str(PurePosixPath(path).parent)
    which = "it" if there == str(PurePosixPath(folder)) else f"its {clean(there, limit=1024)}"
    return Proof(
        seen, f"{end.host} does not see in {which} what {writer.host} writes into {clean(folder, limit=1024)}"
    )


def _without_files(end: End) -> Proof:
    return Proof(Sharing.UNKNOWN, f"{end.host} is reached by libvirt alone, without files")


async def _locked(
    writer: Shell, marker: str, paths: Sequence[tuple[End, str]], proofs: Sequence[Proof]
) -> tuple[Proof, ...]:
    """Those that see the marker also try whether they can lock it while the writer does."""
    trying = {
        number: (end.shell, path)
        for number, ((end, path), proof) in enumerate(zip(paths, proofs, strict=True))
        if end.shell is not None and proof.sharing is Sharing.PROVED
    }
    found = await trial_locks.hold_and_try(writer, marker, list(trying.values()), READER_DEADLINE_S)
    locked = list(proofs)
    for number, trial in zip(trying, found, strict=True):
        proof = proofs[number]
        locked[number] = replace(proof, locks=trial.holds, evidence=f"{proof.evidence}; {trial.words}")
    return tuple(locked)


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


async def _removed(shell: Shell, marker: str) -> None:
    """Seen through also by a caller that is cancelled, once more too: a marker must not stay behind."""
    removal = asyncio.ensure_future(_remove(shell, marker))
    try:
        await asyncio.shield(removal)
    except asyncio.CancelledError:
        await removal
        raise


async def _remove(shell: Shell, marker: str) -> None:
    try:
        await shell.run(("rm", "-f", "--", marker))
    except FerryError:
        return  # the host is gone; a marker of 32 bytes with our name stays behind
