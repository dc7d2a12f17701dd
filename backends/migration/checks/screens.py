"""Does the guest's screen listen on an address that only its old host has?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from backends.migration.checks.context import Context
from backends.migration.checks.mtu import own_addresses
from backends.model.move import Check, Verdict

_ADDRESS = re.compile(r"\binet6? ([0-9a-fA-F.:]+)/")


async def listening(context: Context) -> list[Check]:
    """Nothing where the definition names no address, or the destination does not tell its own."""
    wanted = (await context.needs()).listens
    own = _ADDRESS.findall(await own_addresses(context)) if wanted else []
    check = listen_verdict(wanted, own, context.destination.host)
    return [check] if check else []


def listen_verdict(wanted: Iterable[str], own: Iterable[str], host: str) -> Check | None:
    """Pure. A host may be set to let programs listen on any address (ip_nonlocal_bind), so it is a doubt."""
    there = {_address(text) for text in own}
    missing = [
        text
        for text in wanted
        if (address := _address(text)) and _is_of_a_host(address) and address not in there
    ]
    if not there or not missing:
        return None
    evidence = (
        f"its screen listens on {', '.join(missing)}, which {host} does not have: QEMU may not start there"
    )
    return Check(
        "host.screen",
        "screen",
        Verdict.WARNING,
        evidence,
        "let it listen on every address, or on none of its own",
    )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_of_a_host(address: IPv4Address | IPv6Address) -> bool:
    return not (address.is_loopback or address.is_unspecified)
