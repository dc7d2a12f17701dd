"""The virsh command that does what an action does, to show and to copy."""

from __future__ import annotations

import re
import shlex

from backends.model.guest import Guest, GuestAction
from backends.model.host import HostSpec, Reach

_VERBS = {
    GuestAction.START: "start",
    GuestAction.SHUT_DOWN: "shutdown",
    GuestAction.FORCE_OFF: "destroy",
    GuestAction.REBOOT: "reboot",
    GuestAction.PAUSE: "suspend",
    GuestAction.RESUME: "resume",
}

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._+:-]+")
"""A name that is on the host what is shown here; others were cleaned and go by their UUID."""


def action_command(spec: HostSpec, guest: Guest, action: GuestAction) -> str:
    """`virsh -c qemu+ssh://root@h1/system shutdown web-01`."""
    plain = _PLAIN_NAME.fullmatch(guest.name) and not guest.name.startswith("-")
    name = guest.name if plain else guest.key.uuid
    return shlex.join(["virsh", "-c", uri(spec, guest.key.driver), _VERBS[action], name])


def uri(spec: HostSpec, driver: str) -> str:
    """The libvirt URI by which virsh reaches a driver of a host."""
    path = "/" if driver in ("xen", "lxc") else "/system"
    match spec.reach:
        case Reach.URI:
            return spec.target
        case Reach.LOCAL:
            return f"{driver}://{path}"
        case Reach.SSH:
            return f"{driver}+ssh://{spec.target}{path}"
