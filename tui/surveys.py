"""`Surveys`: what hosts can do, asked when somebody looks, once for each connection, and never while idle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from textual.dom import DOMNode

from backends.model.capability import HostCapabilities
from backends.model.fleet import HostView
from backends.model.host import HostName
from tui.inquiry import Inquiry
from tui.words.host import can_be_asked


class Surveys(Inquiry[HostCapabilities]):
    """The fleet's state keeps the answers; this knows who is being asked, and who could not answer."""

    def __init__(self, question: Callable[[HostName], Awaitable[HostCapabilities]]) -> None:
        super().__init__(question, "surveys")
        self._tried: dict[HostName, datetime] = {}
        """The connection, by its beginning, in which a host was asked unbidden."""

    def ask_where_due(self, owner: DOMNode, views: Iterable[HostView]) -> None:
        """Ask those that answer and were not asked since they do."""
        due = [view for view in views if can_be_asked(view) and self._is_due(view)]
        for view in due:
            self._tried[view.spec.name] = view.link.since
        self.ask(owner, [view.spec.name for view in due])

    def _is_due(self, view: HostView) -> bool:
        since, known = view.link.since, view.capabilities
        return self._tried.get(view.spec.name) != since and (known is None or known.at < since)
