"""Is the guest in a state in which it can be moved?"""

from __future__ import annotations

from backends.hypervisor.whereabouts import whereabouts
from backends.migration.checks.context import Context
from backends.model.guest import GuestState
from backends.model.move import Check, Verdict


async def state(context: Context) -> list[Check]:
    """A live move needs a guest that runs, and no other job on it. Asked anew, not taken from the table."""
    seen = await whereabouts(context.source_connection, context.request.guest.uuid)
    host, title = context.source.host, "guest state"
    if not seen.defined:
        return [Check("guest.state", title, Verdict.REFUSE, f"{host} does not know this guest any more")]
    word = f"{seen.state.value} ({seen.reason})" if seen.reason else seen.state.value
    checks = [Check("guest.state", title, Verdict.OK, f"{word} on {host}")]
    if not seen.state.executing:
        mend = "resume it first" if seen.state is GuestState.PAUSED else "start it first"
        checks = [
            Check(
                "guest.state",
                title,
                Verdict.REFUSE,
                f"{word} on {host}: a live move needs a running guest",
                mend,
            )
        ]
    if seen.job_running:
        checks.append(
            Check(
                "guest.job",
                "no other job",
                Verdict.REFUSE,
                "a job runs on this guest already",
                "wait for it: virt-ferry jobs shows it",
            )
        )
    return checks
