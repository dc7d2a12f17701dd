"""Do guests' screens listen where other machines reach them, and who may look?

A screen is a keyboard as well: without a password, or a certificate that clients must show, whoever reaches the
address sits at the guest's console. That is open now: HIGH. With a password in clear text (VNC's is cut to 8
characters, and known to be weak: qemu.conf and qemu(1)) somebody has to listen on the network first: MEDIUM. SASL
without TLS: LOW, as whether it encrypts is up to its mechanism. Loopback and unix sockets are as they should be.
Guests that are off listen nowhere, and are not told of.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from backends.capabilities.posture.looked import QEMU, Looked, Question, named
from backends.hypervisor.guest_confinement import GuestConfinement, Screen
from backends.model.posture import Finding, Severity
from backends.probes.exposure.processes import ServedScreen
from backends.probes.qemu_conf import PATH

_SCREENS = Question("guests.screens", "screens")
_ARGUMENTS = "QEMU's arguments: -vnc, -spice"
_XML = "the guest's definition in force: graphics"
_MEND = "let it listen on 127.0.0.1 or a unix socket and come by SSH, or set {0}_tls and a password ({1})"
_OWN_FILES = "see virsh dumpxml --security-info: passwd"
_LOCAL = ("localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback")


def screens(looked: Looked) -> Iterator[Finding]:
    """One for each screen that is open to others, and one for the rest. Pure."""
    closed = []
    for driver in looked.drivers:
        for guest in looked.running(driver):
            found = list(_of(looked, guest, driver))
            yield from found
            if not found and driver == QEMU:
                closed.append(guest)
    if closed:
        words = f"{named(closed)}: no screen, or only where the host itself reaches it"
        yield _SCREENS.host(Severity.GOOD, words, source=f"{_ARGUMENTS}; {_XML}")
    elif QEMU in looked.drivers and not looked.running():
        yield _SCREENS.host(Severity.GOOD, "no guest runs, so none shows a screen", source=_XML)


def _of(looked: Looked, guest: GuestConfinement, driver: str) -> Iterator[Finding]:
    process = looked.process(guest)
    if process is None:
        for told in guest.screens:
            if any(is_reachable(address) for address in told.addresses):
                yield _untold(looked, guest, told, driver)
        return
    verifies = (
        looked.exposure.qemu.vnc_verifies if looked.exposure and looked.exposure.qemu.readable else None
    )
    for screen in process.screens:
        if not screen.is_socket and is_reachable(screen.address):
            severity, words = judge(screen, verifies)
            mend = "" if severity is Severity.GOOD else _MEND.format(screen.kind.lower(), PATH)
            yield _SCREENS.guest(looked, guest, severity, words, mend, _ARGUMENTS)


def _untold(looked: Looked, guest: GuestConfinement, screen: Screen, driver: str) -> Finding:
    words = f"{screen.kind} on {', '.join(screen.addresses)}: not told whether it wants a password"
    mend = "log in as root over SSH: QEMU's own arguments tell it" if driver == QEMU else _OWN_FILES
    return _SCREENS.guest(looked, guest, Severity.UNKNOWN, words, mend, _XML, driver=driver)


def judge(screen: ServedScreen, verifies: bool | None) -> tuple[Severity, str]:
    """Pure. Of a screen that others reach. `verifies`: does VNC's TLS want a certificate of its clients?"""
    where = f"{screen.kind} on {screen.address or 'every address'}, port {screen.port or 'unknown'}"
    asks = screen.password or screen.sasl
    certified = screen.encrypted and screen.kind == "VNC"
    if not asks and certified and verifies is None:
        return Severity.UNKNOWN, f"{where}, by TLS without a password: not told whether it wants certificates"
    if not asks and not (certified and verifies):
        how = "by TLS, " if screen.encrypted else ""
        return Severity.HIGH, f"{where}, {how}without a password: whoever reaches it sits at the console"
    if screen.encrypted:
        return Severity.GOOD, f"{where}, by TLS with {'a password' if asks else 'certificates'}"
    if screen.sasl:
        return Severity.LOW, f"{where}, with SASL and no TLS: whether it encrypts is up to its mechanism"
    return Severity.MEDIUM, f"{where}, with a password and in clear text"


def is_reachable(address: str) -> bool:
    """Pure. May other machines reach it? A name that is not known for loopback counts as such."""
    if address.casefold().rstrip(".") in _LOCAL:
        return False
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return True
    return not (getattr(known, "ipv4_mapped", None) or known).is_loopback
