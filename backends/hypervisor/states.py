"""libvirt's states and reasons in words (libvirt-domain.html#virDomainState and the ...Reason enums below it)."""

from __future__ import annotations

import libvirt

from backends.model.guest import GuestState

_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: GuestState.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: GuestState.RUNNING,  # Xen's word for a guest that waits for something to do
    libvirt.VIR_DOMAIN_PAUSED: GuestState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: GuestState.SHUTTING_DOWN,
    libvirt.VIR_DOMAIN_SHUTOFF: GuestState.OFF,
    libvirt.VIR_DOMAIN_CRASHED: GuestState.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: GuestState.SUSPENDED,
}

_REASON_PREFIX = {
    libvirt.VIR_DOMAIN_RUNNING: "VIR_DOMAIN_RUNNING_",
    libvirt.VIR_DOMAIN_PAUSED: "VIR_DOMAIN_PAUSED_",
    libvirt.VIR_DOMAIN_SHUTDOWN: "VIR_DOMAIN_SHUTDOWN_",
    libvirt.VIR_DOMAIN_SHUTOFF: "VIR_DOMAIN_SHUTOFF_",
    libvirt.VIR_DOMAIN_CRASHED: "VIR_DOMAIN_CRASHED_",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "VIR_DOMAIN_PMSUSPENDED_",
}
_WORDS = {
    "IOERROR": "I/O error",
    "FROM_SNAPSHOT": "from snapshot",
    "POSTCOPY": "post-copy",
    "POSTCOPY_FAILED": "post-copy failed",
}
_CRASHED_OFF = (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED)


def _reasons() -> dict[tuple[int, int], str]:
    """The enums of the libvirt that is installed, so that reasons of newer versions have their words too."""
    table = {}
    for state, prefix in _REASON_PREFIX.items():
        for name in dir(libvirt):
            if name.startswith(prefix) and not name.endswith("_UNKNOWN"):
                word = name.removeprefix(prefix)
                table[state, getattr(libvirt, name)] = _WORDS.get(word, word.lower().replace("_", " "))
    return table


_REASONS = _reasons()


def guest_state(state: int, reason: int = 0) -> GuestState:
    """virDomainState -> GuestState. A guest that was shut off by a crash counts as crashed."""
    if (state, reason) == _CRASHED_OFF:
        return GuestState.CRASHED
    return _STATES.get(state, GuestState.UNKNOWN)


def state_reason(state: int, reason: int) -> str:
    """Why the guest is in that state; empty where libvirt does not say."""
    return _REASONS.get((state, reason), "")
