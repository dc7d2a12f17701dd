"""Notices on a host itself that its logs have grown, or that its journal tells of what guests depend on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from importlib import resources

from backends.errors import FerryError, LinkError
from backends.probes.crashes.parsers import PARSERS
from backends.probes.crashes.wanted import Wanted
from backends.remote.shell import Shell

STALL_S = 30.0
"""It says something every 15 s at least (stirs.sh): a host that is silent for so long is gone."""
END_S = 2.0
_PIECE = 4096
_BEAT = b"."
_PACKED = (".gz", ".xz", ".bz2", ".zst", ".[0-9]")
"""Nobody writes into these."""
_BUSY = ("/var/log/messages", "/var/log/syslog", "/var/log/daemon.log", "/run/libvirt/")
"""All of a host's programs write into these, and what our own logging in leaves there too; and what libvirt writes down
of each guest's state it tells by its events."""
JOURNAL = (
    "--priority=err",
    *(
        f"SYSLOG_IDENTIFIER={name}"
        for name in (
            "kernel",
            "libvirtd",
            "virtqemud",
            "virtxend",
            "virtlxcd",
            "virtlockd",
            "virtlogd",
            "systemd-coredump",
        )
    ),
)
"""journalctl(1): several matches of one field are alternatives."""


async def stirs(shell: Shell) -> AsyncGenerator[None, None]:
    """One at the beginning and one whenever something may have happened there, as long as it is listened to.

    To be closed (contextlib.aclosing). Raises FerryError when the host, or the way to it, is gone.
    """
    text = resources.files(__package__).joinpath("stirs.sh").read_text()
    patterns = watched(each.WANTED for each in PARSERS)
    argv = ("env", "LC_ALL=C", "sh", "-c", text, "sh", " ".join(patterns), *JOURNAL)
    async with shell.open_follower(argv, stall_s=STALL_S) as stream:
        try:
            while piece := await stream.read(_PIECE):
                if any(line and line != _BEAT for line in piece.split(b"\n")):
                    yield
            answer = await stream.wait()
        finally:  # it ends what it has started when its input ends, and is given the time
            stream.write_eof()
            with suppress(FerryError):
                await stream.wait(deadline_s=END_S)
    raise LinkError(f"its watcher ended with status {answer.status}", operation="follow the logs")


def watched(wanted: Iterable[Wanted]) -> tuple[str, ...]:
    """What the watcher looks at: the files that grow, and those that appear. Pure."""
    patterns = (
        pattern
        for each in wanted
        for pattern in (*(log for logs in each.logs for log in logs.patterns), *each.files)
    )
    return tuple(
        dict.fromkeys(
            pattern for pattern in patterns if not pattern.endswith(_PACKED) and not pattern.startswith(_BUSY)
        )
    )
