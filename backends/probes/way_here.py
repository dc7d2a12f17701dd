"""From which address this machine has come to a host."""

from __future__ import annotations

import ipaddress

from backends.remote.shell import Shell

_COMMAND = ("printenv", "SSH_CONNECTION")


async def our_address(shell: Shell) -> str:
    """As the host sees it; empty where the way does not lead over SSH. Raises FerryError."""
    return parse((await shell.run(_COMMAND)).out)


def parse(connection: str) -> str:
    """The first of `CLIENT PORT SERVER PORT` (sshd(8), ENVIRONMENT), without an IPv6 scope; empty for anything else."""
    first = next(iter(connection.split()), "").partition("%")[0]
    try:
        return str(ipaddress.ip_address(first))
    except ValueError:
        return ""
