"""One guest's definition among those of all guests of a host: one that is sick hides no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libvirt

from backends.errors import LinkError
from backends.hypervisor.errors import translate


@dataclass(frozen=True, slots=True)
class Definition:
    """The one in force, live where the guest is active."""

    xml: str = ""
    trouble: str = ""
    """Why it could not be read; safe to show."""


def read_definition(domain: Any) -> Definition | None:
    """On a lane. None for a guest that is gone meanwhile. Raises libvirtError where the connection is broken."""
    try:
        return Definition(domain.XMLDesc(0))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        told = translate(error, "", "")
        if isinstance(told, LinkError):
            raise
        return Definition(trouble=told.cause)
