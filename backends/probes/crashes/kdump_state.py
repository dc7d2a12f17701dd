"""What was read of kdump, before it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.model.crash import KdumpVerdict


@dataclass(frozen=True, slots=True)
class State:
    """One host's. Texts are safe to show."""

    verdict: KdumpVerdict
    reserved_bytes: int | None = None
    parameter: str = ""
    """`crashkernel=256M`, of the kernel's command line."""
    is_loaded: bool | None = None
    is_disabled: bool = False
    """Nothing may be loaded any more until the next start (kernel.kexec_load_disabled)."""
    is_dom0: bool = False
    """Under Xen the hypervisor reserves the memory."""
    unit: Mapping[str, str] = field(default_factory=dict)
    """Of kdump's service, as `systemctl show` tells it; empty where the host has none, or does not tell."""
    asks_units: bool = False
    """Has systemd answered?"""
    memory_bytes: int | None = None
    free_bytes: int | None = None
    denied: str = ""
    """The path that this account may not read."""
