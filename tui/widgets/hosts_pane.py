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

    def on_resize(self) -> None:
        """What fits depends on the height, too."""
        self.draw()

    def _hosts(self, state: FleetState, width: int) -> list[Line]:
        """With air between the hosts, without it, or one line each: what fits."""
        views = list(state.hosts.values())
        room = max(2, self.size.height) - 1
        blocks = [host_lines(view, self._glyphs, self._clock(), width) for view in views]
        if sum(len(block) + 1 for block in blocks) <= room:
            blocks = [[*block, EMPTY] for block in blocks]
        elif sum(len(block) for block in blocks) > room:
            blocks = [block[:1] for block in blocks]
        lines = [piece for block in blocks for piece in block]
        if len(lines) > room:
            hidden = len(lines) - room + 1
            lines = [*lines[: room - 1], line(dim(f" and {hidden} more: 2 shows all hosts"))]
        return [line(dim(" HOSTS")), *lines]


class HostsLine(LineView):
    """The same in one line, for screens too narrow for a pane."""

    def __init__(self, glyphs: Glyphs, clock: Callable[[], datetime]) -> None:
        super().__init__(id="hosts-line")
        self._glyphs = glyphs
        self._clock = clock

    def show(self, state: FleetState) -> None:
        """Draw it anew."""
        views = list(state.hosts.values())
        self.draw(lambda width: [hosts_summary(views, self._glyphs, self._clock(), width)])
