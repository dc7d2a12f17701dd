"""The command line: opens the program, or runs one command without a screen.

Start-up is kept short by importing late: Textual only for the program, libvirt and asyncssh not before
hosts are opened.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from backends.api import ConfigError, FerryError, lab_commands
from tui import crash_commands, storage_commands
from tui.arguments import Guest, Host, Job, Text
from tui.headless.exits import Exit, UsageError
from tui.headless.session import Flag, HostOptions
from tui.headless.wishes import MoveOptions, Positive


def _version() -> str:
    try:
        return version("virt-ferry")
    except PackageNotFoundError:
        return "not installed: run from its sources"


app = App(
    name="virt-ferry",
    help="Watch virtual machines on libvirt hosts and move them, from a terminal.",
    version=_version,
    suppress_keyboard_interrupt=False,
)
app.command(lab_commands, name="lab")
app.command(storage_commands.iscsi)
app.command(crash_commands.crashes)
for _command in (*storage_commands.ALL, *crash_commands.ALL):
    app.command(_command)

_ANY_HOST = HostOptions()
_ANY_MOVE = MoveOptions()


@app.default
def open_program(
    *hosts: Host,
    options: HostOptions = _ANY_HOST,
    read_only: Flag = False,
    ascii_only: Annotated[bool, Parameter(name="--ascii", negative="", show_default=False)] = False,
    theme: str | None = None,
    log: Path | None = None,
) -> int:
    """Open the program.

    Parameters
    ----------
    hosts
        user@host, an ssh alias, a libvirt URI, or local. Those of the configuration when none is named.
    read_only
        Look only: nothing on any host can be changed.
    ascii_only
        Draw with ASCII signs only.
    theme
        ferry-dark, ferry-light, high-contrast or ansi (the terminal's own colours).
    log
        Write the log to this file.
    """
    from tui.launch import Wishes, launch

    wishes = Wishes(read_only=read_only, ascii_only=ascii_only, theme=theme, log=log)
    return asyncio.run(launch(options.with_hosts(hosts), wishes))


@app.command
def hosts(*named: Host, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """List the hosts: do they answer, what have they got.

    Parameters
    ----------
    named
        Those of the configuration when none is named.
    json
        One JSON object a line.
    """
    from tui.headless.hosts import hosts as command

    return asyncio.run(command(options.with_hosts(named), json=json))


@app.command
def guests(*named: Host, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """List the guests of all hosts.

    Parameters
    ----------
    named
        Hosts to ask; those of the configuration when none is named.
    json
        One JSON object a line.
    """
    from tui.headless.guests import guests as command

    return asyncio.run(command(options.with_hosts(named), json=json))


@app.command
def jobs(*named: Host, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """List the moves in flight, whoever started them, and other jobs that libvirt reports.

    Parameters
    ----------
    named
        Hosts to ask; those of the configuration when none is named.
    json
        One JSON object a line.
    """
    from tui.headless.jobs import jobs as command

    return asyncio.run(command(options.with_hosts(named), json=json))


@app.command
def attach(job: Job, /, *, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """Watch a move that is under way until its end, as migrate does. ctrl-c ends the watching, not the move.

    Exit status: 0 succeeded, 1 failed, 2 usage, 4 cancelled, 5 indeterminate, or no longer watched.

    Parameters
    ----------
    job
        An ID of virt-ferry jobs (its beginning is enough), HOST/GUEST or GUEST.
    json
        One JSON object a line, each with `event`; the last is the outcome.
    """
    from tui.headless.attach import attach as command

    return asyncio.run(command(options, job, json=json))


@app.command
def abort(job: Job, /, *, yes: Flag = False, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """Ask a move to stop, and wait for the truth.

    Exit status: 0 it was stopped, 1 it was not (it had arrived already), 2 usage, 5 indeterminate.

    Parameters
    ----------
    job
        An ID of virt-ferry jobs (its beginning is enough), HOST/GUEST or GUEST.
    yes
        Stop it although somebody else has started it.
    json
        One JSON object a line, each with `event`; the last is the outcome.
    """
    from tui.headless.attach import abort as command

    return asyncio.run(command(options, job, yes=yes, json=json))


@app.command
def capabilities(
    *named: Host, sources: Flag = False, json: Flag = False, options: HostOptions = _ANY_HOST
) -> int:
    """Tell what each host can do: hardware for virtualization, kinds of guests, and facts. Nothing is changed.

    Exit status: 0 a host has answered, 1 none has, 2 usage.

    Parameters
    ----------
    named
        Hosts to ask; those of the configuration when none is named.
    sources
        Say where each fact was read.
    json
        One JSON object a line: `capabilities` for each host, then its `fact` lines.
    """
    from tui.headless.capabilities import capabilities as command

    return asyncio.run(command(options.with_hosts(named), sources=sources, json=json))


@app.command
def compare(
    *named: Host, baseline: Flag = False, json: Flag = False, options: HostOptions = _ANY_HOST
) -> int:
    """Tell which host can take whose guests, and what stands against it.

    Exit status: 0 there is an answer, whatever it is, 1 fewer than two hosts answer or they have no processor in
    common, 2 usage.

    Parameters
    ----------
    named
        Hosts to compare; those of the configuration when none is named.
    baseline
        The processor that all of them can give instead, its XML last.
    json
        One JSON object a line: `host_fit` and `guest_fit`, at last `comparison`; or one `baseline`.
    """
    from tui.headless.compare import compare as command

    return asyncio.run(command(options.with_hosts(named), baseline=baseline, json=json))


@app.command
def posture(
    *named: Host,
    everything: Annotated[bool, Parameter(name="--all", negative="", show_default=False)] = False,
    json: Flag = False,
    options: HostOptions = _ANY_HOST,
) -> int:
    """Tell how safe the hosts and their guests are set up, worst first, each with its evidence and what mends it.

    Exit status: 0 all hosts were looked at and no finding is high, 1 a host does not answer, 2 usage, 3 a finding is
    high.

    Parameters
    ----------
    named
        Hosts to ask; those of the configuration when none is named.
    everything
        Also what is as it should be.
    json
        One JSON object a line: `finding` lines, and a `posture` line after those of each host.
    """
    from tui.headless.posture import posture as command

    return asyncio.run(command(options.with_hosts(named), everything=everything, json=json))


@app.command
def check(
    guest: Guest,
    /,
    *,
    to: str,
    move: MoveOptions = _ANY_MOVE,
    json: Flag = False,
    options: HostOptions = _ANY_HOST,
) -> int:
    """Would this move work? Exit status 0: yes (perhaps with doubts), 3: no.

    Parameters
    ----------
    guest
        NAME, UUID, HOST/NAME or HOST/UUID.
    to
        The host to move it to.
    json
        One JSON object a line.
    """
    from tui.headless.check import check as command

    return asyncio.run(command(options, guest, to, move, json=json))


@app.command
def migrate(
    guest: Guest,
    /,
    *,
    to: str,
    move: MoveOptions = _ANY_MOVE,
    accept_doubts: Flag = False,
    json: Flag = False,
    options: HostOptions = _ANY_HOST,
) -> int:
    """Move a guest and watch it. ctrl-c asks the move to stop and waits for the truth.

    Exit status: 0 succeeded, 1 failed, 2 usage, 3 refused by a check, 4 cancelled, 5 indeterminate.

    Parameters
    ----------
    guest
        NAME, UUID, HOST/NAME or HOST/UUID.
    to
        The host to move it to.
    accept_doubts
        Start although some checks warn or could not be answered.
    json
        One JSON object a line, each with `event`; the last is the outcome.
    """
    from tui.headless.migrate import migrate as command

    return asyncio.run(command(options, guest, to, move, accept_doubts=accept_doubts, json=json))


@app.command
def history(text: Text = "", /, *, limit: Positive = 50, json: Flag = False) -> int:
    """List the moves that have ended, newest first. No host is asked.

    Parameters
    ----------
    text
        Only those with these words: a guest, a host, a mode, a result, words of the outcome.
    limit
        How many at most.
    json
        One JSON object a line.
    """
    from tui.headless.journal import history as command

    return asyncio.run(command(text, limit=limit, json=json))


@app.command
def audit(text: Text = "", /, *, limit: Positive = 50, json: Flag = False) -> int:
    """List who did what, when, and what came of it, newest first. No host is asked.

    Parameters
    ----------
    text
        Only those with these words.
    limit
        How many at most.
    json
        One JSON object a line.
    """
    from tui.headless.journal import audit as command

    return asyncio.run(command(text, limit=limit, json=json))


@app.command
def unfinished(
    *named: Host, mend: str | None = None, json: Flag = False, options: HostOptions = _ANY_HOST
) -> int:
    """List what moves have left to do on the hosts, or mend one of it.

    Parameters
    ----------
    named
        Hosts to ask; those of the configuration when none is named.
    mend
        Do what mends the one with this id, instead of listing.
    json
        One JSON object a line.
    """
    from tui.headless.journal import unfinished as command

    return asyncio.run(command(options.with_hosts(named), mend=mend, json=json))


def _complain(message: str, hint: str) -> None:
    sys.stderr.write(f"virt-ferry: {message}\n")
    for line in hint.splitlines():
        sys.stderr.write(f"    {line}\n")


_BROKEN_PIPE = 128 + 13
"""What a shell shows for a program that SIGPIPE ended (POSIX, 2.8.2)."""


def main() -> None:
    """The `virt-ferry` command. What the user can act on becomes a message and an exit status."""
    try:
        status = app(sys.argv[1:], result_action="print_non_int_return_int_as_exit_code")
        sys.stdout.flush()
    except (UsageError, ConfigError) as error:
        _complain(str(error), error.hint)
        status = Exit.USAGE
    except FerryError as error:
        _complain(str(error), error.hint)
        status = Exit.FAILED
    except KeyboardInterrupt:
        status = Exit.CANCELLED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _BROKEN_PIPE
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the status stands, also while Python takes its leave
    sys.exit(status)


if __name__ == "__main__":
    main()
