"""The lab's one exception."""

from __future__ import annotations


class LabError(Exception):
    """Something the lab cannot do, with what the user can do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
