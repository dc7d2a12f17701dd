"""What a host's /etc/libvirt/qemu.conf says (the file itself documents each setting), as far as it may be read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backends.remote.shell import Answer, Shell

PATH = "/etc/libvirt/qemu.conf"
FIRST_PORT, LAST_PORT = 49152, 49215
"""libvirt's own range for migrations (migration_port_min, migration_port_max)."""
_SETTING = re.compile(r'^\s*([a-z_]\w*)\s*=\s*(?:"([^"]*)"|(\d+)|\[([^\]]*)\])', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class QemuConf:
    """The settings that matter to a move. libvirt's defaults where the file says nothing."""

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


async def read(shell: Shell | None) -> QemuConf:
    """Of one host. Raises FerryError where it does not answer."""
    if shell is None:
        return QemuConf(readable=False)
    return parse(await shell.run(("env", "LC_ALL=C", "cat", "--", PATH)))


def parse(answer: Answer) -> QemuConf:
    """Pure. A file that is not there leaves the defaults in force."""
    if answer.status != 0:
        return QemuConf(readable=answer.err.rstrip().endswith("No such file or directory"))
    found = {
        match[1]: next(part for part in (*match.groups()[1:], "") if part is not None)
        for match in _SETTING.finditer(answer.out)
    }
    return QemuConf(
        readable=True,
        migration_host=found.get("migration_host", ""),
        migration_address=found.get("migration_address", ""),
        first_port=_port(found.get("migration_port_min"), FIRST_PORT),
        last_port=_port(found.get("migration_port_max"), LAST_PORT),
        lock_manager=found.get("lock_manager", ""),
        user=found.get("user", ""),
        tls_forced=found.get("migrate_tls_force", "0") == "1",
        namespaces=found.get("namespaces", "mount").strip() != "",
    )


def _port(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and 0 < int(text) < 2**16 else default
