"""All that tells of crashes, each in a module of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from backends.probes.crashes import (
    boots,
    console,
    cores,
    daemon_log,
    guest_dumps,
    kdump,
    kernel_log,
    lxc_log,
    pstore,
    qemu_log,
    state_files,
    xen_hypervisor,
    xen_log,
)
from backends.probes.crashes.looked import Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import Wanted


class Parser(Protocol):
    """What such a module has."""

    @property
    def WANTED(self) -> Wanted:  # noqa: N802 - a constant of a module
        """What it wants to be read."""
        ...

    def sightings(self, looked: Looked) -> Iterator[Sighting]:
        """What it makes of it. Pure."""
        ...


PARSERS: tuple[Parser, ...] = (
    qemu_log,
    daemon_log,
    state_files,
    kernel_log,
    console,
    cores,
    guest_dumps,
    kdump,
    pstore,
    boots,
    xen_log,
    xen_hypervisor,
    lxc_log,
)
