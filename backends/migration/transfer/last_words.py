"""What the destination's QEMU said before it ended. libvirt's own error is often only that the connection broke."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from backends.errors import FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.namesakes import read_name
from backends.model.guest import GuestKey
from backends.probes.markers import IN_ENGLISH
from backends.untrusted import clean

LOG_FOLDER = "/var/log/libvirt/qemu"
"""libvirt's own, of the system's daemon (libvirt's docs/kbase/debuglogs.rst); a file for each guest's name."""
TAIL_BYTES = 16_384
READ_DEADLINE_S = 2.0
"""The words are nice to have: they must not hold up the question where the guest is."""
MOST_LINES = 3
"""The last line is often only what followed from the one before."""
MAX_SKEW = timedelta(seconds=60)
"""The host's clock and ours may differ so much (the preflight warns of more)."""
_STARTED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+\+0000: starting up")
_WORDS = re.compile(r"^(?:[\dT:.-]+Z )?qemu[\w-]*: (?!warning: |terminating on signal )(.+)$")


async def read(destination: Supervisor, source: Supervisor, guest: GuestKey, *, since: datetime) -> str:
    """The last complaint of the QEMU that was started there for this move; empty where nothing is known."""
    try:
        shell = destination.current().shell
        if shell is None:
            return ""
        name = await read_name(source.current().connection(guest.driver), guest.uuid)
        path = f"{LOG_FOLDER}/{name}.log"
        answer = await shell.run(
            (*IN_ENGLISH, "tail", "-c", str(TAIL_BYTES), "--", path), deadline_s=READ_DEADLINE_S
        )
    except FerryError:
        return ""
    return complaint(answer.out, since=since) if answer.status == 0 else ""


def complaint(log: str, *, since: datetime) -> str:
    """From the end of a guest's log: the last that was said after the newest start, if that was for this move. Pure.

    libvirt's line: `2026-01-31 12:00:00.123+0000: starting up libvirt version: ...`; QEMU's, with -msg timestamp=on:
    `2026-01-31T12:00:01.123456Z qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory`.
    """
    found: list[str] = []
    is_ours = False
    for line in log.splitlines():
        if start := _STARTED.match(line):
            at = datetime.strptime(start[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            is_ours, found = at >= since - MAX_SKEW, []
        elif is_ours and (words := _WORDS.match(line)):
            found.append(words[1])
    return clean("; ".join(found[-MOST_LINES:]), limit=300)
