"""Jobs that libvirt reports and this session did not start: moves of an earlier one, of virsh, of others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backends.model.fleet import FleetState
from backends.model.move import RunningJob
from tui.format import duration, long_size
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, line, wrap
from tui.words.virsh import guest_command


def foreign_jobs(jobs: Iterable[RunningJob], state: FleetState) -> tuple[RunningJob, ...]:
    """Those that belong to no move of this session."""
    return tuple(job for job in jobs if state.move_of(job.guest) is None)


def jobs_picture(jobs: Sequence[RunningJob], state: FleetState, width: int) -> list[Line]:
    """What runs, how far it is, and how it could be stopped."""
    lines: list[Line] = [
        line(Cell(" STARTED ELSEWHERE ", Tone.TITLE), dim(" libvirt reports these jobs, too"))
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
                dim(" sent  "),
                long_size(job.remaining_bytes),
                dim(" left"),
            )
        )
        command = guest_command(state.hosts[job.guest.host].spec, job.guest, job.name, "domjobabort")
        lines += wrap(f"to stop it: {command}", width - 2, Tone.DIM, indent="   ", first=line("   "))
    return lines
