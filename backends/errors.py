"""Errors that a user can act on. Each says where, what was tried, why it failed and what to do about it."""

from __future__ import annotations


class FerryError(Exception):
    """The root of what this program reports to its user instead of ending.

    `host` and `operation` say where and what; `cause` is the other side's word, already safe to show;
    `hint` is the next step for the user, empty where there is none.
    """

    def __init__(self, cause: str, *, host: str = "", operation: str = "", hint: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.host = host
        self.operation = operation
        self.hint = hint

    def __str__(self) -> str:
        """One line: host, operation and cause, as far as they are known."""
        return ": ".join(part for part in (self.host, self.operation, self.cause) if part)


class ConfigError(FerryError):
    """The configuration is wrong; the cause names file, line and key."""


class LinkError(FerryError):
    """A host cannot be reached: a definite no from the network, SSH or libvirt."""


class HostKeyError(LinkError):
    """The host's key is unknown and was not accepted, or is not the one that is known."""


class LoginError(LinkError):
    """The host does not let us in."""


class DeadlineError(FerryError):
    """No answer in time. Nothing is known about what happened there."""


class ActionError(FerryError):
    """The host answered, and did not do it."""


class GuestMissingError(ActionError):
    """There is no such guest (any more) on that host."""


class AbortedError(ActionError):
    """Somebody has asked for the end of it, and that was granted."""


class UnsupportedError(ActionError):
    """This driver, or this version of it, cannot do it."""


class CommandError(ActionError):
    """A command on the host ended with a failure; `cause` is its error output."""


class JournalError(FerryError):
    """What moves do cannot be written down, or not be read: without that no move may be started."""
