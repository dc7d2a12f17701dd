"""What a scripted host answers when it is asked what it can do."""

from __future__ import annotations

from typing import TypeVar

from backends.api import FerryError

T = TypeVar("T")


def answer(told: T | FerryError | None, otherwise: FerryError) -> T:
    """What a test has set; raises it where it is an error, and `otherwise` where nothing is set."""
    told = told or otherwise
    if isinstance(told, FerryError):
        raise told
    return told
