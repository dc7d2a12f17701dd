"""The commands about crashes, as the command line offers them. What they do is imported when it is needed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

from tui.arguments import Guest, Host
from tui.headless.dump_options import DumpOptions, SettingOptions
from tui.headless.session import Flag, HostOptions

_ANY_HOST = HostOptions()
_USUAL_DUMP = DumpOptions()
_NO_CHANGE = SettingOptions()

OnlyGuest = Annotated[str | None, Parameter(name="--guest", show_default=False)]

crashes = App(name="crashes")


@crashes.default
def list_crashes(
    *named: Host,
    since: str = "1w",
    guest: OnlyGuest = None,
    evidence: Annotated[bool, Parameter(name=["--evidence", "-v"], negative="", show_default=False)] = False,
    json: Flag = False,
    options: HostOptions = _ANY_HOST,
) -> int:
    """List what crashes have left on the hosts, newest first: when, where, what, and why. Nothing is changed.

    Exit status: 0 all hosts were looked at, 1 one was not, 2 usage.

    Parameters
    ----------
    named
        Hosts to look at; those of the configuration when none is named.
    since
        So far back: 30m, 12h, 1d, 2w, or a date (2026-01-31, 2026-01-31T14:00).
    guest
        Only this guest's own: NAME, UUID, HOST/NAME or HOST/UUID. It need not be there any more.
    evidence
        Also the lines that tell of each, and where they were read.
    json
        One JSON object a line: `crash` lines, a `crash_host` for each host, at last `crashes`.
    """
    from tui.headless.crashes import crashes as command

    asked = command(options.with_hosts(named), since=since, guest=guest, evidence=evidence, json=json)
    return asyncio.run(asked)


@crashes.command
def follow(
    *named: Host,
    since: Annotated[str | None, Parameter(show_default=False)] = None,
    guest: OnlyGuest = None,
    json: Flag = False,
    options: HostOptions = _ANY_HOST,
) -> int:
    """Tell each crash as it happens, a line each, until ctrl-c. It is told again when more becomes known of its cause.

    Exit status: 0 ended by you, 1 it cannot go on, 2 usage.

    Parameters
    ----------
    named
        Hosts to follow; those of the configuration when none is named.
    since
        Tell first what has happened since then: 30m, 12h, 1d, 2w, or a date.
    guest
        Only this guest's own: NAME, UUID, HOST/NAME or HOST/UUID.
    json
        One JSON object a line: `crash`; `host` when one is lost or back; `crash_host` when one was looked at first, or
        not everything can be looked at there.
    """
    from tui.headless.follow_crashes import follow as command

    return asyncio.run(command(options.with_hosts(named), since=since, guest=guest, json=json))


def kdump(*named: Host, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """Tell whether a crash of each host's kernel would leave a dump, where to, and what to do where it would not.

    Exit status: 0 all hosts are ready, 1 a host does not answer, 2 usage, 3 a host is not ready, 5 of one it is not
    known.

    Parameters
    ----------
    named
        Hosts to ask; those of the configuration when none is named.
    json
        One JSON object a line: a `kdump` for each host.
    """
    from tui.headless.kdump import kdump as command

    return asyncio.run(command(options.with_hosts(named), json=json))


def dump(
    guest: Guest,
    /,
    *,
    wishes: DumpOptions = _USUAL_DUMP,
    dry_run: Annotated[
        bool, Parameter(name=["--dry-run", "--plan"], negative="", show_default=False)
    ] = False,
    yes: Flag = False,
    json: Flag = False,
    options: HostOptions = _ANY_HOST,
) -> int:
    """Write a guest's memory into a file, on its host or brought here.

    The plan is told first, with the room that it needs. It waits for your yes unless the guest goes on meanwhile.
    ctrl-c aborts it, and what it had written is removed.

    Exit status: 0 done, 1 failed, 2 usage, 3 refused (no room, ...), nothing was done, 4 aborted by ctrl-c.

    Parameters
    ----------
    guest
        NAME, UUID, HOST/NAME or HOST/UUID.
    dry_run
        Only tell the plan.
    yes
        Do not ask.
    json
        One JSON object a line: `dump_plan`, `dump` as it goes, at last `outcome`.
    """
    from tui.headless.dump import dump as command

    return asyncio.run(command(options, guest, wishes, dry_run=dry_run, yes=yes, json=json))


def crash_setting(
    guest: Guest,
    /,
    *,
    wishes: SettingOptions = _NO_CHANGE,
    json: Flag = False,
    options: HostOptions = _ANY_HOST,
) -> int:
    """Tell what happens when a guest crashes and what would be left of it, or change it.

    Exit status: 0 told, or changed, 1 failed, 2 usage.

    Parameters
    ----------
    guest
        NAME, UUID, HOST/NAME or HOST/UUID.
    json
        One JSON object a line: an `outcome` where something was changed, then `crash_setting`.
    """
    from tui.headless.crash_setting import crash_setting as command

    return asyncio.run(command(options, guest, wishes, json=json))


ALL = (kdump, dump, crash_setting)
