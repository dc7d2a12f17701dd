"""Run a command to its end, with a deadline."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from backends.lab.errors import LabError

POLL_S = 0.01


def run(
    argv: Sequence[str],
    *,
    timeout_s: float = 10,
    stdin: str = "",
    check: bool = True,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    keep_open: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `argv` and return its output.

    The command inherits the file descriptors in `keep_open`, so a lock held there outlives us while it runs.

    Raises:
        LabError: the command is missing, took longer than `timeout_s`, or (with `check`) failed.
    """
    shown = " ".join(argv)
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, errors="replace",
            timeout=timeout_s, check=False, cwd=cwd, env=env, pass_fds=keep_open,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed", hint="Run ./dev setup as root.") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no answer within {timeout_s:g} s: {shown}") from error
    if check and done.returncode != 0:
        raise LabError(f"{shown}: {done.stderr.strip() or done.stdout.strip() or f'exit {done.returncode}'}")
    return done


def wait_until(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Return as soon as `condition` holds.

    Raises:
        LabError: it did not hold within `timeout_s`; the message ends in `what`.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(POLL_S)
