"""A log on a host, read piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backends.errors import ActionError
from backends.fleet.session import Session
from backends.model.log import LogLine, LogMatches, Saving


class HostLog:
    """See backends.api.Log."""

    place: str
    size_bytes: int

    async def refresh(self) -> int:
        """The size now."""
        raise ActionError("not built yet")

    async def before(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """Lines that end here."""
        raise ActionError("not built yet")

    async def after(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """Lines that begin here."""
        raise ActionError("not built yet")

    async def search(self, text: str) -> AsyncGenerator[LogMatches, None]:
        """Lines with this text."""
        raise ActionError("not built yet")
        yield

    async def save(self, path: Path, *, overwrite: bool = False) -> AsyncGenerator[Saving, None]:
        """All of it."""
        raise ActionError("not built yet")
        yield


@asynccontextmanager
async def open_log(session: Session, path: str) -> AsyncIterator[HostLog]:
    """Open while the block lasts. Raises FerryError."""
    raise ActionError("not built yet", host=session.host)
    yield
