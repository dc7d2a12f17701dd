"""Can the guest be switched over before all of its memory is there?

The destination's QEMU must be let use userfaultfd(2): by the sysctl, by /dev/userfaultfd, or by its capabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

from backends.migration.checks.context import Context
from backends.migration.checks.versions import Numbers, numbers
from backends.model.move import Check, LastResort, MoveMode, Verdict
from backends.probes.qemu_conf import QemuConf
from backends.remote.shell import Shell

SYSCTL, DEVICE = "/proc/sys/vm/unprivileged_userfaultfd", "/dev/userfaultfd"
USES_DEVICE = (8, 0)
"""From this QEMU on /dev/userfaultfd is tried first."""
RECOVERS = (8, 5)
"""From this libvirt on a broken post-copy can be resumed (VIR_MIGRATE_POSTCOPY_RESUME)."""
_ID, _TITLE = "host.postcopy", "post-copy"


@dataclass(frozen=True, slots=True)
class Permission:
    """What the destination says of userfaultfd; None: it does not tell."""

    unprivileged: bool | None
    device: bool


async def possible(context: Context) -> list[Check]:
    """Only where it is wanted."""
    request = context.request
    if not request.wants_postcopy:
        return []
    if request.mode is MoveMode.PAUSED and not request.postcopy:
        return []  # a guest that stands still converges: the last resort is not needed
    source, destination = context.drivers
    if context.driver != "qemu":
        evidence, mend = f"libvirt's {context.driver} driver has no post-copy", "leave it out"
        return [Check(_ID, _TITLE, Verdict.REFUSE, evidence, mend)]
    permission = await _permission(context.destination.shell)
    conf = await context.qemu_conf(context.destination)
    qemu = numbers(destination.hypervisor_version) if destination else ()
    versions = [numbers(driver.libvirt_version) for driver in (source, destination) if driver]
    return [
        permission_verdict(permission, conf, qemu, context.destination.host),
        *recovery_verdicts(versions),
    ]


async def _permission(shell: Shell | None) -> Permission:
    if shell is None:
        return Permission(None, device=False)
    sysctl = await shell.run(("cat", SYSCTL))
    device = await shell.run(("test", "-c", DEVICE))
    value = sysctl.out.strip()
    return Permission({"0": False, "1": True}.get(value) if sysctl.status == 0 else None, device.status == 0)


def permission_verdict(permission: Permission, conf: QemuConf, qemu: Numbers, host: str) -> Check:
    """Pure. Only the sysctl, or a QEMU of root that sees the device, is certain."""
    if permission.unprivileged:
        return Check(_ID, _TITLE, Verdict.OK, f"{host} lets every process handle page faults")
    sees_device = permission.device and not conf.namespaces and qemu >= USES_DEVICE
    if conf.user in ("root", "+0") and sees_device:
        return Check(_ID, _TITLE, Verdict.OK, f"QEMU runs as root on {host} and has {DEVICE}")
    evidence = f"not seen whether QEMU may handle page faults on {host}"
    if permission.unprivileged is False:
        evidence = f"{SYSCTL} is 0 on {host}, and not seen whether QEMU may handle page faults otherwise"
    mend = f"on {host}: sysctl vm.unprivileged_userfaultfd=1"
    return Check(_ID, _TITLE, Verdict.UNKNOWN, evidence, mend)


def recovery_verdicts(versions: list[Numbers]) -> list[Check]:
    """Pure."""
    if all(version >= RECOVERS for version in versions):
        return []
    evidence = (
        "libvirt before 8.5 cannot resume a post-copy that the network broke off: the guest would be lost"
    )
    return [Check("host.postcopy-recovery", "post-copy recovery", Verdict.NOTE, evidence)]


async def options(context: Context) -> list[Check]:
    """What of the request the driver does not have. libvirt's Xen driver takes neither options nor parameters."""
    request = context.request
    if context.driver != "xen":
        return []
    asked = [
        words
        for is_asked, words in (
            (request.copy_disks, "copying disks"),
            (request.bandwidth_mib_s is not None, "a limit of the bandwidth"),
            (request.last_resort is LastResort.AUTO_CONVERGE, "auto-converge"),
        )
        if is_asked
    ]
    if not asked:
        return []
    evidence = f"libvirt's Xen driver has no {', no '.join(asked)}"
    return [Check("host.options", "options", Verdict.REFUSE, evidence, "leave them out")]
