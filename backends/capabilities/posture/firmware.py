"""Which guests have more than the usual protection: memory that the host cannot read, firmware that checks signatures.

Most guests have neither, and miss nothing that their owner has not asked for: those that have are told as GOOD, and
of the others nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.capabilities.posture.looked import Looked, Question, named
from backends.model.posture import Finding, Severity

_ENCRYPTED = Question("guests.encryption", "memory encrypted against the host")
_SIGNED = Question("guests.secure-boot", "guests that boot signed systems only")
_XML = "the guest's definition in force: {}"


def protected_guests(looked: Looked) -> Iterator[Finding]:
    """At most one of each kind for the host. Pure."""
    guests = [guest for seen in looked.drivers.values() for guest in seen.guests]
    if encrypted := [guest for guest in guests if guest.launch_security]:
        kinds = ", ".join(sorted({guest.launch_security for guest in encrypted}))
        words = f"{named(encrypted)}, by {kinds}"
        yield _ENCRYPTED.host(Severity.GOOD, words, source=_XML.format("launchSecurity"))
    if signed := [guest for guest in guests if guest.secure_boot]:
        yield _SIGNED.host(Severity.GOOD, named(signed), source=_XML.format("os/loader, os/firmware"))
