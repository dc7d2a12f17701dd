"""The commands about storage, as the command line offers them. What they do is imported when it is needed."""

from __future__ import annotations

import asyncio

from cyclopts import App

from tui.arguments import AnyDisk, Disk, Guest, Host, Iqn, Portal, Size, Subject
from tui.headless.chap import ChapOptions
from tui.headless.session import Flag, HostOptions

_ANY_HOST = HostOptions()
_NO_CHAP = ChapOptions()


def storage(*named: Host, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """List all storage by its identity: who sees it, what is promised of it, and what is wrong with it.

    Exit status: 0 a host has answered, 1 none has, 2 usage.

    Parameters
    ----------
    named
        Hosts to ask; those of the configuration when none is named.
    json
        One JSON object a line: `storage`, then its `sighting`, `pool`, `disk` and `finding`; at last `storage_map`.
    """
    from tui.headless.storage import storage as command

    return asyncio.run(command(options.with_hosts(named), json=json))


def prove(subject: Subject, /, *named: Host, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """Try whether hosts see one storage.

    A small file is written there through one host, read and locked through the others, and removed. A LUN or a device
    is only read.

    Exit status: 0 all of them see it, 1 one of them does not, or has only the same path, 2 usage, 5 of one it is not
    known.

    Parameters
    ----------
    subject
        A path, the name of a libvirt pool, or a key as virt-ferry storage --json has it.
    named
        Hosts to try, the first one writes; those of the configuration when none is named.
    json
        One JSON object a line: `proving`, a `host_proof` for each host, at last `proof`.
    """
    from tui.headless.prove import prove as command

    return asyncio.run(command(options.with_hosts(named), subject, json=json))


def chain(
    guest: Guest, disk: AnyDisk = None, /, *, json: Flag = False, options: HostOptions = _ANY_HOST
) -> int:
    """Draw what lies under a guest's disks, from the guest down to the bytes.

    Exit status: 0 all of them were read, 1 one was not, 2 usage.

    Parameters
    ----------
    guest
        NAME, UUID, HOST/NAME or HOST/UUID.
    disk
        Its name inside the guest's definition (vda); all when none is named.
    json
        One JSON object a line: a `chain` for each disk.
    """
    from tui.headless.chain import chain as command

    return asyncio.run(command(options, guest, disk, json=json))


def grow(
    guest: Guest,
    disk: Disk,
    size: Size,
    /,
    *,
    dry_run: Flag = False,
    yes: Flag = False,
    json: Flag = False,
    options: HostOptions = _ANY_HOST,
) -> int:
    """Make a guest's disk larger, layer by layer, while the guest runs.

    The plan is told first, and waits for your yes. ctrl-c stops it between two steps.

    Exit status: 0 done, 1 failed (what is done and what is left is told), 2 usage,
    3 refused, nothing was done, 4 stopped by ctrl-c.

    Parameters
    ----------
    guest
        NAME, UUID, HOST/NAME or HOST/UUID.
    disk
        Its name inside the guest's definition: vda.
    size
        20G or 20GiB: to that size. +5G: by so much. A disk is never made smaller.
    dry_run
        Only tell the plan.
    yes
        Do not ask.
    json
        One JSON object a line: `growth_plan`, a `growth` for each step, at last `outcome`.
    """
    from tui.headless.grow import grow as command

    return asyncio.run(command(options, guest, disk, size, dry_run=dry_run, yes=yes, json=json))


ALL = (storage, prove, chain, grow)

iscsi = App(
    name="iscsi", help="List what an iSCSI portal offers to a host, log the host in and out, rescan LUNs."
)


@iscsi.command
def targets(host: Host, portal: Portal, /, *, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """List what a portal offers to a host, and whether the host is logged in to it.

    Exit status: 0 the portal has answered, 1 it has not, 2 usage.

    Parameters
    ----------
    host
        The host that asks.
    portal
        ADDRESS or ADDRESS:PORT.
    json
        One JSON object a line.
    """
    from tui.headless.iscsi import targets as command

    return asyncio.run(command(options, host, portal, json=json))


@iscsi.command
def login(
    host: Host,
    portal: Portal,
    iqn: Iqn,
    /,
    *,
    chap: ChapOptions = _NO_CHAP,
    json: Flag = False,
    options: HostOptions = _ANY_HOST,
) -> int:
    """Log a host in to a target.

    With --user the CHAP secret is asked for on the terminal, or taken from where you say. It is never an argument.

    Exit status: 0 it is logged in, 1 it is not, 2 usage.

    Parameters
    ----------
    host
        The host to log in.
    portal
        ADDRESS or ADDRESS:PORT.
    iqn
        The target, as virt-ferry iscsi targets has it.
    json
        One JSON object a line.
    """
    from tui.headless.iscsi import log_in as command

    return asyncio.run(command(options, host, portal, iqn, chap, json=json))


@iscsi.command
def logout(
    host: Host, portal: Portal, iqn: Iqn, /, *, json: Flag = False, options: HostOptions = _ANY_HOST
) -> int:
    """Log a host out of a target; refused while a guest that runs has a disk there.

    Exit status: 0 it is logged out, 1 it is not, 2 usage.

    Parameters
    ----------
    host
        The host to log out.
    portal
        ADDRESS or ADDRESS:PORT.
    iqn
        The target.
    json
        One JSON object a line.
    """
    from tui.headless.iscsi import log_out as command

    return asyncio.run(command(options, host, portal, iqn, json=json))


@iscsi.command
def rescan(host: Host, iqn: Iqn = "", /, *, json: Flag = False, options: HostOptions = _ANY_HOST) -> int:
    """Let a host look how large its LUNs are now, after one has grown on its storage. Nothing is written to them.

    Exit status: 0 it has looked, 1 it has not, 2 usage.

    Parameters
    ----------
    host
        The host.
    iqn
        Only the LUNs of this target.
    json
        One JSON object.
    """
    from tui.headless.iscsi import rescan as command

    return asyncio.run(command(options, host, iqn, json=json))
