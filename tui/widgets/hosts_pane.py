"""The hosts at the side of the guests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from backends.model.fleet import FleetState
from tui.glyphs import Glyphs
from tui.widgets.lines import EMPTY, Line, LineView, dim, line
from tui.words.host import host_lines, hosts_summary


class HostsPane(LineView):
    """Each host with its link and its load."""

    def __init__(self, glyphs: Glyphs, clock: Callable[[], datetime]) -> None:
        super().__init__(id="hosts")
        self._glyphs = glyphs
        self._clock = clock

    def show(self, state: FleetState) -> None:
        """Draw it anew; only lines that differ are painted."""
        self.draw(lambda width: self._hosts(state, width))

    def _hosts(self, state: FleetState, width: int) -> list[Line]:
        lines = [line(dim(" HOSTS"))]
        for view in state.hosts.values():
            lines += host_lines(view, self._glyphs, self._clock(), width)
            lines.append(EMPTY)
        return lines


class HostsLine(LineView):
    """The same in one line, for screens too narrow for a pane."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="hosts-line")
        self._glyphs = glyphs

    def show(self, state: FleetState) -> None:
        """Draw it anew."""
        self.draw(lambda _: [hosts_summary(list(state.hosts.values()), self._glyphs)])
