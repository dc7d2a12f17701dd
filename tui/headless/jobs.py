"""`virt-ferry jobs`."""

from __future__ import annotations

from tui.format import duration, size
from tui.headless.exits import Exit
from tui.headless.lines import job_line
from tui.headless.output import Output
from tui.headless.session import HostOptions, settled_fleet

_TITLES = ("HOST", "GUEST", "JOB", ">ELAPSED", ">SENT", ">LEFT")


async def jobs(options: HostOptions, *, json: bool) -> Exit:
    """Tell of the jobs that libvirt reports now, whoever started them."""
    out = Output()
    async with settled_fleet(options) as (fleet, _):
        running = await fleet.running_jobs()
        if json:
            for job in running:
                out.json(job_line(job))
        elif running:
            out.table(
                _TITLES,
                [
                    (
                        job.guest.host,
                        job.name,
                        job.operation,
                        duration(job.elapsed_s),
                        size(job.processed_bytes),
                        size(job.remaining_bytes),
                    )
                    for job in running
                ],
            )
        else:
            out.line("no jobs")
    return Exit.SUCCEEDED
