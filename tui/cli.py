"""The command line: opens the program, or runs one command without a screen.

Start-up is kept short by importing late: Textual only for the program, libvirt and asyncssh not before
hosts are opened.
"""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from backends.api import ConfigError, FerryError, lab_commands
from tui.headless.exits import Exit, UsageError
from tui.headless.session import Flag, HostOptions

Guest = Annotated[str, Parameter(name="GUEST")]
Host = Annotated[str, Parameter(name="HOST")]
Positive = Annotated[int, Parameter(validator=validators.Number(gte=1))]


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

_ANY_HOST = HostOptions()


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
    """List the migration jobs that libvirt reports now, whoever started them.

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
def check(guest: Guest, /, *, to: str, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
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

    return asyncio.run(command(options, guest, to, json=json))


@app.command
def migrate(
    guest: Guest,
    /,
    *,
    to: str,
    mode: Literal["live"] = "live",
    bandwidth: Positive | None = None,
    max_downtime: Positive = 500,
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
    mode
        live: the guest keeps running and stands still only for the switch.
    bandwidth
        Upper limit of the transfer in MiB a second.
    max_downtime
        The most that the guest may stand still at the switch, in milliseconds; it is never exceeded.
    accept_doubts
        Start although some checks warn or could not be answered.
    json
        One JSON object a line, each with `event`; the last is the outcome.
    """
    from backends.model.move import MoveMode
    from tui.headless.migrate import MigrateOptions
    from tui.headless.migrate import migrate as command

    wanted = MigrateOptions(
        guest=guest,
        to=to,
        mode=MoveMode(mode),
        bandwidth_mib_s=bandwidth,
        max_downtime_ms=max_downtime,
        accept_doubts=accept_doubts,
        json=json,
    )
    return asyncio.run(command(options, wanted))


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
    sys.exit(status)


if __name__ == "__main__":
    main()
