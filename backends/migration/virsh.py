"""The same move as virsh commands, for people who want to know or to copy them. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TypeAlias

from backends.model.guest import virsh_name
from backends.model.host import HostFacts, HostSpec, Reach
from backends.model.move import LastResort, MoveMode, Preflight, Route

_Words: TypeAlias = list[str]


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


def command(checked: Preflight, source: HostSpec, destination: HostSpec, *, persistent: bool) -> str:
    """What this program does, as one line to copy: limits, the move, the removal of the source's definition."""
    ends = _Ends(checked, source, destination)
    match checked.request.mode:
        case MoveMode.LIVE | MoveMode.PAUSED:
            steps = [*ends.images(), *ends.limits(), shlex.join(ends.migrate(persistent=persistent))]
        case MoveMode.SAVED:
            steps = [*ends.save_and_restore(), *([ends.define()] if persistent else [])]
        case MoveMode.OFFLINE:
            steps = [ends.define()]
    if persistent:
        steps.append(ends.undefine())
    return " && ".join(steps)


class _Ends:
    """virsh on both hosts, and the guest's name there."""

    def __init__(self, checked: Preflight, source: HostSpec, destination: HostSpec) -> None:
        self._checked = checked
        self._source = source
        self._destination = destination
        request = checked.request
        self._there_uri = destination.virsh_uri(request.guest.driver)
        self.name = virsh_name(request.name, request.guest)
        self.here: _Words = ["virsh", "-c", source.virsh_uri(request.guest.driver)]
        self.there: _Words = ["virsh", "-c", self._there_uri]

    def images(self) -> Iterator[str]:
        """What libvirt copies into must be there already, unless one of its pools covers it."""
        for copy in self._checked.copies:
            if not copy.exists:
                make = shlex.join(["qemu-img", "create", "-f", copy.format, copy.shown, str(copy.size_bytes)])
                login = self._destination.ssh_command
                yield f"{login} {shlex.quote(make)}" if login else make

    def limits(self) -> Iterator[str]:
        """A guest that stands still all the while needs none."""
        request = self._checked.request
        if request.mode is MoveMode.LIVE:
            limit = str(request.max_downtime_ms)
            yield shlex.join([*self.here, "migrate-setmaxdowntime", self.name, limit])

    def migrate(self, *, persistent: bool) -> _Words:
        """virsh(1), migrate. What the policy does while it runs has no option there."""
        request, copies = self._checked.request, self._checked.copies
        is_direct = self._checked.route is Route.DIRECT
        words = [*self.here, "migrate"]
        options = (
            ("--live", request.mode is MoveMode.LIVE),
            ("--p2p", not is_direct),
            ("--persistent", persistent),
            ("--postcopy", request.wants_postcopy),
            ("--auto-converge", request.last_resort is LastResort.AUTO_CONVERGE),
            ("--copy-storage-all", bool(copies)),
        )
        words += [option for option, is_wanted in options if is_wanted]
        if copies:
            words += ["--migrate-disks", ",".join(copy.target for copy in copies)]
        if request.bandwidth_mib_s is not None:
            words += ["--bandwidth", str(request.bandwidth_mib_s)]
        return [*words, self.name, self._there_uri if is_direct else self._checked.peer_uri]

    def save_and_restore(self) -> Iterator[str]:
        """A guest that was paused is restored paused."""
        file = f"/var/tmp/{self.name}.state"  # noqa: S108 - a name for people to read, on their hosts
        paused = ["--paused"] if self._checked.was_paused else []
        yield shlex.join([*self.here, "save", self.name, file])
        if Reach.SSH in (self._source.reach, self._destination.reach):
            yield shlex.join(["scp", "-3", _remote(self._source, file), _remote(self._destination, file)])
        yield shlex.join([*self.there, "restore", file, *paused])

    def define(self) -> str:
        """The definition as it will be at the next start, passwords included."""
        dump = [*self.here, "dumpxml", "--inactive", "--security-info", self.name]
        return f"{shlex.join(dump)} | {shlex.join([*self.there, 'define', '/dev/stdin'])}"

    def undefine(self) -> str:
        """Of the source; what is kept besides is for a guest that comes back."""
        kept = ["--keep-nvram"] if self._checked.request.guest.driver == "qemu" else []
        return shlex.join([*self.here, "undefine", self.name, *kept])


def _remote(spec: HostSpec, file: str) -> str:
    return f"{spec.target}:{file}" if spec.reach is Reach.SSH else file
