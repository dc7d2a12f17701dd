"""The virsh command that does what an action does, to show and to copy."""

from __future__ import annotations

import shlex

from backends.model.guest import Guest, GuestAction, GuestKey, virsh_name
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
    return guest_command(spec, guest.key, guest.name, _VERBS[action])


def guest_command(spec: HostSpec, key: GuestKey, guest_name: str, verb: str) -> str:
    """A command of virsh about one guest on one host."""
    name = virsh_name(guest_name, key)
    return shlex.join(["virsh", "-c", spec.virsh_uri(key.driver), verb, name])
