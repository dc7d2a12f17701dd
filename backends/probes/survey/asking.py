"""One round of questions to a host: one command that reads many files and runs some others, and its answer."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources

from backends.errors import LinkError
from backends.probes import clock
from backends.probes.survey.readings import Gap, Reading, Readings
from backends.remote.shell import COMMAND_DEADLINE_S, Answer, Shell
from backends.untrusted import clean

COMMAND_LIMIT_S = 4
"""For one command of a round. None is begun after 12 s (questions.sh), so a round ends within 20 s."""

_ERROR = re.compile(r"^\S*?(grep|dmesg|head|od|awk|date|id): (?:(?P<path>/[^:]*): )?(?P<said>.*)$")
_DENIED = ("denied", "not permitted")
_NOT_ALLOWED = re.compile(
    r"permission denied|not permitted|access denied|not authori[sz]ed|(must be|need to be|only|as|are you|requires?|"
    r"not) root|root (user|privileges?|permissions?)|superuser|privileges",
    re.IGNORECASE,
)
"""How commands say that this account may not use them."""
_LONGEST_PATH = 4096
"""PATH_MAX."""
_TIMED_OUT = {"124", "137", "143"}
"""Of timeout(1), coreutils' and busybox's, when it had to end a command."""


@dataclass(frozen=True, slots=True)
class Command:
    """One that is run if the host has it. Its answer stands in the readings under `name`."""

    words: tuple[str, ...]
    """None of them holds a blank."""
    limit_s: int = COMMAND_LIMIT_S

    @property
    def name(self) -> str:
        """`dlm_tool ls`."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Questions:
    """What one round asks. Patterns are the shell's."""

    files: tuple[str, ...] = ()
    """At most 400 lines of each: the kernel's small files."""
    heads: tuple[str, ...] = ()
    """At most 16 KiB of each."""
    bytes_of: tuple[str, ...] = ()
    """As decimal numbers, the first 64 bytes."""
    names: tuple[str, ...] = ()
    """Folders of which the names matter."""
    devices: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    real: tuple[str, ...] = ()
    """Paths, of which a script of its own tells where they lead to. Without line ends, and blanks at an end."""

    def lines(self, nonce: str) -> bytes:
        """What the script reads: the nonce, then a line for each question."""
        kinds = {
            "file": self.files,
            "head": self.heads,
            "bytes": self.bytes_of,
            "names": self.names,
            "device": self.devices,
            "real": self.real,
            "run": tuple(f"{each.limit_s} {each.name}" for each in self.commands),
        }
        lines = (f"{kind} {pattern}" for kind, patterns in kinds.items() for pattern in patterns)
        return "\n".join([nonce, *lines, ""]).encode()


async def ask(
    shell: Shell,
    argv: tuple[str, ...],
    questions: Questions,
    *,
    own: bytes = b"",
    deadline_s: float = COMMAND_DEADLINE_S,
) -> Readings:
    """One command. `own`: what only this round's own part of the script reads. Raises FerryError: LinkError where no
    shell answers."""
    nonce = secrets.token_hex(16)
    asked_at, started = time.time(), time.monotonic()
    told = questions.lines(nonce) + (b"own\n" + own if own else b"")
    answer = await shell.run(argv, stdin=told, deadline_s=deadline_s)
    return parse(answer, nonce, asked_at=asked_at, took_s=time.monotonic() - started)


def script(package: str, *names: str) -> str:
    """What every round begins with, then what only this one asks."""
    begin = resources.files(__package__).joinpath("questions.sh").read_text()
    return begin + "".join(resources.files(package).joinpath(name).read_text() for name in names)


def command(text: str, *words: str) -> tuple[str, ...]:
    """The script goes as an argument: its input is the questions."""
    return ("env", "LC_ALL=C", "sh", "-c", text, "sh", *words)


def parse(answer: Answer, nonce: str, *, asked_at: float, took_s: float) -> Readings:
    """Pure. Raises LinkError where the script has not run."""
    sections = answer.out.split(f"\n{nonce} ")[1:]
    if not sections:
        said = clean(" ".join((answer.err or answer.out).split()), limit=300)
        raise LinkError(
            said or f"sh ended with status {answer.status}",
            operation="ask the host",
            hint="this account cannot run commands there: log in as another one",
        )
    files: dict[str, Reading] = {}
    for section in sections:
        _add(files, section)
    _note_errors(files, answer.err)
    reading = clock.against(_text(files, "began"), _text(files, "ended"), asked_at=asked_at, took_s=took_s)
    return Readings(
        account=_text(files, "id -un"),
        is_root=_text(files, "id -u") == "0",
        clock_ahead_s=reading.ahead_s if reading else None,
        clock_exact_to_s=reading.exact_to_s if reading else took_s / 2,
        took_s=took_s,
        files=files,
    )


def _add(files: dict[str, Reading], section: str) -> None:
    head, _, body = section.partition("\n")
    kind, _, name = head.partition(" ")
    if kind == "there":
        files |= dict.fromkeys(body.split(), Reading())
    elif kind == "files":
        _add_lines(files, body)
    elif kind == "asked":
        files[name] = Reading(body.rstrip("\n"), Gap.BROKEN, "no answer in time, or one too long")
    elif kind == "ran":
        files[name] = _ran(files.get(name, Reading()), *body.partition("\n")[::2])
    elif kind == "late":
        files[name] = Reading(gap=Gap.BROKEN, said="not asked: what was asked before took too long")
    else:
        files[name] = Reading(body.rstrip("\n\0"), Gap.DENIED if kind == "denied" else None)


def _ran(answered: Reading, status: str, errors: str) -> Reading:
    """What a command said, with its status."""
    said = errors.strip()
    if status == "0":
        return replace(answered, gap=None, said=said)
    if status in _TIMED_OUT:
        return replace(answered, gap=Gap.BROKEN, said="no answer in time")
    is_denied = _NOT_ALLOWED.search(said) is not None
    return replace(answered, gap=Gap.DENIED if is_denied else Gap.BROKEN, said=said)


def _add_lines(files: dict[str, Reading], body: str) -> None:
    """`PATH:LINE` lines, as grep -H tells them, of paths that are there. A path may hold colons (sysfs of GFS2)."""
    lines: dict[str, list[str]] = {}
    for line in body.split("\n"):
        colon = line.find(":")
        while colon > 0 and line[:colon] not in files:
            colon = line.find(":", colon + 1, _LONGEST_PATH)
        if colon > 0:
            lines.setdefault(line[:colon], []).append(line[colon + 1 :])
    files |= {path: Reading("\n".join(texts)) for path, texts in lines.items()}


def _note_errors(files: dict[str, Reading], complaints: str) -> None:
    """What could not be read although it is there: `grep: PATH: Input/output error`, `dmesg: ... not permitted`."""
    for line in complaints.splitlines():
        if match := _ERROR.match(line):
            name = match["path"] or match[1]
            if name.startswith("/") or name == "dmesg":
                denied = any(word in match["said"] for word in _DENIED)
                files[name] = Reading(gap=Gap.DENIED if denied else Gap.BROKEN)


def _text(files: Mapping[str, Reading], name: str) -> str:
    return files[name].text.strip() if name in files else ""
