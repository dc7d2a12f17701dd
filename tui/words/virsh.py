"""The virsh command that does what an action does, to show and to copy."""

from __future__ import annotations

import shlex

from backends.model.guest import Guest, GuestAction, virsh_name
from backends.model.host import HostSpec

_VERBS = {
    GuestAction.START: "start",
    GuestAction.SHUT_DOWN: "shutdown",
    GuestAction.FORCE_OFF: "destroy",
    GuestAction.REBOOT: "reboot",
    GuestAction.PAUSE: "suspend",
    GuestAction.RESUME: "resume",
}


def action_command(spec: HostSpec, guest: Guest, action: GuestAction) -> str:
    """`virsh -c qemu+ssh://root@h1/system shutdown web-01`."""
    name = virsh_name(guest.name, guest.key)
    return shlex.join(["virsh", "-c", spec.virsh_uri(guest.key.driver), _VERBS[action], name])
