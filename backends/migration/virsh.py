"""The same move as a virsh command, for people who want to know or to copy it. Pure."""

from __future__ import annotations

import shlex

from backends.model.guest import virsh_name
from backends.model.host import HostFacts, HostSpec, Reach
from backends.model.move import MoveRequest


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
    """What this program does, as one line to copy: the limit, the move, the removal of the source's definition."""
    name = virsh_name(request.name, request.guest)
    virsh = ["virsh", "-c", source_uri]
    migrate = [*virsh, "migrate", "--live", "--p2p"]
    if persistent:
        migrate.append("--persistent")
    if request.bandwidth_mib_s is not None:
        migrate += ["--bandwidth", str(request.bandwidth_mib_s)]
    commands = [[*migrate, name, peer_uri]]
    if request.max_downtime_ms is not None:
        commands.insert(0, [*virsh, "migrate-setmaxdowntime", name, str(request.max_downtime_ms)])
    if persistent:
        commands.append([*virsh, "undefine", name, "--keep-nvram"])
    return " && ".join(shlex.join(command) for command in commands)
