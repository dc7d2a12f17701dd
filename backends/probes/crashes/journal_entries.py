"""Entries of systemd's journal as `journalctl -o json` tells them: an object a line (Journal Export Formats). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from backends.probes.survey.asking import Command

BOOTS = Command(("journalctl", "--list-boots", "-q", "--no-pager", "-o", "json"))
"""In JSON since systemd 251; before, lines. Where it tells nothing, this account does not see the journal."""


def entry(line: str) -> Mapping[str, object] | None:
    """None for what is no entry."""
    try:
        told = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def text_of(value: object) -> str:
    """A field's text; what is no UTF-8 stands there as a list of bytes. NOT yet safe to show."""
    if isinstance(value, list) and all(isinstance(each, int) and 0 <= each < 256 for each in value):
        return bytes(value).decode(errors="replace")
    return value if isinstance(value, str) else ""


def seconds(value: object) -> float | None:
    """Since 1970, of a time in microseconds."""
    text = str(value) if isinstance(value, str) or (isinstance(value, int) and abs(value) < 10**18) else ""
    return int(text) / 1e6 if text.isascii() and text.isdigit() and len(text) <= 18 else None
