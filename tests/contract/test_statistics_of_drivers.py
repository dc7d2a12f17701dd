"""Figures of all guests in one call; a driver that knows no such call is asked for it once."""

from __future__ import annotations

import libvirt
import pytest

from backends.hypervisor.connection import Connection
from backends.hypervisor.statistics import read_counters


class _NoSupportError(libvirt.libvirtError):  # type: ignore[misc]
    def get_error_code(self) -> int:
        return int(libvirt.VIR_ERR_NO_SUPPORT)


async def test_a_driver_that_refuses_the_bulk_call_is_not_asked_again_as_its_log_keeps_each_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def refuse(self: object, groups: int, flags: int) -> None:
        asked.append(groups)
        raise _NoSupportError("this function is not supported by the connection driver")

    monkeypatch.setattr(libvirt.virConnect, "getAllDomainStats", refuse)
    connection = await Connection.open("test:///default", host="h1")
    try:
        first = await read_counters(connection)
        second = await read_counters(connection)
    finally:
        connection.close()
    assert len(asked) == 1
    assert first.guests.keys() == second.guests.keys() != set()


async def test_a_driver_that_knows_it_is_asked_each_time() -> None:
    connection = await Connection.open("test:///default", host="h1")
    try:
        counters = [await read_counters(connection) for _ in range(2)]
    finally:
        connection.close()
    assert [each.in_bulk for each in counters] == [True, True]
