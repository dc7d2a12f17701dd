"""Does a guest's memory cross the network in clear text when it moves (qemu.conf, migrate_tls_force)?

Memory holds keys and passwords. Who reads along has to sit on the way first: MEDIUM where no move can be encrypted.
Where the host has certificates, and moves without TLS are taken all the same: LOW.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.capabilities.posture.looked import QEMU, Looked, Question, permission
from backends.model.posture import Finding, Severity
from backends.probes.qemu_conf import PATH
from backends.untrusted import clean

_MIGRATION = Question("libvirt.migration", "memory of moving guests")
_FOLDERS = "/etc/pki/libvirt-migrate, /etc/pki/qemu"


def migration(looked: Looked) -> Iterator[Finding]:
    """One for the host. Pure."""
    exposure = looked.exposure
    if exposure is None or QEMU not in looked.drivers:
        return
    source = f"{PATH}: migrate_tls_force; {_FOLDERS}"
    mend = f"put certificates into /etc/pki/qemu of every host, and set migrate_tls_force = 1 in {PATH}"
    certificates = exposure.certificates
    if not exposure.qemu.readable:
        yield _MIGRATION.host(Severity.UNKNOWN, "not told whether TLS is required", permission(PATH), source)
    elif exposure.qemu.tls_forced:
        yield _MIGRATION.host(
            Severity.GOOD, "migrate_tls_force = 1: no guest moves without TLS", source=source
        )
    elif certificates:
        words = f"could be encrypted (certificates in {clean(', '.join(certificates))}), and need not be"
        yield _MIGRATION.host(Severity.LOW, words, f"migrate_tls_force = 1 in {PATH}", source)
    elif certificates is None:
        words = "need not be encrypted; not told whether it can be"
        yield _MIGRATION.host(Severity.UNKNOWN, words, permission(_FOLDERS), source)
    else:
        words = "crosses the network in clear text: there is no certificate for TLS"
        yield _MIGRATION.host(Severity.MEDIUM, words, mend, source)
