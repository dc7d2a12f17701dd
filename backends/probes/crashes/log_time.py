"""The times that libvirt and QEMU write before their lines: both in UTC, whatever the host's zone is. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

STAMP = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{3,6}(?:\+0000|Z)"
"""libvirt's `2026-01-31 12:00:00.123+0000` (virTimeStringNow), QEMU's `2026-01-31T12:00:00.123456Z` (error_vprintf)."""
_FORM = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d\.\d{3,6})(?:\+0000|Z)")


def seconds(text: str) -> float | None:
    """Since 1970; None for what is no such time."""
    match = _FORM.fullmatch(text)
    if not match:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
