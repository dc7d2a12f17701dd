"""What a host's /etc/libvirt/qemu.conf says (the file itself documents each setting), as far as it may be read."""

from __future__ import annotations

from dataclasses import dataclass

from backends.probes import libvirt_conf
from backends.remote.shell import Answer, Shell

PATH = "/etc/libvirt/qemu.conf"
FIRST_PORT, LAST_PORT = 49152, 49215
"""libvirt's own range for migrations (migration_port_min, migration_port_max)."""

AUTO_DUMP_PATH = "/var/lib/libvirt/qemu/dump"


@dataclass(frozen=True, slots=True)
class QemuConf:
    """The settings that matter to a move and to a host's safety. libvirt's defaults where the file says nothing."""

    readable: bool
    """False: the defaults are a guess."""
    migration_host: str = ""
    migration_address: str = ""
    first_port: int = FIRST_PORT
    last_port: int = LAST_PORT
    lock_manager: str = ""
    user: str = ""
    """As whom QEMU runs; empty: whom the distribution chose."""
    tls_forced: bool = False
    """Does libvirt refuse every migration that is not encrypted by TLS?"""
    namespaces: bool = True
    """Does QEMU get a /dev of its own?"""
    security_drivers: tuple[str, ...] = ()
    """Of `selinux`, `apparmor`, `none`; empty: whichever the host has."""
    seccomp: bool = True
    """Is QEMU kept to the system calls that it needs (seccomp_sandbox)?"""
    vnc_verifies: bool = False
    """With TLS: does VNC take clients with a certificate only?"""
    auto_dump_path: str = AUTO_DUMP_PATH
    """Where libvirt puts the dumps that it takes by itself."""


async def read(shell: Shell | None) -> QemuConf:
    """Of one host. Raises FerryError where it does not answer."""
    if shell is None:
        return QemuConf(readable=False)
    return parse(await shell.run(("env", "LC_ALL=C", "cat", "--", PATH)))


def parse(answer: Answer) -> QemuConf:
    """Pure. A file that is not there leaves the defaults in force."""
    if answer.status != 0:
        return QemuConf(readable=answer.err.rstrip().endswith("No such file or directory"))
    return parse_text(answer.out)


def parse_text(text: str) -> QemuConf:
    """Pure. Texts are NOT yet safe to show."""
    found = libvirt_conf.parse(text)
    verifies = found.flag("default_tls_x509_verify", default=False)
    return QemuConf(
        readable=True,
        migration_host=found.text("migration_host"),
        migration_address=found.text("migration_address"),
        first_port=found.port("migration_port_min", FIRST_PORT),
        last_port=found.port("migration_port_max", LAST_PORT),
        lock_manager=found.text("lock_manager"),
        user=found.text("user"),
        tls_forced=found.flag("migrate_tls_force", default=False),
        namespaces="namespaces" not in found or any(found.names("namespaces")),
        security_drivers=found.names("security_driver"),
        seccomp=found.flag("seccomp_sandbox", default=True),
        vnc_verifies=found.flag("vnc_tls_x509_verify", default=verifies),
        auto_dump_path=found.text("auto_dump_path") or AUTO_DUMP_PATH,
    )
