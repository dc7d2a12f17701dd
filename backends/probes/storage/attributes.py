"""The small files of one class of the kernel's devices, and links in a folder, as the script brings them."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ATTRIBUTE = re.compile(r"([^/]+)/([^:]+):(.*)")
"""`connection1:0/persistent_address:10.0.0.1`: names of devices may hold a colon, names of their files never."""
_LINK = re.compile(r"(\S+) -> (.+)")
_NUMBER = re.compile(r"\d{1,20}")


def parse(text: str) -> Mapping[str, Mapping[str, str]]:
    """Device -> name of the file -> its first line. Pure; NOT yet safe to show."""
    found: dict[str, dict[str, str]] = {}
    for line in text.split("\n"):
        if match := _ATTRIBUTE.fullmatch(line):
            found.setdefault(match[1], {}).setdefault(match[2], match[3].strip())
    return found


def links(text: str) -> Mapping[str, str]:
    """Name -> where it leads, of lines `NAME -> TARGET`. Pure; NOT yet safe to show."""
    matches = (_LINK.fullmatch(line) for line in text.split("\n"))
    return {match[1]: match[2] for match in matches if match}


def number(text: str) -> int | None:
    """A decimal number that is not absurdly long; None for all else."""
    return int(text) if text.isascii() and _NUMBER.fullmatch(text) else None
