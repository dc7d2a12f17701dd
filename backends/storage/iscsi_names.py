"""Names of iSCSI: targets, portals, initiators (RFC 7143), and what this program calls its own pools."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backends.errors import ActionError, FerryError
from backends.fleet.session import Session
from backends.model.storage import IscsiLogin
from backends.probes.storage.iscsi import DEFAULT_PORT, INITIATOR
from backends.untrusted import clean

_IQN = re.compile(
    r"iqn\.\d{4}-\d{2}\.[a-z0-9.-]+(:[a-z0-9.:_-]+)?|eui\.[0-9a-f]{16}|naa\.[0-9a-f]{16}([0-9a-f]{16})?",
    re.IGNORECASE,
)
"""RFC 3720, section 3.2.6. Nothing else goes into a command or a name."""
_LONGEST_IQN = 223
_PORTAL = re.compile(
    r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*))(?::(?P<port>\d{1,5}))?"
)
_OF_QEMU = "iqn.2008-11.org.linux-kvm"
"""What QEMU itself calls an initiator that nobody has named (block/iscsi.c)."""
_LABEL = re.compile(r"[^a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Portal:
    """Where targets are offered."""

    address: str
    port: str = str(DEFAULT_PORT)

    def __str__(self) -> str:
        """`10.0.0.1:3260`, `[fe80::1]:3260`."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def parse_portal(text: str) -> Portal:
    """Of `address`, `address:port`, `[v6]` or `[v6]:port`. Raises ActionError."""
    match = _PORTAL.fullmatch(text.strip())
    port = match["port"] or str(DEFAULT_PORT) if match else ""
    if match is None or not 0 < int(port) < 65536:
        raise ActionError(
            f"{clean(text)!r} is no portal",
            operation="use iSCSI",
            hint="address, address:port or [IPv6]:port",
        )
    return Portal(match["six"] or match["name"], port)


def require_login(login: IscsiLogin) -> Portal:
    """Its portal. Raises ActionError for what no target could be called, and for half a login."""
    if not _IQN.fullmatch(login.iqn) or len(login.iqn) > _LONGEST_IQN:
        raise ActionError(
            f"{clean(login.iqn)!r} is no name of a target",
            operation="use iSCSI",
            hint="iqn.YYYY-MM.domain:name",
        )
    if login.secret and not login.user:
        raise ActionError("a secret without a user", operation="log in", hint="name the CHAP user")
    return parse_portal(login.portal)


def pool_name(iqn: str) -> str:
    """What we call the pool of a target."""
    return iqn


def secret_usage(iqn: str) -> str:
    """What we call its secret."""
    return f"virt-ferry:{iqn}"


async def initiator_of(session: Session) -> str:
    """What a host calls itself: as open-iscsi has it, or as QEMU does for hosts without a name."""
    if session.shell is not None:
        try:
            answer = await session.shell.run(("cat", "--", INITIATOR))
        except FerryError:
            return _made_up(session.host)
        for line in answer.out.splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "InitiatorName" and _IQN.fullmatch(value.strip()):
                return value.strip()
    return _made_up(session.host)


def _made_up(host: str) -> str:
    return f"{_OF_QEMU}:{_LABEL.sub('-', host.lower()).strip('-.') or 'host'}"
