"""A look at files of this machine, with the programs of one kind of host or another."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from backends.probes.crashes import script
from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.crashes.script import Round
from backends.probes.crashes.wanted import LogsWanted
from backends.probes.survey.asking import Questions
from backends.remote.local import LocalShell
from backends.remote.shell import COMMAND_DEADLINE_S, Answer

HOSTS = ("dash", "bash", "busybox")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.geteuid() == 0 else ()
DAY_S = 86400.0


class HostLike(LocalShell):
    """This machine, as a host on which `sh` is another shell; with `busybox` all of its programs are."""

    def __init__(self, kind: str, folder: Path, before: Sequence[str] = ()) -> None:
        super().__init__()
        self._before = tuple(before)
        self._sh: tuple[str, ...] = {"dash": ("dash",), "bash": ("bash", "--posix")}.get(kind, ("sh",))
        self.answer_bytes = 0
        if kind == "busybox":
            applets = folder / "applets"
            applets.mkdir()
            subprocess.run((which("busybox"), "--install", "-s", applets), check=True)
            self._before = (*self._before, "env", f"PATH={applets}")

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """With this host's shell."""
        at = list(argv).index("sh")
        words = (*self._before, *argv[:at], *self._sh, *argv[at + 1 :])
        answer = await super().run(words, stdin=stdin, deadline_s=deadline_s)
        self.answer_bytes = len(answer.out.encode())
        return answer


def which(name: str) -> str:
    found = shutil.which(name)
    assert found, f"no {name} here"
    return found


def look(
    shell: LocalShell,
    *logs: LogsWanted,
    files: tuple[str, ...] = (),
    since_s: float | None = None,
    consoles: Sequence[str] = (),
    questions: Questions | None = None,
) -> Looked:
    asked = Round(questions or Questions(), logs, files)
    since_s = time.time() - DAY_S if since_s is None else since_s
    return asyncio.run(script.look_for(asked, shell, since_s=since_s, consoles=consoles))


def log_of(looked: Looked, path: Path) -> LogEnd:
    (log,) = [each for each in looked.logs if each.path == str(path)]
    return log
