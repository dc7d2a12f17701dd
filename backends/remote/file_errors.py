"""What is said when a file of a host cannot be read. Pure."""

from __future__ import annotations

import stat

from backends.errors import ActionError, CommandError
from backends.untrusted import clean

_PATH_CELLS = 512


def shown(path: str) -> str:
    """The path, safe to show."""
    return clean(path, limit=_PATH_CELLS)


def path_bytes(path: str, host: str, *, errors: str = "surrogateescape") -> bytes:
    """The path as the system has it. Raises ActionError for what no file can be called.

    `errors`: "strict" where it has to be a word of a command, which is text.
    """
    try:
        name = path.encode("utf-8", errors)
    except UnicodeEncodeError:
        name = b""
    if not name or b"\0" in name:
        raise ActionError(f"no file can be called so: {shown(path)}", host=host, operation="open a file")
    return name


def denied(path: str, host: str) -> ActionError:
    """This account may not read it."""
    words = shown(path)
    return ActionError(
        f"permission denied: {words}",
        host=host,
        operation="read a file",
        hint=f"log in as root, or give this account leave to read it and to enter its folders, as root there: "
        f"setfacl -m u:ACCOUNT:r {words}",
    )


def missing(path: str, host: str) -> ActionError:
    """It is not there."""
    return ActionError(
        f"no such file: {shown(path)}",
        host=host,
        operation="read a file",
        hint="it was removed or renamed meanwhile: look at the host anew",
    )


def refused(words: str, path: str, host: str) -> ActionError:
    """From the system's words for it (strerror(3), in English)."""
    if "Permission denied" in words or "not permitted" in words:
        return denied(path, host)
    if "No such file" in words or "Not a directory" in words:
        return missing(path, host)
    said = clean(" ".join(words.split()), limit=300) or "no reason given"
    return CommandError(f"{shown(path)}: {said}", host=host, operation="read a file")


def must_be_regular(mode: int | None, path: str, host: str) -> None:
    """Raises ActionError for a folder, and for what could be read for ever, or would wait for a writer."""
    if mode is not None and stat.S_IFMT(mode) and not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise ActionError(f"{shown(path)} is {kind}", host=host, operation="open a file")
