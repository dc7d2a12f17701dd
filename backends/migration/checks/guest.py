"""Is the guest in a state in which it can be moved in this way?"""

from __future__ import annotations

from backends.errors import FerryError
from backends.hypervisor.guest_needs import GuestNeeds
from backends.hypervisor.jobs import JobStatistics, read_statistics
from backends.hypervisor.whereabouts import Whereabouts
from backends.migration.checks.context import Context
from backends.migration.checks.versions import Numbers, source_libvirt
from backends.model.guest import GuestState
from backends.model.move import Check, MoveMode, Verdict

POSTCOPY_FAILED = "post-copy failed"
IO_ERROR = "I/O error"
REFUSES_SNAPSHOTS = (10,)
"""qemu_migration.c of every libvirt that was looked at, up to this one, refuses a guest that has snapshots."""


async def state(context: Context) -> list[Check]:
    """Asked anew, not taken from the table."""
    return [state_verdict(context.request.mode, await context.seen(), context.source.host)]


def state_verdict(mode: MoveMode, seen: Whereabouts, host: str) -> Check:
    """Does the state fit the mode? Pure."""
    word = f"{seen.state.value} ({seen.reason})" if seen.reason else seen.state.value

    def check(verdict: Verdict, evidence: str = f"{word} on {host}", mend: str = "") -> Check:
        return Check("guest.state", "guest state", verdict, evidence, mend)

    def refuse(why: str, mend: str) -> Check:
        return check(Verdict.REFUSE, f"{word} on {host}: {why}", mend)

    if not seen.defined:
        return check(Verdict.REFUSE, f"{host} does not know this guest any more")
    is_off = seen.state in (GuestState.OFF, GuestState.CRASHED)
    if mode is MoveMode.OFFLINE:
        return (
            check(Verdict.OK)
            if is_off
            else refuse("only a guest that is off", "choose live, or shut it down")
        )
    if is_off:
        return refuse(f"a {mode.value} move needs an active guest", "start it first, or choose offline")
    if seen.state is GuestState.PAUSED and seen.reason.startswith(POSTCOPY_FAILED):
        mend = "destroy it on neither host; resume the broken transfer"
        return refuse("its memory is split between two hosts", mend)
    if mode is MoveMode.LIVE and not seen.state.executing:
        mend = "resume it first, or choose paused: it then stays paused"
        if seen.state is GuestState.SUSPENDED:
            mend = "wake it first: virsh dompmwakeup"
        return refuse("a live move needs a running guest", mend)
    if seen.state in (GuestState.SUSPENDED, GuestState.UNKNOWN):
        return check(Verdict.UNKNOWN, f"{word} on {host}: whether it can be moved so is not known")
    if seen.reason == IO_ERROR:
        mend = "look at its disks first: virsh domblkerror"
        return check(Verdict.WARNING, f"paused by an I/O error on {host}: it will be so there, too", mend)
    return check(Verdict.OK)


async def job(context: Context) -> list[Check]:
    """No other client's job. Attach to it, never abort it."""
    if not (await context.seen()).job_running:
        return [Check("guest.job", "no other job", Verdict.OK, f"no job on {context.source.host}")]
    uuid = context.request.guest.uuid
    try:
        running = await read_statistics(context.source_connection, uuid)
    except FerryError:  # that there is one is certain, what it is may be unknown
        return [job_verdict(None, context.source.host)]
    return [job_verdict(running, context.source.host)]


def job_verdict(running: JobStatistics | None, host: str) -> Check:
    """Pure. libvirt tells what the job is and how long it runs, not who started it."""
    evidence = f"a job of another client runs on {host} already"
    if running is not None and running.running:
        evidence += f": {running.operation}, for {running.elapsed_ms / 1000:.0f} s"
    mend = "wait for it, or watch it: virt-ferry attach; it is not ours to abort"
    return Check("guest.job", "no other job", Verdict.REFUSE, evidence, mend)


async def leftovers(context: Context) -> list[Check]:
    """What libvirt keeps beside the definition, and does not move."""
    needs, version = await context.needs(), source_libvirt(context)
    checks = [snapshots_verdict(context.request.mode, needs, version), saved_state_verdict(needs)]
    checks.append(nvram_verdict(context.request.mode, needs))
    checks.append(transient_verdict(persistent=context.guest.persistent))
    return [check for check in checks if check is not None]


def snapshots_verdict(mode: MoveMode, needs: GuestNeeds, libvirt: Numbers) -> Check | None:
    """libvirt refuses to migrate a guest with snapshots, whatever their kind (qemuMigrationSrcIsAllowed). Pure."""
    if not needs.snapshots:
        return None
    words = f"it has {needs.snapshots} snapshot" + ("s" if needs.snapshots > 1 else "")
    mend = "delete them (virsh snapshot-delete), or only what libvirt knows of them (--metadata)"
    if mode in (MoveMode.SAVED, MoveMode.OFFLINE):
        evidence = f"{words}: they stay behind, and with them its definition on the source"
        return Check("guest.snapshots", "snapshots", Verdict.WARNING, evidence, mend)
    is_certain = bool(libvirt) and libvirt[:1] <= REFUSES_SNAPSHOTS
    verdict = Verdict.REFUSE if is_certain else Verdict.WARNING
    return Check(
        "guest.snapshots", "snapshots", verdict, f"{words}; libvirt does not migrate such a guest", mend
    )


def saved_state_verdict(needs: GuestNeeds) -> Check | None:
    """Pure."""
    if not needs.has_saved_state or needs.active:
        return None
    return Check(
        "guest.saved-state",
        "saved state",
        Verdict.WARNING,
        "libvirt keeps its memory (managed save): it stays behind, the guest would boot anew there",
        "start it and move it live, or drop it: virsh managedsave-remove",
    )


def nvram_verdict(mode: MoveMode, needs: GuestNeeds) -> Check | None:
    """A running guest's firmware variables travel with its memory; a file is only read at its start. Pure."""
    if mode is not MoveMode.OFFLINE or not needs.has_nvram:
        return None
    return Check(
        "guest.nvram",
        "firmware variables",
        Verdict.WARNING,
        "its NVRAM file does not move along: the firmware starts with its defaults (boot order, Secure Boot keys)",
        "copy the file named in the definition's <nvram>, or keep it on shared storage",
    )


def transient_verdict(*, persistent: bool) -> Check | None:
    """Pure."""
    if persistent:
        return None
    evidence = "it has no definition that outlives it, and will have none there"
    return Check("guest.transient", "transient", Verdict.NOTE, evidence)


async def autostart(context: Context) -> list[Check]:
    """libvirt does not carry it over."""
    if not context.guest.autostart:
        return []
    evidence, mend = "that it starts with its host does not move along", "there, afterwards: virsh autostart"
    return [Check("guest.autostart", "autostart", Verdict.NOTE, evidence, mend)]
