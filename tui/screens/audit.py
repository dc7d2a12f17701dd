"""Who did what, when, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import BindingType

from backends.model.history import AuditLine
from tui.actions.action import Place
from tui.actions.registry import bindings_for
from tui.screens.journal import LIMIT, JournalScreen
from tui.widgets.grid_columns import Column
from tui.widgets.lines import Line
from tui.words.audit import audit_columns, audit_detail


class AuditScreen(JournalScreen[AuditLine]):
    """Newest first."""

    PLACE = Place.AUDIT
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.AUDIT)
    HEADING = "WHO DID WHAT"
    SORT = "when"
    NOTHING = "Nothing has been done yet.\n\nEvery act of this program on a host is kept here."
    FILTER_HINT = "who, what, or what came of it"

    def columns(self) -> Sequence[Column[AuditLine]]:
        """How an act is shown."""
        return audit_columns(lambda: datetime.now(UTC))

    def key_of(self, row: AuditLine) -> AuditLine:
        """A line is all that it says."""
        return row

    def detail(self, row: AuditLine, width: int) -> Sequence[Line]:
        """All of it."""
        return audit_detail(row, width)

    async def read(self, text: str) -> Sequence[AuditLine]:
        """Those that have the words."""
        return await self.session.fleet.audit(text, limit=LIMIT)
