"""The files of a host, where there is a way to them."""

from __future__ import annotations

from backends.errors import ActionError
from backends.fleet.supervisor import Supervisor
from backends.remote.local import LocalShell
from backends.remote.shell import Shell


def files_of(supervisor: Supervisor) -> Shell:
    """Commands and files of a host. libvirt's in-process test driver has its files on this machine.

    Raises LinkError, and ActionError for a host that is reached by libvirt alone.
    """
    session = supervisor.current()
    if session.shell is not None:
        return session.shell
    if session.spec.target.startswith("test:"):
        return LocalShell()
    raise ActionError(
        "reached by libvirt alone, without files", host=session.host, operation="reach its files"
    )
