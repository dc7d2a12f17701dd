"""The same move as a virsh command, for people who want to know or to copy it. Pure."""

from __future__ import annotations

import shlex

from backends.model.host import HostFacts, HostSpec, Reach
from backends.model.move import MoveRequest


def connect_uri(spec: HostSpec, driver: str) -> str:
    """How virsh on the user's machine reaches a host."""
    match spec.reach:
        case Reach.SSH:
            return f"{driver}+ssh://{spec.target}/system"
        case Reach.LOCAL:
            return f"{driver}:///system"
        case Reach.URI:
            return spec.target


def peer_uris(spec: HostSpec, facts: HostFacts | None, driver: str) -> tuple[str, ...]:
    """How another host's daemon may reach this one, best first. The other daemon runs as root, so root is tried too."""
    if spec.peer_uri:
        return (spec.peer_uri,)
    if spec.reach is Reach.URI:
        return (spec.target,)
    user, _, address = spec.target.rpartition("@")
    names = [facts.hostname] if facts and facts.hostname else []
    if address and address not in names:
        names.append(address)
    return tuple(f"{driver}+ssh://{user or 'root'}@{name}/system" for name in names)


def migrate_command(request: MoveRequest, source_uri: str, peer_uri: str, *, persistent: bool) -> str:
    """What this program does, as one command line; the removal of the source's definition is a second one."""
    words = ["virsh", "-c", source_uri, "migrate", "--live", "--p2p"]
    if persistent:
        words.append("--persistent")
    if request.bandwidth_mib_s is not None:
        words += ["--bandwidth", str(request.bandwidth_mib_s)]
    words += [request.name, peer_uri]
    command = shlex.join(words)
    if request.max_downtime_ms is not None:
        before = [
            "virsh",
            "-c",
            source_uri,
            "migrate-setmaxdowntime",
            request.name,
            str(request.max_downtime_ms),
        ]
        command = f"{shlex.join(before)} && {command}"
    if persistent:
        command += f" && {shlex.join(['virsh', '-c', source_uri, 'undefine', request.name, '--keep-nvram'])}"
    return command
