"""Who may give orders to libvirt: over the network, and from the host itself (libvirtd.conf; remote.html).

Whoever rules libvirt rules every guest, and by a guest's definition any file of the host: access is as much as
root's. So a socket that takes everybody is open now: HIGH, be it on the network or only for the host's own accounts
(loopback, a unix socket that all may write to). SASL on plain TCP has to encrypt (tcp_min_ssf), by mechanisms that
are out of date: LOW. So is what is configured so and does not listen now. Whether a socket listens is read from the
kernel's tables; the files tell only what is asked of who comes.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.capabilities.posture.looked import Looked, Question, permission
from backends.model.posture import Finding, Severity
from backends.probes.exposure.daemons import SocketFile
from backends.probes.exposure.script import CONF, Exposure
from backends.probes.exposure.tcp_sockets import ListeningSocket
from backends.probes.libvirt_conf import Settings
from backends.untrusted import clean

_TCP = Question("libvirt.tcp", "libvirt on plain TCP")
_TLS = Question("libvirt.tls", "libvirt on TLS")
_UNIX = Question("libvirt.socket", "libvirt's socket on the host")
_TCP_PORT, _TLS_PORT = 16509, 16514
"""libvirtd.conf: tcp_port, tls_port."""
_TABLES = "/proc/net/tcp, /proc/net/tcp6"
_RULES = "gives orders to libvirt, which is as much as root of this host"


def network(looked: Looked) -> Iterator[Finding]:
    """Plain TCP, and TLS. Pure."""
    exposure = looked.exposure
    if exposure is None:
        return
    daemon = _daemon(exposure)
    settings, path = exposure.settings(daemon), CONF.format(daemon)
    if exposure.listening is None:
        for question in (_TCP, _TLS):
            yield question.host(
                Severity.UNKNOWN, "the host does not tell which sockets listen", source=_TABLES
            )
        return
    plain, tls = _sockets(exposure, settings or Settings())
    source = f"{_TABLES}; {path}"
    yield _plain(plain, settings, path, source)
    yield _by_tls(tls, settings, path, source)


def _daemon(exposure: Exposure) -> str:
    """The one that listens: of the modular daemons it is virtproxyd (daemons.html)."""
    proxied = exposure.runs("virtproxyd") or any(
        unit.active and unit.name.startswith("virtproxyd") for unit in exposure.systemd
    )
    return "virtproxyd" if proxied else "libvirtd"


def _sockets(
    exposure: Exposure, settings: Settings
) -> tuple[tuple[ListeningSocket, ...], tuple[ListeningSocket, ...]]:
    """(plain, TLS). By who holds a socket where that is told, else by libvirt's ports."""
    plain, tls = {settings.port("tcp_port", _TCP_PORT)}, {settings.port("tls_port", _TLS_PORT)}
    for unit in exposure.systemd:
        if unit.active:
            (tls if unit.name.endswith("-tls.socket") else plain).update(unit.ports)
    owners = [daemon for daemon in exposure.daemons if daemon.name in ("libvirtd", "virtproxyd")]
    held = frozenset[int]().union(*(daemon.inodes for daemon in owners))
    by_systemd = {port for unit in exposure.systemd if unit.active for port in unit.ports}
    listening = exposure.listening or ()
    ours = [s for s in listening if s.inode in held or s.port in by_systemd or not held]
    return (
        tuple(s for s in ours if s.port in plain or (s.inode in held and s.port not in tls)),
        tuple(s for s in ours if s.port in tls),
    )


def _plain(
    sockets: tuple[ListeningSocket, ...], settings: Settings | None, path: str, source: str
) -> Finding:
    auth = settings.text("auth_tcp", "sasl") if settings is not None else ""
    mend = (
        f'listen_tcp = 0 in {path} (or mask its -tcp.socket), and come by SSH or TLS; else auth_tcp = "sasl"'
    )
    if not sockets:
        wants_it = settings is not None and settings.flag("listen_tcp", default=False) and auth == "none"
        if wants_it:
            words = 'does not listen now; would, with --listen, take everybody (listen_tcp = 1, auth_tcp = "none")'
            return _TCP.host(Severity.LOW, words, mend, source)
        return _TCP.host(Severity.GOOD, "does not listen", source=source)
    where = _places(sockets)
    if settings is None:
        words = f"listens on {where}; whom it takes is not told"
        return _TCP.host(Severity.UNKNOWN, words, permission(path), source)
    if auth == "none":
        if any(name not in ("", "nop", "none") for name in settings.names("access_drivers")):
            words = f'listens on {where}, auth_tcp = "none"; what may be done is up to access_drivers'
            return _TCP.host(Severity.MEDIUM, words, mend, source)
        words = f'listens on {where} in clear text, auth_tcp = "none": whoever reaches it {_RULES}'
        return _TCP.host(Severity.HIGH, words, mend, source)
    words = f"listens on {where}, auth_tcp = {clean(auth, limit=40)}; TLS or SSH would be the way of today"
    return _TCP.host(Severity.LOW, words, mend, source)


def _by_tls(
    sockets: tuple[ListeningSocket, ...], settings: Settings | None, path: str, source: str
) -> Finding:
    if not sockets:
        return _TLS.host(Severity.GOOD, "does not listen", source=source)
    where = _places(sockets)
    if settings is None:
        words = f"listens on {where}; whether it wants certificates of clients is not told"
        return _TLS.host(Severity.UNKNOWN, words, permission(path), source)
    if not settings.flag("tls_no_verify_certificate", default=False):
        return _TLS.host(Severity.GOOD, f"listens on {where}; clients must show a certificate", source=source)
    mend = f"take tls_no_verify_certificate out of {path}"
    if settings.text("auth_tls", "none") == "none":
        words = f"listens on {where} and wants neither certificate nor password: whoever reaches it {_RULES}"
        return _TLS.host(Severity.HIGH, words, mend, source)
    words = f"listens on {where} and wants a password, no certificate"
    return _TLS.host(Severity.LOW, words, mend, source)


def _places(sockets: tuple[ListeningSocket, ...]) -> str:
    """`192.0.2.1:16509`, `[::]:16509`, with a word for those that only the host itself reaches."""
    found = []
    for socket in sockets:
        address = f"[{socket.address}]" if socket.address.version == 6 else str(socket.address)
        note = " (this host only)" if socket.address.is_loopback else ""
        found.append(f"{address}:{socket.port}{note}")
    return ", ".join(sorted(set(found)))


def unix_sockets(looked: Looked) -> Iterator[Finding]:
    """Those by which guests are ruled, not the read-only ones. One finding, the worst, for all of them. Pure."""
    exposure = looked.exposure
    if exposure is None or not exposure.socket_files:
        return
    judged = [_unix(exposure, file) for file in exposure.socket_files]
    order = list(Severity)
    yield min(judged, key=lambda finding: order.index(finding.severity))


def _unix(exposure: Exposure, file: SocketFile) -> Finding:
    name = file.path.rpartition("/")[2].removesuffix("-sock")
    daemon = _daemon(exposure) if name == "libvirt" else name
    settings, path = exposure.settings(daemon), CONF.format(daemon)
    what = f"{file.path}: mode {file.mode:04o}, group {clean(file.group, limit=40)}"
    source = f"stat {file.path}; {path}"
    if not file.open_to_all:
        return _UNIX.host(Severity.GOOD, f"{what}: not every account may use it", source=source)
    if settings is None:
        words = f"{what}: every account may connect; what is asked of it then is not told"
        return _UNIX.host(Severity.UNKNOWN, words, permission(path), source)
    auth = settings.text("auth_unix_rw")
    if auth == "none":
        words = f'{what}, auth_unix_rw = "none": every account of the host {_RULES}'
        mend = f'auth_unix_rw = "polkit" in {path}, or a mode of 0770 and a group'
        return _UNIX.host(Severity.HIGH, words, mend, source)
    asked = (
        f"auth_unix_rw = {clean(auth, limit=40)}" if auth else "polkit, by libvirt's default for this mode"
    )
    return _UNIX.host(Severity.GOOD, f"{what}; {asked} decides who may", source=source)
