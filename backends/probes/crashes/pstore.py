"""What a host's kernel has left of its end in memory that outlives it: EFI variables, ERST, RAM (pstore).

As the kernel shows it (/sys/fs/pstore, ABI/testing/pstore), and as systemd-pstore puts it away at the next start
(systemd-pstore.service(8)). The newest piece of a message is Part1: a kernel writes its end first (kmsg_dump). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes import kernel_text
from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import LogsWanted, Wanted
from backends.untrusted import clean

LIVE, KEPT = "/sys/fs/pstore", "/var/lib/systemd/pstore"
LOGS = LogsWanted(
    (
        *(f"{LIVE}/{name}-*" for name in ("dmesg", "console")),
        *(f"{KEPT}/{name}-*" for name in ("dmesg", "console")),
        *(f"{KEPT}/*/{name}" for name in ("dmesg*", "*/dmesg*", "console-*")),
    ),
    end_bytes=64 * 1024,
)
WANTED = Wanted(logs=(LOGS,), only_whole=True)

_RECORD = re.compile(r"(dmesg|console)-([\w-]+?)-(\d{1,20})(\.enc\.z)?")
_HEAD = re.compile(
    r"(Panic|Oops|Emergency|Reboot|Restart|Halt|Poweroff|Shutdown|Unknown)#(\d{1,6}) Part(\d{1,4})\n?"
)
_JOINED_HEAD = re.compile(r"dmesg-[\w-]+-\d{1,20}:")
_NEAR_S = 60
"""Between the pieces of one message."""
_EFI_STEP = 100 * 1000
"""A record's number is (seconds * 100 + part) * 1000 + count (generic_id of drivers/firmware/efi/efi-pstore.c)."""
_AFTER_1990_S, _BEFORE_2100_S = 631_152_000, 4_102_444_800


@dataclass(frozen=True, slots=True)
class Piece:
    """One file."""

    log: LogEnd
    backend: str
    reason: str
    """`Panic`; empty where its head is not there."""
    count: int
    part: int
    at_s: float
    exact: bool
    text: str
    is_packed: bool = False

    @property
    def folder(self) -> str:
        """Of the file."""
        return self.log.path.rpartition("/")[0]


def sightings(looked: Looked) -> Iterator[Sighting]:
    """Each end once: what systemd has put together is not told in pieces again. Pure."""
    logs = [log for log in looked.logs if log.path.startswith((f"{LIVE}/", f"{KEPT}/"))]
    whole = [log for log in logs if log.path.endswith("/dmesg.txt")]
    done = {log.path.rpartition("/")[0] for log in whole}
    pieces = [piece for log in logs if (piece := _piece(log)) and piece.folder not in done]
    told = [*(_of_whole(log, logs) for log in whole), *(_of_group(group) for group in _groups(pieces))]
    yield from _once(sighting for sighting in told if sighting)


def _once(sightings_: Iterable[Sighting]) -> Iterator[Sighting]:
    """One may still be shown by the kernel after systemd has copied it."""
    seen: list[Sighting] = []
    for each in sightings_:
        if not any(each.evidence.lines and each.evidence.lines == other.evidence.lines for other in seen):
            seen.append(each)
    yield from seen


def _piece(log: LogEnd) -> Piece | None:
    match = _RECORD.fullmatch(log.path.rpartition("/")[2])
    if match is None:
        return None
    text = "" if match[4] else log.text
    head = _HEAD.match(text)
    at, part = _of_number(int(match[3]), match[2])
    is_live = log.path.startswith(LIVE)
    return Piece(
        log,
        backend=f"{match[1]}-{match[2]}",
        reason=head[1] if head else "",
        count=int(head[2]) if head else 0,
        part=int(head[3]) if head else part,
        at_s=log.mtime_s if at is None else at,
        exact=at is not None or is_live,
        text=text[head.end() :] if head else text,
        is_packed=match[4] is not None,
    )


def _of_number(number: int, backend: str) -> tuple[float | None, int]:
    """(seconds, part) of a record of the EFI backend; others' numbers are nothing but numbers."""
    seconds = number // _EFI_STEP
    if not backend.startswith("efi") or not _AFTER_1990_S < seconds < _BEFORE_2100_S:
        return None, 0
    return float(seconds), number // 1000 % 100


def _groups(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Those of one message, its beginning first."""
    groups: list[list[Piece]] = []
    for piece in sorted(
        pieces, key=lambda each: (each.folder, each.backend, each.count, each.at_s, each.part)
    ):
        last = groups[-1] if groups else []
        is_of_last = last and _key(last[-1]) == _key(piece) and abs(piece.at_s - last[0].at_s) <= _NEAR_S
        if is_of_last and piece.part not in {each.part for each in last}:
            last.append(piece)
        else:
            groups.append([piece])
    for group in groups:
        yield sorted(group, key=lambda each: -each.part)


def _key(piece: Piece) -> tuple[str, str, str, int]:
    return piece.folder, piece.backend, piece.reason, piece.count


def _of_group(group: list[Piece]) -> Sighting | None:
    """An Oops that the kernel has survived is not its end; what the console holds is one if it holds a panic."""
    first = group[0]
    missing = {each.part for each in group if each.part}
    gaps = max(missing, default=0) - len(missing)
    packed = any(each.is_packed for each in group)
    denied = next((each.log for each in group if each.log.trouble and not each.text), None)
    text = "\n".join(each.text.strip("\n") for each in group)
    trouble = ""
    if packed:
        trouble = "compressed, and the kernel could not unpack it (.enc.z)"
    elif denied:
        trouble = denied.trouble
    elif gaps > 0:
        trouble = f"{gaps} of {max(missing)} parts are missing"
    is_told = first.reason in ("Panic", "Emergency") or packed or denied is not None
    at = min(each.at_s for each in group)
    return _sighting(
        first.log, text, at, first.exact, trouble, denied.mend if denied else "", is_told=is_told
    )


def _of_whole(log: LogEnd, logs: Iterable[LogEnd]) -> Sighting | None:
    """systemd writes it before each piece's text `dmesg-efi-164523423401001:`."""
    folder = log.path.rpartition("/")[0]
    times = [piece for other in logs if other.path.startswith(f"{folder}/") and (piece := _piece(other))]
    kept = [line for line in log.text.split("\n") if not _JOINED_HEAD.match(line)]
    text = "\n".join(line for line in kept if not _HEAD.match(f"{line}\n"))
    named = [piece for piece in times if piece.exact]
    is_panic = any(line.startswith("Panic#") for line in kept)
    at = min((piece.at_s for piece in named), default=log.mtime_s)
    return _sighting(log, text, at, bool(named), log.unread, log.mend, is_told=is_panic or bool(log.unread))


def _sighting(
    log: LogEnd, text: str, at_s: float, exact: bool, trouble: str, mend: str, *, is_told: bool
) -> Sighting | None:
    lines = [kernel_text.read(line) for line in text.split("\n") if line]
    ends = list(kernel_text.ends(lines))
    panics = [end for end in ends if end.is_panic]
    if not panics and not is_told:
        return None
    told = panics[-1].lines if panics else ends[-1].lines if ends else _last(lines)
    return Sighting(
        CrashKind.HOST_PANIC,
        Evidence(
            Source.PSTORE,
            clean(log.path, limit=1024),
            told,
            path=log.path,
            size_bytes=log.size_bytes,
            trouble=trouble,
            mend=mend,
        ),
        at_s,
        exact,
    )


def _last(lines: list[kernel_text.KernelLine]) -> tuple[str, ...]:
    return tuple(clean(line.text, limit=kernel_text.LINE_LIMIT) for line in lines[-6:])
