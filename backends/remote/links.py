"""The networks that this very machine is on."""

from __future__ import annotations

import psutil


def link_with(address: str) -> str:
    """This machine's interface that has this address, in its usual form; empty where none has."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(one.address.partition("%")[0] == address for one in addresses):
            return name
    return ""
