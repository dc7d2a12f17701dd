"""What ties a guest to its host: devices, folders, memory that others share, secrets of its hardware.

The facts about libvirt are qemu_migration.c's (qemuMigrationSrcIsAllowed), which asks the same before a save.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.hypervisor.guest_needs import DeviceKind, GuestNeeds, HostDevice
from backends.migration.checks import machine
from backends.migration.checks.context import Context
from backends.migration.checks.versions import Numbers, source_hypervisor, source_libvirt
from backends.model.move import Check, MoveMode, Verdict
from backends.untrusted import clean

ASKS_QEMU = (8, 6)
"""From this libvirt on QEMU decides which devices keep a guest; before, libvirt refused all but USB and teamed ones."""
VFIO_MIGRATES = (8, 1)
"""From this QEMU on a passed-through device moves where its driver in the kernel can."""
VIRTIOFS_MIGRATES = (10, 5)
"""Older libvirts refuse every guest with virtiofs; newer ones ask virtiofsd."""
SHARED_TPM = (8, 10)
"""Older libvirts do not know that a TPM's state may lie on shared storage, and move it all the same."""
SECURITY_LAST_LOOKED_AT = (11,)
"""No QEMU up to this one migrates a guest whose memory is encrypted by the processor."""


async def ties(context: Context) -> list[Check]:
    """One check for each tie; a single OK where there is none."""
    needs, mode = await context.needs(), context.request.mode
    libvirt, qemu = source_libvirt(context), source_hypervisor(context)
    checks = [
        *(device_verdict(device, mode, libvirt, qemu) for device in needs.devices),
        *folder_verdicts(needs, mode, libvirt),
        *shared_memory_verdicts(needs, mode),
        *transient_disk_verdicts(needs, mode),
        *secret_verdicts(needs, mode, qemu),
    ]
    if needs.tpm:
        offer = await machine.emulator(context, needs)
        checks.append(tpm_verdict(needs, mode, libvirt, offer.tpm_backends, context.destination.host))
    return checks or [Check("guest.devices", "devices", Verdict.OK, "nothing ties it to its host")]


def device_verdict(device: HostDevice, mode: MoveMode, libvirt: Numbers, qemu: Numbers) -> Check:
    """Pure. Certain only where libvirt or QEMU is known to refuse every device of the kind."""
    id_, title = "guest.hostdev", device.kind.value
    what = f"{device.kind.value} {device.word}".rstrip()
    mend = "detach it first: virsh detach-device"
    if mode is MoveMode.OFFLINE:
        evidence = f"{what} belongs to the source: there it is another device, or none"
        return Check(id_, title, Verdict.WARNING, evidence, mend)
    if device.kind is DeviceKind.USB:
        evidence = f"{what} stays at the source: the guest loses it unless the destination has the same"
        return Check(id_, title, Verdict.WARNING, evidence, mend)
    if device.teamed:
        evidence = f"{what} is unplugged for the move, its team mate stands in"
        return Check(id_, title, Verdict.NOTE, evidence)
    if libvirt and libvirt < ASKS_QEMU:
        evidence = f"{what}: this libvirt moves no guest that has one"
        return Check(id_, title, Verdict.REFUSE, evidence, mend)
    is_vfio = device.kind in (DeviceKind.PCI, DeviceKind.INTERFACE, DeviceKind.MEDIATED)
    if is_vfio and qemu and qemu < VFIO_MIGRATES:
        return Check(id_, title, Verdict.REFUSE, f"{what}: this QEMU moves no guest that has one", mend)
    evidence = f"{what} moves only if its driver in the kernel can; most cannot, and QEMU then refuses"
    return Check(id_, title, Verdict.WARNING, evidence, mend)


def folder_verdicts(needs: GuestNeeds, mode: MoveMode, libvirt: Numbers) -> Iterator[Check]:
    """Pure."""
    id_, title, mend = "guest.folder", "folder of the host", "unmount it in the guest and detach it first"
    for folder in needs.folders:
        what = f"{folder.driver} folder {clean(folder.folder, limit=200)}".rstrip()
        if mode is MoveMode.OFFLINE:
            evidence = f"{what} must be on the destination, too"
            yield Check(id_, title, Verdict.WARNING, evidence, "make sure that it is there")
        elif folder.driver == "virtiofs" and libvirt and libvirt < VIRTIOFS_MIGRATES:
            yield Check(
                id_, title, Verdict.REFUSE, f"{what}: this libvirt moves no guest with virtiofs", mend
            )
        elif folder.driver == "virtiofs":
            evidence = (
                f"{what} moves only if virtiofsd can (1.11 and newer), and if the destination has the same"
            )
            yield Check(id_, title, Verdict.WARNING, evidence, mend)
        else:
            evidence = f"{what}: QEMU refuses while the guest has it mounted"
            yield Check(id_, title, Verdict.WARNING, evidence, mend)


def shared_memory_verdicts(needs: GuestNeeds, mode: MoveMode) -> Iterator[Check]:
    """Pure. A device that does not own its memory is refused by every libvirt."""
    for shmem in needs.shared_memory:
        id_, title, what = "guest.shmem", "shared memory", f"shared memory {shmem.name}"
        if mode is MoveMode.OFFLINE or shmem.is_master:
            evidence = f"{what}: those who share it on the source are not there"
            yield Check(id_, title, Verdict.WARNING, evidence, "make sure that it is needed by no one")
        else:
            evidence = f"{what} belongs to its host: libvirt moves only a guest that is its master"
            yield Check(id_, title, Verdict.REFUSE, evidence, "detach it first: virsh detach-device")


def transient_disk_verdicts(needs: GuestNeeds, mode: MoveMode) -> Iterator[Check]:
    """Pure."""
    if mode is MoveMode.OFFLINE:
        return
    for target in needs.transient_disks:
        evidence = f"{target} is transient: libvirt moves no guest with such a disk"
        mend = "shut it down, which drops what it wrote, and move it offline"
        yield Check(f"disk.{target}.transient", "transient disk", Verdict.REFUSE, evidence, mend)


def secret_verdicts(needs: GuestNeeds, mode: MoveMode, qemu: Numbers) -> Iterator[Check]:
    """Launch security, and a time-stamp counter that must not jump. Pure."""
    if needs.launch_security:
        what, title = f"launch security {needs.launch_security}", "launch security"
        if mode is MoveMode.OFFLINE:
            evidence, mend = (
                f"{what}: the destination's processor must offer it",
                "see: virsh domcapabilities",
            )
            yield Check("guest.security", title, Verdict.WARNING, evidence, mend)
        else:
            is_certain = bool(qemu) and qemu[:1] <= SECURITY_LAST_LOOKED_AT
            verdict = Verdict.REFUSE if is_certain else Verdict.WARNING
            evidence = f"{what}: the processor lets no one read its memory, QEMU does not move it"
            yield Check("guest.security", title, verdict, evidence, "shut it down and move it offline")
    if needs.invariant_tsc and mode is not MoveMode.OFFLINE:
        evidence = "the guest sees an invariant TSC without a fixed frequency: libvirt does not move it"
        mend = "give it <timer name='tsc' frequency='...'/>, or take the feature invtsc away, and restart it"
        yield Check("guest.invtsc", "time-stamp counter", Verdict.REFUSE, evidence, mend)


def tpm_verdict(
    needs: GuestNeeds, mode: MoveMode, libvirt: Numbers, offered: frozenset[str] | None, host: str
) -> Check:
    """Pure. An emulated TPM's state travels with the guest's memory, and only with it."""
    id_, title = "guest.tpm", "TPM"

    def check(verdict: Verdict, evidence: str, mend: str = "") -> Check:
        return Check(id_, title, verdict, evidence, mend)

    if needs.tpm != "emulator":
        evidence = f"a TPM of the host ({needs.tpm}): the destination's has other keys"
        return check(Verdict.WARNING, evidence, "have the guest's recovery keys at hand")
    if offered is not None and "emulator" not in offered:
        return check(Verdict.REFUSE, f"an emulated TPM, and {host} has no swtpm", f"install swtpm on {host}")
    if mode is MoveMode.OFFLINE:
        evidence = "the state of its TPM, with its keys, does not move along"
        mend = "move it while it runs; or copy its folder under /var/lib/libvirt/swtpm"
        return check(Verdict.WARNING, evidence, mend)
    evidence = "an emulated TPM: its state travels with the memory"
    if libvirt and libvirt < SHARED_TPM:
        evidence += "; libvirt before 8.10 must not have /var/lib/libvirt/swtpm on shared storage"
    return check(Verdict.NOTE, evidence)
