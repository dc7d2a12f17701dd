"""Jobs that libvirt reports and that are no moves: saves, dumps, copies of blocks, whoever started them."""

from __future__ import annotations

from collections.abc import Sequence

from backends.model.fleet import FleetState
from backends.model.move import RunningJob
from tui.format import duration, long_size
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, line, wrap
from tui.words.guest import arriving
from tui.words.virsh import guest_command


def other_jobs(state: FleetState) -> tuple[RunningJob, ...]:
    """Those that belong to no move in flight, at neither of its ends."""
    moved = arriving(state) | {move.request.guest for move in state.moves.values() if not move.phase.final}
    return tuple(job for job in state.jobs if job.guest not in moved)


def jobs_picture(jobs: Sequence[RunningJob], state: FleetState, width: int) -> list[Line]:
    """What runs, how far it is, and how it could be stopped."""
    lines: list[Line] = [
        line(Cell(" OTHER JOBS ", Tone.TITLE), dim(" libvirt reports them; they are no moves"))
    ]
    for job in jobs:
        lines.append(
            line(
                Cell(f" {job.name}", Tone.BUSY),
                dim(" on "),
                job.guest.host,
                f"  {job.operation}",
                dim(f"  for {duration(job.elapsed_s)}  "),
                long_size(job.processed_bytes),
                dim(" done  "),
                long_size(job.remaining_bytes),
                dim(" left"),
            )
        )
        command = abort_command(job, state)
        lines += wrap(f"to stop it: {command}", width - 2, Tone.DIM, indent="   ", first=line("   "))
    return lines


def abort_command(job: RunningJob, state: FleetState) -> str:
    """What stops it by hand."""
    return guest_command(state.hosts[job.guest.host].spec, job.guest, job.name, "domjobabort")
