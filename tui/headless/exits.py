"""What the program's exit status says."""

from __future__ import annotations

from enum import IntEnum

from backends.model.move import Result


class Exit(IntEnum):
    """Exit statuses; scripts depend on them, so they never change their meaning."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    CANCELLED = 4
    INDETERMINATE = 5


EXIT_OF_RESULT = {
    Result.SUCCEEDED: Exit.SUCCEEDED,
    Result.FAILED: Exit.FAILED,
    Result.REFUSED: Exit.REFUSED,
    Result.CANCELLED: Exit.CANCELLED,
    Result.INDETERMINATE: Exit.INDETERMINATE,
}


class UsageError(Exception):
    """The command line cannot be followed; `hint` says how it could."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
