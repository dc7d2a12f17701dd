"""What a host is asked about crashes, in one command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from backends.probes.crashes import host_time
from backends.probes.crashes.collected import collected
from backends.probes.crashes.looked import Looked
from backends.probes.crashes.parsers import PARSERS
from backends.probes.crashes.wanted import SINCE, LogsWanted, Wanted
from backends.probes.survey import asking
from backends.probes.survey.asking import Command, Questions
from backends.probes.survey.readings import Readings
from backends.remote.shell import Shell

DEADLINE_S = 36.0
"""No command is begun after 12 s and none takes longer than 6; no log is begun 7 s later."""


@dataclass(frozen=True, slots=True)
class Round:
    """All that one look asks."""

    questions: Questions
    logs: tuple[LogsWanted, ...]
    files: tuple[str, ...]

    def words(self, since_s: float) -> tuple[str, ...]:
        """Those of the script (crashes.sh)."""
        words = [str(max(1, int(since_s))), " ".join(self.files)]
        for each in self.logs:
            words += [
                f"{each.end_bytes} {each.before} {each.after}",
                each.keep,
                each.drop,
                " ".join(each.patterns),
                f"{'consoles' if each.consoles else ''} {'always' if each.always else ''}",
            ]
        return tuple(words)


async def look(
    shell: Shell,
    *,
    since_s: float,
    consoles: Sequence[str] = (),
    only_logs: bool = False,
) -> Looked:
    """One command. Raises FerryError: LinkError where no shell answers.

    `since_s`: seconds since 1970 on the host's clock; logs that were written last before that are left out.
    `consoles`: paths of files into which guests' consoles are written. `only_logs`: only what is new is followed, by
    logs, files, the host's zone and the commands that begin at a time; all else is left out.
    """
    wanted = (each.WANTED for each in PARSERS)
    asked = merged(map(_only_new, wanted) if only_logs else wanted)
    return await look_for(asked, shell, since_s=since_s, consoles=consoles)


async def look_for(asked: Round, shell: Shell, *, since_s: float, consoles: Sequence[str] = ()) -> Looked:
    """The same for some of it."""
    argv = asking.command(asking.script(__package__, "crashes.sh"), *asked.words(since_s))
    odd = tuple(path for path in consoles if "\n" in path or "\0" in path)
    own = "\n".join([*(path for path in consoles if path not in odd), ""]).encode(errors="surrogateescape")
    readings = await asking.ask(shell, argv, _dated(asked.questions, since_s), own=own, deadline_s=DEADLINE_S)
    looked = collected(_undated(readings, asked.questions, since_s), asked.logs, consoles)
    return replace(looked, since_s=since_s)


def merged(wanted: Iterable[Wanted]) -> Round:
    """What several want, each thing once."""
    all_wanted = tuple(wanted)
    asked = [each.questions for each in all_wanted]
    questions = Questions(
        files=_once(each.files for each in asked),
        heads=_once(each.heads for each in asked),
        bytes_of=_once(each.bytes_of for each in asked),
        names=_once(each.names for each in asked),
        devices=_once(each.devices for each in asked),
        commands=tuple(dict.fromkeys(command for each in asked for command in each.commands)),
        real=_once(each.real for each in asked),
    )
    logs = tuple(dict.fromkeys(log for each in all_wanted for log in each.logs))
    return Round(questions, logs, _once(each.files for each in all_wanted))


def _only_new(wanted: Wanted) -> Wanted:
    if wanted.only_whole:
        return Wanted()
    commands = tuple(
        each for each in wanted.questions.commands if SINCE in each.name or each == host_time.ZONE
    )
    return replace(wanted, questions=Questions(commands=commands))


def _once(many: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for some in many for each in some))


def _at(command: Command, since_s: float) -> Command:
    return replace(
        command, words=tuple(word.replace(SINCE, f"@{max(1, int(since_s))}") for word in command.words)
    )


def _dated(questions: Questions, since_s: float) -> Questions:
    return replace(questions, commands=tuple(_at(each, since_s) for each in questions.commands))


def _undated(readings: Readings, questions: Questions, since_s: float) -> Readings:
    """The answers stand under the names of the commands as they are wanted."""
    names = {_at(each, since_s).name: each.name for each in questions.commands}
    return replace(readings, files={names.get(name, name): each for name, each in readings.files.items()})
