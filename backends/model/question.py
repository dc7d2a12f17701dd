"""Questions that only the user can answer while a host is being reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from backends.model.host import HostName


class QuestionKind(Enum):
    """What is asked; the answer is text for the secrets, a yes or no for the host key."""

    HOST_KEY = "host key"
    PASSPHRASE = "passphrase"
    PASSWORD = "password"


@dataclass(frozen=True, slots=True)
class Question:
    """One question. Answers are never stored nor logged; an accepted host key goes into known_hosts."""

    kind: QuestionKind
    host: HostName
    text: str
    """The question in one or two lines, safe to show."""
    detail: str = ""
    """Fingerprint and key type for a host key, the file of the key for a passphrase."""


Asker: TypeAlias = Callable[[Question], Awaitable[str | None]]
"""Puts a question to the user. Answers the secret, or `yes` for a host key; None is a refusal (or nobody to ask)."""
