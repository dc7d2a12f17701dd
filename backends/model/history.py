"""What has been done: ended moves and acts, as the journal keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One act of a user, or of this program in his name."""

    at: datetime
    who: str
    """`root@bastion, process 4711`."""
    what: str
    """The act, with its object: `force off web-01 on h1`."""
    result: str
    """`done`, or why it was not."""
    move: str = ""
    """The id of the move it belongs to, if any."""
