"""By whom a move is driven, and who started it: what becomes of it when this session ends."""

from __future__ import annotations

from backends.model.move import Move, MoveMode, MoveRequest, Origin, Route
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, line

SOMEBODY = "somebody else"


def way_words(mode: MoveMode, route: Route) -> str:
    """Who carries a move, and what that costs."""
    match mode, route:
        case MoveMode.SAVED, _:
            return "carried by this session: if it ends, the guest stays saved until the next one goes on"
        case MoveMode.OFFLINE, _:
            return "carried by this session, in a moment: if it ends, the guest stays where it is defined"
        case _, Route.PEER_TO_PEER:
            return "peer-to-peer: it goes on if this session ends"
        case _, Route.DIRECT:
            return "client-managed: if this session ends, it is rolled back, or leaves the guest paused"


def is_at_risk(mode: MoveMode, route: Route) -> bool:
    """Can the end of this session leave the guest paused?"""
    return mode in (MoveMode.LIVE, MoveMode.PAUSED) and route is Route.DIRECT


def fate_words(move: Move) -> str:
    """What happens to a move that does not outlive this session, in one sentence."""
    request = move.request
    match request.mode:
        case MoveMode.SAVED:
            return f"it would stop, and {request.name} stay saved until virt-ferry is started again"
        case MoveMode.OFFLINE:
            return f"it would stop, with {request.name} still defined on {move.source}"
        case _:
            return f"it is client-managed: it would be rolled back, or leave {request.name} paused"


def who_words(move: Move) -> str:
    """Who started it, where that was not this session; empty where it was."""
    match move.origin:
        case Origin.HERE:
            return ""
        case Origin.EARLIER:
            by = f" by {move.who}" if move.who else ""
            return f"started{by} before this session: found in the journal"
        case Origin.ELSEWHERE:
            return (
                f"started elsewhere, by {move.who}"
                if move.who
                else "started elsewhere: nothing tells by whom"
            )


def starter(move: Move) -> str:
    """Who started a move of somebody else, as the subject of a sentence."""
    return move.who or SOMEBODY


def way_line(move: Move) -> Line:
    """The second line of a move in flight: who drives it."""
    if move.origin is Origin.ELSEWHERE:
        return line(Cell(who_words(move), Tone.DOUBT), dim("   this session only watches it"))
    mode, route = move.request.mode, move.route
    return line(Cell(way_words(mode, route), Tone.DOUBT if is_at_risk(mode, route) else Tone.DIM))


def extra_words(request: MoveRequest) -> str:
    """What was added to the mode: `copying disks, ready for post-copy`."""
    parts = []
    if request.copy_disks:
        parts.append("copying disks")
    if request.mode is MoveMode.LIVE and request.wants_postcopy:
        parts.append("ready for post-copy")
    return ", ".join(parts)
