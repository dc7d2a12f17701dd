"""What is known of one layer of a disk."""

from __future__ import annotations

from dataclasses import dataclass

from backends.model.move import Verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict, with the words for the user."""

    verdict: Verdict
    evidence: str
    mend: str = ""
