"""One core dump, whoever tells of it. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes import formats, host_processes
from backends.probes.crashes.kernel_text import LINE_LIMIT
from backends.probes.crashes.looked import FileSeen
from backends.probes.crashes.sighting import Sighting
from backends.probes.survey.memory import size
from backends.untrusted import clean

NEAR_S = 5.0
"""What several tell of one core."""
_PATH_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Core:
    """Texts are as the host has them, NOT yet safe to show."""

    place: str
    comm: str = ""
    executable: str = ""
    pid: int | None = None
    at_s: float | None = None
    exact: bool = True
    signal: str = ""
    """`SIGSEGV`, or its number."""
    command_line: str = ""
    cgroup: str = ""
    path: str = ""
    """Of the core itself; empty where there is none."""
    lines: tuple[str, ...] = ()
    trouble: str = ""
    """Safe to show."""
    mend: str = ""

    @property
    def kind(self) -> CrashKind | None:
        """None: of a process that does not matter here."""
        return host_processes.kind_of(self.comm, self.executable)

    @property
    def name(self) -> str:
        """Of the process."""
        return self.executable.rpartition("/")[2] or self.comm


def signal_name(number: str) -> str:
    """`SIGSEGV` of `11`; what is no signal's number stays."""
    if number.isascii() and number.isdigit() and len(number) < 4 and int(number) in list(signal.Signals):
        return signal.Signals(int(number)).name
    return number


def joined(cores: Iterable[Core]) -> list[Core]:
    """Of several that are one the first, with what the others know beside it."""
    found: list[Core] = []
    for core in cores:
        for index, known in enumerate(found):
            if _are_one(known, core):
                found[index] = _with(known, core)
                break
        else:
            found.append(core)
    return found


def sighting(core: Core, files: dict[str, FileSeen]) -> Iterator[Sighting]:
    """None for a process that does not matter."""
    kind = core.kind
    if kind is None:
        return
    name, uuid = host_processes.guest_in(core.command_line)
    is_guest = kind is CrashKind.ENDED
    file = files.get(core.path)
    evidence = Evidence(
        source=Source.CORE_DUMP,
        place=clean(core.path or core.place, limit=_PATH_LIMIT),
        lines=tuple(clean(line.expandtabs(8), limit=LINE_LIMIT) for line in _lines(core, file)),
        path=core.path if file else "",
        size_bytes=file.size_bytes if file else None,
        is_text=False,
        trouble=core.trouble or _trouble(core, file),
        mend=core.mend or _mend(file),
    )
    yield Sighting(
        kind,
        evidence,
        core.at_s,
        core.exact,
        guest=(name or host_processes.guest_of_cgroup(core.cgroup)) if is_guest else "",
        uuid=uuid if is_guest else "",
        pid=core.pid,
        process="" if is_guest else core.name,
    )


def _lines(core: Core, file: FileSeen | None) -> Iterator[str]:
    who = core.name + (f" ({core.pid})" if core.pid else "")
    yield f"{who} dumped core" + (f": {core.signal}" if core.signal else "")
    yield from core.lines
    if file is not None:
        form = formats.recognise(file)
        kind = f": {form.words}" if form.words else ""
        yield f"core of {size(file.size_bytes)}{kind}"


def _trouble(core: Core, file: FileSeen | None) -> str:
    if file is not None:
        return formats.recognise(file).trouble
    return "the core itself is not there any more" if core.path else ""


def _mend(file: FileSeen | None) -> str:
    if file is None or file.readable:
        return ""
    return f"log in as root, or give this account leave to read {clean(file.path, limit=_PATH_LIMIT)}"


def _are_one(one: Core, other: Core) -> bool:
    if one.path and other.path and one.path == other.path:
        return True
    if one.pid is None or one.pid != other.pid:
        return False
    return one.at_s is None or other.at_s is None or abs(one.at_s - other.at_s) <= NEAR_S


def _with(known: Core, core: Core) -> Core:
    return replace(
        known,
        comm=known.comm or core.comm,
        executable=known.executable or core.executable,
        at_s=core.at_s if known.at_s is None else known.at_s,
        signal=known.signal or core.signal,
        command_line=known.command_line or core.command_line,
        cgroup=known.cgroup or core.cgroup,
        path=known.path or core.path,
        lines=known.lines or core.lines,
        trouble=known.trouble or core.trouble,
    )


_TRACE = re.compile(r"\s*#\d{1,3} +0x")


def trace_of(text: str, most: int = 8) -> tuple[str, ...]:
    """The first lines of the first stack trace in what systemd-coredump says."""
    found: list[str] = []
    for line in text.split("\n"):
        if line.strip().startswith("Stack trace of thread"):
            if found:
                break
            found.append(line.strip())
        elif found and _TRACE.match(line) and len(found) <= most:
            found.append(line.strip())
    return tuple(found)
