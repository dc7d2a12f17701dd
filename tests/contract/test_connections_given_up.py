"""A connection whose lane was given up is closed by whoever leaves it last, and nobody comes in after that."""

from __future__ import annotations

import asyncio

import pytest

from backends.errors import LinkError
from backends.hypervisor.connection import Connection


async def test_nobody_is_let_into_a_connection_that_the_last_one_has_left() -> None:
    connection = await Connection.open("test:///default", host="h1")
    connection._lane.abandon()  # as a call that misses its deadline does
    async with asyncio.timeout(5):
        await connection._gone.wait()
    with pytest.raises(LinkError, match="given up"):
        await connection.call_aside("read", lambda conn: conn.getHostname(), deadline_s=1)
