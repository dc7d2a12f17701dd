"""Lives of guests in their own logs: libvirt writes there how QEMU is started and ended, and QEMU what it has to say.

libvirt: src/qemu/qemu_process.c (`starting up`, `shutting down, reason=`), qemu_domain.c (`panic`). Pure.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from backends.probes.crashes import console
from backends.probes.crashes.log_time import STAMP, seconds
from backends.probes.crashes.looked import LogEnd, Looked

FOLDER = "/var/log/libvirt/qemu"
_MOST_LINES = 10
"""Of one life: its last ones."""
_MOST_AFTER = 5
_MOST_OF_KVM = 5
"""Registers follow."""
KVM_FAILED = r"KVM internal error\. Suberror|KVM: entry failed|error: kvm run failed"
"""accel/kvm/kvm-all.c: the guest stands still from then on, and its process stays."""
_KVM_FAILED = re.compile(KVM_FAILED)
_LOG_NAME = re.compile(r"(?P<guest>.+?)\.log(?:[.-]\d+)*(?:\.(?:gz|xz|bz2|zst))?", re.DOTALL)
_STARTING = re.compile(rf"(?P<at>{STAMP}): starting up\b")
_ENDING = re.compile(rf"(?P<at>{STAMP}): shutting down(?:, reason=(?P<reason>[a-z][a-z -]*))?")
_PANIC = re.compile(rf"(?P<at>{STAMP}): panic [a-z0-9-]+:")
_UUID = re.compile(r"-uuid (?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_COMMAND = re.compile(r"-[a-z]|[A-Z][A-Z_]*=|/\S+ \\$|/usr/\S+ -|.* \\$")
"""Lines of how QEMU was started, one for each option since libvirt 5.7, all in one before."""
_INCOMING = re.compile(r"-incoming \S")
_BY_LIBVIRT = re.compile(r"terminating on signal 15 from pid \d+ \(\S*(?:libvirtd|virtqemud)\)")
_NOT_LOADED = re.compile(
    r"load of migration failed|[Ee]rror while loading state|Unknown savevm section|Not a migration stream|"
    r"Error -?\d+ while loading VM state"
)
"""QEMU's migration/savevm.c and migration/migration.c."""
_SAID = re.compile(rf"(?P<at>{STAMP}) ")


@dataclass(slots=True)
class Run:
    """From one start of QEMU to the next. Texts are NOT yet safe to show."""

    guest: str
    log: LogEnd
    began: bool = False
    """Its start was seen."""
    incoming: bool = False
    """It was started for a guest that comes from another host, or out of a saved state."""
    uuid: str = ""
    ended: bool = False
    reason: str = ""
    """virDomainShutoffReason: `crashed`, `failed`, `destroyed`, ...; empty before libvirt 3.3, and while it runs."""
    ended_s: float | None = None
    panic_s: float | None = None
    """A panic device has told, with words of its own."""
    ended_by_libvirt: bool = False
    """libvirt has ended its process."""
    not_loaded: bool = False
    """QEMU could not take the state over."""
    said_s: float | None = None
    """When QEMU said its newest line."""
    lines: deque[tuple[int | None, str]] = field(default_factory=lambda: deque(maxlen=_MOST_LINES))
    """The last ones up to its end, without the command line."""
    kvm: list[tuple[int | None, str]] = field(default_factory=list)
    """KVM could not go on with the guest: the first words of it."""
    after: list[str] = field(default_factory=list)
    """What was written after it had ended: by QEMU, which had still something to say."""


def runs(looked: Looked) -> Iterator[Run]:
    """Of all guests whose logs were looked at, oldest first in each log.

    Consoles are often put beside them: what a guest writes there is no word of libvirt's, whatever it looks like.
    """
    for log in looked.logs_like(f"{FOLDER}/*"):
        if log.is_console or console.guest_of(log.path) != ("", ""):
            continue
        if named := _LOG_NAME.fullmatch(PurePosixPath(log.path).name):
            yield from _of_log(log, named["guest"])


def _of_log(log: LogEnd, guest: str) -> Iterator[Run]:
    run = Run(guest, log)
    for offset, line in log.lines():
        if _STARTING.match(line):
            yield run
            run = Run(guest, log, began=True)
        elif run.ended and _ENDING.match(
            line
        ):  # the start of this one failed before libvirt said that it starts
            yield run
            run = Run(guest, log)
        _read(run, offset, line)
    yield run


def _read(run: Run, offset: int | None, line: str) -> None:
    if _COMMAND.match(line):
        if uuid := _UUID.search(line):
            run.uuid = uuid["uuid"]
        run.incoming = run.incoming or _INCOMING.search(line) is not None
        return
    if ending := _ENDING.match(line):
        run.ended, run.reason, run.ended_s = True, (ending["reason"] or "").strip(), seconds(ending["at"])
    elif panic := _PANIC.match(line):
        run.panic_s = seconds(panic["at"])
    elif said := _SAID.match(line):
        run.said_s = seconds(said["at"])
    run.ended_by_libvirt = run.ended_by_libvirt or _BY_LIBVIRT.search(line) is not None
    run.not_loaded = run.not_loaded or _NOT_LOADED.search(line) is not None
    if not line.strip():
        return
    if _KVM_FAILED.search(line) or 0 < len(run.kvm) < _MOST_OF_KVM:
        run.kvm += [(offset, line)] if len(run.kvm) < _MOST_OF_KVM else []
    if run.ended and not ending:
        run.after += [line] if len(run.after) < _MOST_AFTER else []
    else:
        run.lines.append((offset, line))
