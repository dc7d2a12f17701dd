"""Where the CHAP secret of a login comes from: never from an argument."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from tui.headless.exits import UsageError
from tui.headless.questions import ask_terminal

_MOST_SECRET_BYTES = 4096


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ChapOptions:
    """How to log in. A secret is never an argument: those can be read by everybody on this machine."""

    user: str = ""
    """The CHAP user; without one nobody is asked for a secret."""
    secret_env: Annotated[str, Parameter(show_default=False)] = ""
    """Take the secret from this environment variable."""
    secret_fd: Annotated[int | None, Parameter(show_default=False)] = None
    """Read the secret from this file descriptor, to its end."""


async def read_secret(chap: ChapOptions) -> str:
    """From where the options say, else from the terminal. Raises UsageError where there is none."""
    if not chap.user:
        if chap.secret_env or chap.secret_fd is not None:
            raise UsageError("a secret without a user", "--user NAME says whose it is")
        return ""
    if chap.secret_env and chap.secret_fd is not None:
        raise UsageError("a secret from two places", "either --secret-env or --secret-fd")
    if chap.secret_env:
        secret = os.environ.get(chap.secret_env, "")
        where = f"the environment variable {chap.secret_env}"
    elif chap.secret_fd is not None:
        secret = _from_descriptor(chap.secret_fd)
        where = f"the file descriptor {chap.secret_fd}"
    else:
        asked = await ask_terminal(f"CHAP secret of {chap.user} (not shown): ", secret=True)
        if asked is None:
            raise UsageError(
                "there is no terminal to type the secret on", "--secret-env VARIABLE or --secret-fd NUMBER"
            )
        secret, where = asked, "what was typed"
    if not secret:
        raise UsageError(f"no secret in {where}")
    return secret


def _from_descriptor(number: int) -> str:
    try:
        with os.fdopen(number, "rb", closefd=number > 2) as file:
            return file.read(_MOST_SECRET_BYTES).decode().rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the secret from file descriptor {number}: {error}") from error
