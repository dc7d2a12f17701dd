"""A file of a host, brought here."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from backends.errors import ActionError
from backends.fleet.session import Session
from backends.model.crash import Evidence
from backends.model.log import Saving


async def fetch(session: Session, evidence: Evidence, path: Path) -> AsyncGenerator[Saving, None]:
    """Raises FerryError."""
    raise ActionError("not built yet", host=session.host)
    yield
