"""libvirt's errors, translated once into ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import libvirt

from backends.errors import (
    AbortedError,
    ActionError,
    DeadlineError,
    FerryError,
    GuestMissingError,
    LinkError,
    UnsupportedError,
)
from backends.untrusted import clean

_log = logging.getLogger(__name__)

_LINK = {
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INVALID_CONN,
    libvirt.VIR_ERR_RPC,
    libvirt.VIR_ERR_AUTH_FAILED,
    libvirt.VIR_ERR_AUTH_CANCELLED,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE,
    libvirt.VIR_ERR_NO_CLIENT,
}
_LINK_IF_OURS = {libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR}
"""These say nothing by themselves; from the client's own transport they mean that it is broken."""
_LINK_DOMAINS = {libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_STREAMS}
_UNSUPPORTED = {
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
}
_DEADLINE = {libvirt.VIR_ERR_OPERATION_TIMEOUT, libvirt.VIR_ERR_AGENT_UNRESPONSIVE}


_UNREADABLE = (UnicodeError, ValueError, TypeError, AttributeError, SystemError)
"""What libvirt's binding raises for text that is no UTF-8 and for None where a value should be. One sick host's
answer is that host's trouble; the log has the traceback, in case it is ours."""


@contextmanager
def translated(host: str, operation: str) -> Iterator[None]:
    """Inside, libvirtError becomes a FerryError that names host and operation; the cause is kept."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise translate(error, host, operation) from error
    except _UNREADABLE as error:
        _log.exception("%s: %s: libvirt's Python binding could not make sense of an answer", host, operation)
        raise ActionError(
            f"unreadable answer: {clean(str(error))}", host=host, operation=operation
        ) from error
    except FerryError as error:
        error.host = error.host or host
        error.operation = operation if isinstance(error, DeadlineError) else error.operation or operation
        raise


def translate(error: libvirt.libvirtError, host: str, operation: str) -> FerryError:
    """The FerryError that stands for this libvirtError."""
    code, domain = error.get_error_code(), error.get_error_domain()
    cause = clean(error.get_error_message() or str(error), limit=400)
    if code == libvirt.VIR_ERR_NO_DOMAIN:
        return GuestMissingError(cause, host=host, operation=operation)
    if code == libvirt.VIR_ERR_OPERATION_ABORTED:
        return AbortedError(cause, host=host, operation=operation)
    if code in _UNSUPPORTED:
        return UnsupportedError(cause, host=host, operation=operation)
    if code in _DEADLINE:
        return DeadlineError(
            cause, host=host, operation=operation, hint="another operation holds the guest; try again"
        )
    if code in _LINK or (domain in _LINK_DOMAINS and code in _LINK_IF_OURS):
        return LinkError(cause, host=host, operation=operation)
    return ActionError(cause, host=host, operation=operation)
