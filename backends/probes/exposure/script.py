"""The one command, and its answer taken apart."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

from backends.probes import libvirt_conf, qemu_conf
from backends.probes.exposure.daemons import (
    Daemon,
    SocketFile,
    SystemdSocket,
    daemons,
    socket_files,
    systemd_sockets,
)
from backends.probes.exposure.definitions import DefinitionFile, definition_files
from backends.probes.exposure.processes import GuestProcess, guest_processes
from backends.probes.exposure.tcp_sockets import ListeningSocket, listening_sockets
from backends.probes.libvirt_conf import Settings
from backends.probes.qemu_conf import QemuConf
from backends.probes.survey import asking
from backends.probes.survey.readings import Gap, Readings
from backends.remote.shell import Shell

CONF = "/etc/libvirt/{}.conf"
DEADLINE_S = 20.0
"""A guest costs a few processes: of a thousand guests it takes a while."""
_TCP, _TCP6 = "/proc/net/tcp", "/proc/net/tcp6"
_FOLDERS = ("/etc/libvirt/qemu", "/etc/libvirt/libxl", "/etc/libvirt/lxc")


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one host told. None: it did not tell, or not this account."""

    is_root: bool
    qemu: QemuConf
    daemon_settings: Mapping[str, Settings | None] = field(default_factory=dict)
    """By daemon; one whose file may not be read is None, one without a file has no settings."""
    listening: tuple[ListeningSocket, ...] | None = None
    systemd: tuple[SystemdSocket, ...] = ()
    socket_files: tuple[SocketFile, ...] = ()
    daemons: tuple[Daemon, ...] = ()
    guests: Mapping[str, GuestProcess] = field(default_factory=dict)
    """By UUID."""
    certificates: tuple[str, ...] | None = None
    """Folders with a certificate that QEMU would use for migrations; NOT yet safe to show."""
    definitions: tuple[DefinitionFile, ...] | None = None

    def settings(self, daemon: str) -> Settings | None:
        """Of libvirtd.conf and its like; None where the file may not be read."""
        return self.daemon_settings.get(daemon, Settings())

    def runs(self, name: str) -> bool:
        """Does this daemon run?"""
        return any(daemon.name == name for daemon in self.daemons)


async def ask(shell: Shell) -> Exposure:
    """One command. Raises FerryError: LinkError where no shell answers."""
    nonce = secrets.token_hex(16)
    text = resources.files(__package__).joinpath("exposure.sh").read_text()
    asked_at, started = time.time(), time.monotonic()
    command = ("env", "LC_ALL=C", "sh", "-c", text)
    answer = await shell.run(command, stdin=f"{nonce}\n".encode(), deadline_s=DEADLINE_S)
    return exposure(asking.parse(answer, nonce, asked_at=asked_at, took_s=time.monotonic() - started))


def exposure(readings: Readings) -> Exposure:
    """Pure."""
    return Exposure(
        is_root=readings.is_root,
        qemu=_qemu(readings),
        daemon_settings={
            name: _settings(readings, name)
            for name in ("libvirtd", "virtproxyd", "virtqemud", "virtxend", "virtlxcd")
        },
        listening=_listening(readings),
        systemd=tuple(systemd_sockets(readings.text("systemctl"))),
        socket_files=tuple(socket_files(readings.text("stat"))),
        daemons=tuple(daemons(readings)),
        guests=guest_processes(readings),
        certificates=_certificates(readings),
        definitions=_definitions(readings),
    )


def _qemu(readings: Readings) -> QemuConf:
    reading = readings.reading(qemu_conf.PATH)
    if reading.gap in (Gap.DENIED, Gap.BROKEN):
        return QemuConf(readable=False)
    return qemu_conf.parse_text(reading.text)


def _settings(readings: Readings, daemon: str) -> Settings | None:
    reading = readings.reading(CONF.format(daemon))
    return None if reading.gap in (Gap.DENIED, Gap.BROKEN) else libvirt_conf.parse(reading.text)


def _listening(readings: Readings) -> tuple[ListeningSocket, ...] | None:
    """A host without IPv6 has no second table."""
    if readings.reading(_TCP).gap is not None:
        return None
    big_endian = readings.text("byte order").strip() == "256"
    return tuple(
        socket
        for path in (_TCP, _TCP6)
        for socket in listening_sockets(readings.text(path), big_endian=big_endian)
    )


def _certificates(readings: Readings) -> tuple[str, ...] | None:
    reading = readings.reading("certificates")
    return tuple(reading.text.splitlines()) if reading.gap is None else None


def _definitions(readings: Readings) -> tuple[DefinitionFile, ...] | None:
    if any(readings.reading(folder).gap is Gap.DENIED for folder in _FOLDERS):
        return None
    return tuple(file for folder in _FOLDERS for file in definition_files(readings.text(folder)))
