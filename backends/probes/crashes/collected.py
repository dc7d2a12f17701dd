"""What the script (crashes.sh) has told, put together again: logs, files, and what could not be looked at. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from backends.model.crash import CrashGap
from backends.probes.crashes.looked import FileSeen, LogEnd, Looked
from backends.probes.crashes.wanted import LogsWanted
from backends.probes.survey.readings import Gap, Readings
from backends.untrusted import clean

CAP_BYTES = 98304
"""crashes.sh."""
_LONGEST_NUMBER = 19
_PACKERS = {"gz": "gzip", "xz": "xz", "bz2": "bzip2", "zst": "zstd"}
_TOO_MUCH = "not looked at: more was told than one look takes"
_NOT_OPENED = re.compile(r"insufficient permissions|not seeing messages from other users")
"""journalctl's words (journal-util.c) for an account that is in none of its groups."""
_JOURNAL_MEND = "log in as root, or add this account to the group systemd-journal or adm"
_TOOLS = ("journalctl", "dmesg", "coredumpctl", "xl", "last")
_LATE = (
    "no answer in time",
    "no answer in time, or one too long",
    "not asked: what was asked before took too long",
)


class Listed(NamedTuple):
    """A line of a list: a file that is there."""

    mtime_s: int
    kind: int
    """Of log, from 1; 0: a file that counts by being there."""
    size_bytes: int
    allocated_bytes: int
    path: str


@dataclass(slots=True)
class _List:
    files: list[Listed] = field(default_factory=list)
    hidden: list[tuple[int, str]] = field(default_factory=list)
    odd: int = 0
    """Paths that hold a line end."""


def collected(readings: Readings, wanted: Sequence[LogsWanted], consoles: Sequence[str] = ()) -> Looked:
    """All that a look has brought. `consoles`: as they were asked for."""
    known = {path.encode(errors="surrogateescape").decode(errors="replace"): path for path in consoles}
    logs = _list(readings.text("logs"))
    seen = _list(readings.text("seen"))
    brought = {**_batches(readings, logs.files, wanted), **_singles(readings, logs.files)}
    ends = (
        LogEnd(
            known.get(each.path, each.path),
            each.size_bytes,
            float(each.mtime_s),
            *brought[number],
            is_console=each.path in known,
        )
        for number, each in enumerate(logs.files)
        if number in brought
    )
    return Looked(
        readings=readings,
        logs=tuple(ends),
        files=_seen(seen.files, readings.text("begins")),
        gaps=tuple(_gaps(readings, logs, _list(readings.text("aside")), seen, wanted)),
    )


class _Brought(NamedTuple):
    """The rest of a LogEnd."""

    text: str = ""
    offsets: tuple[int, ...] = ()
    trouble: str = ""
    mend: str = ""


def _list(text: str) -> _List:
    found = _List()
    for line in text.split("\n"):
        words = line.split(" ", 5)
        if len(words) < 6:
            continue
        if words[2] == "hidden":
            found.hidden.append((_number(words[1]), words[5]))
        elif words[2] == "odd":
            found.odd += 1
        else:
            mtime, kind, size, blocks, block = map(_number, words[:5])
            found.files.append(Listed(mtime, kind, size, blocks * block, words[5]))
    return found


def _number(text: str) -> int:
    """What stat(1) tells is a number that is not absurdly long."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else 0


def _batches(
    readings: Readings, files: Sequence[Listed], wanted: Sequence[LogsWanted]
) -> Mapping[int, _Brought]:
    """By the place in the list. A log of which a filter has kept nothing is there, with no text."""
    numbers = {(each.kind, each.path): number for number, each in enumerate(files)}
    found: dict[int, tuple[list[str], list[int]]] = {}
    for kind in range(1, len(wanted) + 1):
        for line in readings.text(f"batch {kind}").split("\n"):
            path, nul, rest = line.partition("\0")
            number = numbers.get((kind, path))
            if nul and number is not None:
                offset, text = _offset(rest)
                texts, offsets = found.setdefault(number, ([], []))
                texts.append(text)
                offsets.append(offset)
    return {number: _Brought("\n".join(texts), tuple(offsets)) for number, (texts, offsets) in found.items()}


def _offset(line: str) -> tuple[int, str]:
    """`OFFSET:TEXT` of a line that matches, `OFFSET-TEXT` of one around it."""
    digits = len(line) - len(line.lstrip("0123456789"))
    return _number(line[:digits]), line[digits + 1 :]


def _singles(readings: Readings, files: Sequence[Listed]) -> Mapping[int, _Brought]:
    found: dict[int, _Brought] = {}
    for name, reading in readings.files.items():
        how, _, rest = name.partition(" ")
        number, _, begin = rest.partition(" ")
        place = _number(number) - 1
        if how not in ("tail", "plain", "shut", "missing") or not 0 <= place < len(files):
            continue
        found[place] = _single(how, _number(begin), reading.text, files[place].path)
    return found


def _single(how: str, begin: int, text: str, path: str) -> _Brought:
    if how == "shut":
        return _Brought(trouble="permission denied", mend=_leave(path, "r"))
    if how == "missing":
        packer = _PACKERS.get(path.rpartition(".")[2], "")
        return _Brought(
            trouble=f"compressed ({packer}), and the host cannot unpack it", mend=f"install {packer}"
        )
    is_cut = len(text.encode(errors="replace")) >= CAP_BYTES - 1
    lines = [line for line in text.split("\n")[1 if is_cut else 0 :] if line != "--"] if text else []
    trouble = "truncated" if is_cut else ""
    if how == "plain":
        return _Brought("\n".join(lines), (), trouble)
    pairs = [_offset(line) for line in lines]
    if begin and pairs and pairs[0][0] == 0:  # the end of a line that began before
        del pairs[0]
    return _Brought(
        "\n".join(line for _, line in pairs), tuple(begin + offset for offset, _ in pairs), trouble
    )


def _leave(path: str, rights: str) -> str:
    """Which permission is needed."""
    recursive = "-R " if "X" in rights else ""
    return (
        "log in as root, or give this account leave to read it: "
        f"setfacl {recursive}-m u:ACCOUNT:{rights} {clean(path, limit=1024)}"
    )


def _seen(files: Sequence[Listed], begins: str) -> tuple[FileSeen, ...]:
    told = {}
    for line in begins.split("\n"):
        words = line.split(" ")
        if len(words) >= 2:
            told[_number(words[0]) - 1] = (words[1] == "r", _bytes(words[2] if len(words) > 2 else ""))
    return tuple(
        FileSeen(
            each.path,
            each.size_bytes,
            float(each.mtime_s),
            *told.get(number, (False, b"")),
            each.allocated_bytes,
        )
        for number, each in enumerate(files)
    )


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)[:64]
    except ValueError:
        return b""


def _gaps(
    readings: Readings, logs: _List, aside: _List, seen: _List, wanted: Sequence[LogsWanted]
) -> Iterator[CrashGap]:
    if readings.there("without"):
        yield CrashGap("logs", "the host lacks timeout, xargs or stat", "install coreutils and findutils")
    for folder in dict.fromkeys(folder for _, folder in (*aside.hidden, *seen.hidden)):
        yield CrashGap(f"what is in {clean(folder, limit=1024)}", "permission denied", _leave(folder, "rX"))
    shut = [
        logs.files[number - 1].path for number in _numbers(readings, "shut") if 0 < number <= len(logs.files)
    ]
    yield from _shut(dict.fromkeys(shut))
    if odd := aside.odd + seen.odd:
        yield CrashGap(f"{odd} files", "their names hold a line end", "rename them")
    yield from _left_out(readings, logs, wanted)
    yield from _unanswered(readings)


def _shut(paths: Iterable[str]) -> Iterator[CrashGap]:
    """One for each folder: a host may have a log for each of a thousand guests."""
    by_folder: dict[str, list[str]] = {}
    for path in paths:
        by_folder.setdefault(path.rpartition("/")[0], []).append(path)
    for folder, inside in by_folder.items():
        if len(inside) == 1:
            yield CrashGap(clean(inside[0], limit=1024), "permission denied", _leave(inside[0], "r"))
        else:
            what = f"{len(inside)} files in {clean(folder, limit=1024)}"
            yield CrashGap(what, "permission denied", _leave(folder, "rX"))


def _left_out(readings: Readings, logs: _List, wanted: Sequence[LogsWanted]) -> Iterator[CrashGap]:
    """Where there was no time, or no room in the answer."""
    for kind, each in enumerate(wanted, 1):
        if readings.there(f"batch {kind}") and not readings.there(f"did {kind}"):
            yield CrashGap(
                f"older logs like {each.patterns[0]}" if each.patterns else "older consoles", _TOO_MUCH
            )
    if left := next(_numbers(readings, "left"), 0):
        alone = [each for each in logs.files[left - 1 :] if not _in_batch(readings, each, wanted)]
        yield CrashGap(f"{len(alone)} older logs", "not looked at: there was no time left")
    elif readings.there("logs") and not readings.there("done"):
        yield CrashGap("older logs", _TOO_MUCH)


def _in_batch(readings: Readings, log: Listed, wanted: Sequence[LogsWanted]) -> bool:
    """Was it looked at with all short ones of its kind?"""
    is_short = 0 < log.kind <= len(wanted) and log.size_bytes <= wanted[log.kind - 1].end_bytes
    return is_short and log.path.rpartition(".")[2] not in _PACKERS and readings.there(f"batch {log.kind}")


def _unanswered(readings: Readings) -> Iterator[CrashGap]:
    """Of the commands that were run. One answer may stand for several that were asked in the same way."""
    found: dict[tuple[str, str], CrashGap] = {}
    for name, reading in readings.files.items():
        tool = name.partition(" ")[0]
        if tool == "journalctl" and _NOT_OPENED.search(reading.said):
            gap = CrashGap("journal", "permission denied", _JOURNAL_MEND)
        elif tool in _TOOLS and reading.gap is Gap.DENIED:
            gap = CrashGap(tool, *readings.trouble(name))
        elif tool in _TOOLS and reading.gap is Gap.BROKEN and reading.said in _LATE:
            gap = CrashGap(tool, reading.said)
        else:
            continue
        found.setdefault((gap.what, gap.why), gap)
    yield from found.values()


def _numbers(readings: Readings, what: str) -> Iterator[int]:
    return (_number(name.partition(" ")[2]) for name in readings.files if name.startswith(f"{what} "))
