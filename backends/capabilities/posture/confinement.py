"""Are guests confined by SELinux or AppArmor (drvqemu.html, "Security driver")?

A guest that takes over its QEMU has what QEMU's user may do. Mandatory confinement keeps it from other guests and
from the host even so. Without it a fault in QEMU has to come first, so it is MEDIUM: a protection is missing,
nothing is open. What a profile only logs (complain, permissive) protects as little. LOW: a guest that is off, and
would be started without. One finding for the host where no guest can be confined, instead of one for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.capabilities.posture.looked import QEMU, Looked, Question, named, permission
from backends.hypervisor.guest_confinement import MANDATORY, DriverConfinement, GuestConfinement
from backends.model.posture import Finding, Severity
from backends.probes.qemu_conf import PATH
from backends.probes.survey.kernel import security_modules, selinux_enforces

_CONFINED = Question("guests.confinement", "confinement of guests")
_DRIVERS = (QEMU, "lxc")
"""Those of libvirt's drivers that have security models."""
_ENFORCE = "/sys/fs/selinux/enforce"
_MODELS = "libvirt capabilities: host/secmodel"
_ANEW = "restart libvirt and the guests"
_UNCONFINED = re.compile(r"^unconfined$|\(unconfined\)$|:unconfined_(service_)?t(:|$)")
"""AppArmor's words for no profile, and for one that is switched off (aa-status(8)); SELinux's domains without rules."""
_LABELS = "the guest's definition in force: seclabel"


def confinement(looked: Looked) -> Iterator[Finding]:
    """One for the host, and one for each guest that is not like the others. Pure."""
    for driver, seen in looked.drivers.items():
        if driver not in _DRIVERS:
            if looked.running(driver):
                words = f"how {driver} keeps its guests apart is not told by libvirt"
                yield _CONFINED.host(Severity.UNKNOWN, words, "ask the hypervisor itself", _MODELS)
        elif driver != QEMU and not seen.guests:
            continue  # the driver answers on many hosts that never use it
        elif not seen.mandatory:
            yield _nothing_confines(looked, driver, seen)
        elif _is_permissive(looked, seen):
            words = "SELinux is permissive: it logs what guests may not do, and lets them do it"
            yield _CONFINED.host(Severity.MEDIUM, words, "setenforce 1; SELINUX=enforcing", _ENFORCE)
        else:
            yield from _guest_by_guest(looked, driver, seen)


def _nothing_confines(looked: Looked, driver: str, seen: DriverConfinement) -> Finding:
    models = ", ".join(model.name for model in seen.models) or "none"
    running = looked.running(driver)
    whom = f"not confined: {named(running)}" if running else "no guest would be confined"
    conf = looked.exposure.qemu if looked.exposure else None
    path = PATH if driver == QEMU else f"/etc/libvirt/{driver}.conf"
    if driver == QEMU and conf and "none" in conf.security_drivers:
        why = f'; security_driver = "none" in {path}'
        mend = f"take security_driver out of {path}; {_ANEW}"
    elif driver == QEMU and conf and not conf.readable:
        why, mend = f"; why is in {path}, which is not told", permission(path)
    elif _kernel_confines(looked):
        why = "; the kernel could"
        mend = f"set security_driver in {path}, and install libvirt's profiles; {_ANEW}"
    else:
        why, mend = "", f"switch SELinux or AppArmor on in the host's kernel (security=, lsm=); {_ANEW}"
    words = f"{driver}: {whom} (libvirt's security models: {models}){why}"
    return _CONFINED.host(Severity.MEDIUM, words, mend, f"{_MODELS}; {path}")


def _kernel_confines(looked: Looked) -> bool:
    return looked.readings is not None and bool(set(security_modules(looked.readings)) & set(MANDATORY))


def _is_permissive(looked: Looked, seen: DriverConfinement) -> bool:
    if looked.readings is None or "selinux" not in seen.mandatory:
        return False
    return selinux_enforces(looked.readings) is False


def _guest_by_guest(looked: Looked, driver: str, seen: DriverConfinement) -> Iterator[Finding]:
    good = []
    for guest in seen.guests:
        why = _weakness(looked, guest)
        if not why:
            good.append(guest)
        elif guest.active:
            mend = "take <seclabel type='none'/> out of its definition, or enforce its profile; start it anew"
            yield _CONFINED.guest(looked, guest, Severity.MEDIUM, why, mend, _LABELS, driver=driver)
        else:
            words = f"{why}: it will not be when it is started"
            mend = "take <seclabel type='none'/> out of its definition"
            yield _CONFINED.guest(looked, guest, Severity.LOW, words, mend, _LABELS, driver=driver)
    running = [guest for guest in good if guest.active]
    by = " and ".join(seen.mandatory)
    if running or len(good) == len(seen.guests):
        whom = f"confined: {named(running)}" if running else "guests will be confined; none runs now"
        yield _CONFINED.host(Severity.GOOD, f"{driver}, by {by}: {whom}", source=f"{_MODELS}; {_LABELS}")


def _weakness(looked: Looked, guest: GuestConfinement) -> str:
    """Why a guest is not confined, by libvirt's word and by the kernel's; empty where it is."""
    mandatory = [label for label in guest.labels if label.model in (*MANDATORY, "")]
    if any(label.kind == "none" for label in mandatory):
        return "its definition asks for no confinement"
    process = looked.process(guest)
    if process and process.label:
        if process.label.endswith("(complain)"):
            return f"its profile only logs what it may not do: {process.label}"
        if _UNCONFINED.search(process.label):
            return "its process is not confined, says the kernel"
        return ""
    if guest.active and not any(label.label for label in mandatory):
        return "it has no label"
    return ""
