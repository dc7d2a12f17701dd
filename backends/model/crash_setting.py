"""What happens when a guest crashes, as its definition says it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from backends.model.guest import GuestKey
from backends.model.posture import Finding


class OnCrash(Enum):
    """formatdomain.html, `on_crash`."""

    DESTROY = "destroy"
    RESTART = "restart"
    PRESERVE = "preserve"
    RENAME_RESTART = "rename-restart"
    COREDUMP_DESTROY = "coredump-destroy"
    COREDUMP_RESTART = "coredump-restart"


class OnEnd(Enum):
    """formatdomain.html, `on_poweroff` and `on_reboot`."""

    DESTROY = "destroy"
    RESTART = "restart"
    PRESERVE = "preserve"
    RENAME_RESTART = "rename-restart"


@dataclass(frozen=True, slots=True)
class CrashSetting:
    """Of one guest. Words that are not known stand as they are, safe to show."""

    guest: GuestKey
    on_crash: str = "destroy"
    on_poweroff: str = "destroy"
    on_reboot: str = "restart"
    panic_devices: tuple[str, ...] = ()
    """Models of its panic devices: `isa` and `pvpanic` (both pvpanic), `hyperv`, `pseries`, `s390`."""
    watchdog: str = ""
    """`i6300esb: reset`; empty where it has none."""
    console_logs: tuple[str, ...] = ()
    """Files into which its consoles are written, safe to show."""
    findings: tuple[Finding, ...] = ()
    """What a crash would leave, worst first: a guest of which a crash would leave nothing has a MEDIUM one."""


@dataclass(frozen=True, slots=True)
class CrashWish:
    """What is to be different. None: as it is."""

    on_crash: OnCrash | None = None
    on_poweroff: OnEnd | None = None
    on_reboot: OnEnd | None = None
    panic_device: bool | None = None
    """True: have one that the guest's machine takes. It takes effect with the guest's next start."""
