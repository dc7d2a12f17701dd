"""What one survey brought from a host, file by file, before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from backends.untrusted import clean


class Gap(Enum):
    """Why a file, or a command's answer, is not there."""

    MISSING = "missing"
    """The host has no such file or command, or was not asked for it."""
    DENIED = "denied"
    """It is there, and this account may not read it."""
    BROKEN = "broken"
    """It is there and readable, and reading it failed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One file's text as the host gave it: bounded, NOT yet safe to show, without the newline at its end."""

    text: str = ""
    gap: Gap | None = None
    said: str = ""
    """A command's error output, or why it has no answer. NOT yet safe to show. What it told before stays in `text`."""


@dataclass(frozen=True, slots=True)
class Readings:
    """All that one round told. Keys are paths; a command's answer stands under its words: `uname -m`, `dmesg`.

    A device stands for what this account may do with it (`rw`, `r`, `w`, or `-`: it is there); a folder of which only
    the names matter, for its names, one a line.
    """

    account: str
    """Whom the host takes us for; NOT yet safe to show. Empty where it does not tell."""
    is_root: bool
    clock_ahead_s: float | None
    """The host's clock against ours; None where its `date` does not tell fractions of a second."""
    clock_exact_to_s: float
    """Half of the time that the answer took."""
    took_s: float
    files: Mapping[str, Reading]

    def reading(self, path: str) -> Reading:
        """Missing where the host did not tell of it."""
        return self.files.get(path, _NEVER_TOLD)

    def text(self, path: str) -> str:
        """Empty where there is none."""
        return self.reading(path).text

    def there(self, path: str) -> bool:
        """Is it there, readable or not?"""
        return self.reading(path).gap is not Gap.MISSING

    def under(self, prefix: str) -> Mapping[str, Reading]:
        """All whose path begins so, in the order of their names."""
        return {path: self.files[path] for path in sorted(self.files) if path.startswith(prefix)}

    def trouble(self, path: str) -> tuple[str, str]:
        """(why there is no answer, what would bring one) for a Fact; both empty where there is an answer."""
        gap = self.reading(path).gap
        if gap is None:
            return "", ""
        if gap is Gap.DENIED:
            return "permission denied", _permission(path)
        if gap is Gap.BROKEN:
            said = clean(" ".join(self.reading(path).said.split()), limit=200)
            return (f"{path.partition(' ')[0]}: {said}" if said else "could not be read"), ""
        return "this host does not tell", ""


_NEVER_TOLD = Reading(gap=Gap.MISSING)
_PERMISSIONS = {
    "dmesg": "set kernel.dmesg_restrict=0, or give this account CAP_SYSLOG",
    "/dev/cpu/": "give this account CAP_SYS_RAWIO and leave to read the device",
    "/dev/kvm": "add this account to the group of /dev/kvm",
    "/dev/sev": "add this account to the group of /dev/sev",
    "/sys/kernel/security/": "open securityfs, which is root's by default, to this account",
}
"""What a file needs besides being root: kernel.dmesg_restrict (sysctl/kernel.rst), msr(4), /dev/kvm's group (udev)."""


def _permission(path: str) -> str:
    if " " in path and not path.startswith("/"):
        return f"log in as root: {path.partition(' ')[0]} needs it"
    more = next((words for start, words in _PERMISSIONS.items() if path.startswith(start)), "")
    return (
        f"log in as root; or: {more}"
        if more
        else f"log in as root, or give this account leave to read {path}"
    )
