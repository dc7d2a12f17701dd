"""What moves have left behind on the hosts, seen from all of them at once. Pure.

A guest that a move or a job has in hand is no unfinished business, and neither is what a host shows that does not
answer: that may be different by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backends.migration.leftovers.guests import broken_postcopy, of_guest
from backends.migration.leftovers.survey import Survey
from backends.migration.leftovers.traces import of_trace
from backends.model.fleet import FleetState
from backends.model.move import Move
from backends.model.unfinished import Unfinished, UnfinishedKind

_URGENCY = {kind: number for number, kind in enumerate(UnfinishedKind)}


def unfinished(state: FleetState, ended_with_traces: Sequence[Move]) -> tuple[Unfinished, ...]:
    """All of it, most urgent first. To be called again as samples come: time alone makes a doubt certain."""
    survey = Survey(state, ended_with_traces)
    found = {
        one.id: one
        for same in survey.suspects()
        for one in (*of_guest(survey, same), *broken_postcopy(survey, same))
    }
    for move in ended_with_traces:
        for trace in move.traces:
            one = of_trace(survey, move, trace)
            if one is not None:
                found.setdefault(one.id, one)
    return tuple(sorted(found.values(), key=lambda one: (_URGENCY[one.kind], one.name, one.guest)))


def without_trace(move: Move, done: Unfinished) -> Move:
    """The move once the file of this unfinished business is gone."""
    kept = (trace for trace in move.traces if (trace.host, trace.path) != (done.guest.host, done.path))
    return replace(move, traces=tuple(kept))
