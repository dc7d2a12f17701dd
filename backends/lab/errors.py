"""The lab's one kind of error."""

from __future__ import annotations

from backends.errors import FerryError


class LabError(FerryError):
    """Something the lab cannot do; the hint says what the user can do about it."""
