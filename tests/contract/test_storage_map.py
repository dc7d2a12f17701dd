"""The map of storage, of libvirt's test driver and of this machine: what is told is shown, what is not says why."""

from __future__ import annotations

import asyncio

import pytest

from backends.api import embedded_hosts, open_fleet, parse_host
from backends.errors import DeadlineError
from backends.hypervisor import pools
from backends.hypervisor.connection import Connection
from backends.model.host import HostName, HostSpec, Link, Reach
from backends.model.storage import Access, StorageKind
from backends.untrusted import clean
from tests.watching import all_up, link_is, until

HERE, TEST = HostName("local"), HostName("test-default")
WITHIN_S = 10


async def test_a_host_by_libvirt_alone_tells_its_pools_and_disks() -> None:
    async with open_fleet([parse_host("test:///default")]) as fleet:
        await until(fleet, all_up)
        found = await fleet.storage()
    (pool,) = (pool for storage in found.storages for pool in storage.pools)
    assert (pool.host, pool.name, pool.type, pool.active) == (TEST, "default-pool", "dir", True)
    assert pool.capacity_bytes
    (storage,) = (storage for storage in found.storages if storage.pools)
    assert storage.id.key == "test-default:/default-pool"
    assert storage.sightings[TEST].access is Access.READ_WRITE
    assert storage.commitment.capacity_bytes == pool.capacity_bytes


async def test_pools_that_were_there_are_still_told_when_libvirt_does_not_list_them_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hangs(_: Connection) -> None:
        raise DeadlineError("no answer within 5 s")

    async with open_fleet([parse_host("test:///default")]) as fleet:
        await until(fleet, all_up)
        before = await fleet.storage()
        monkeypatch.setattr(pools, "_list", hangs)
        found = await fleet.storage()
    names = [pool.name for storage in found.storages for pool in storage.pools]
    assert names == [pool.name for storage in before.storages for pool in storage.pools] == ["default-pool"]


async def test_the_same_path_on_two_hosts_is_never_one_storage() -> None:
    async with embedded_hosts(count=2, guests=3) as specs, open_fleet(specs) as fleet:
        await until(fleet, all_up)
        found = await fleet.storage()
    assert found.hosts == ("test-1", "test-2")
    assert all(len(storage.seen_by) <= 1 for storage in found.storages if not storage.id.kind.may_be_shared)
    disks = [disk for storage in found.storages for disk in storage.disks]
    on_disks = sum(1 for guest in fleet.state.guests() for disk in guest.disks if disk.source)
    assert len(disks) == on_disks


async def test_a_host_that_is_down_is_left_out_with_the_reason_and_stops_nobody() -> None:
    async with embedded_hosts(count=2, guests=1) as specs:
        gone = HostSpec(HostName("gone"), Reach.URI, "test:///nowhere/at-all.xml")
        async with open_fleet([*specs, gone]) as fleet:
            await until(fleet, link_is("gone", Link.DOWN, Link.STALE))
            await until(fleet, lambda state: all(link_is(spec.name, Link.UP)(state) for spec in specs))
            async with asyncio.timeout(5):
                found = await fleet.storage()
    assert found.hosts == ("test-1", "test-2")
    assert list(found.left_out) == ["gone"]
    assert found.left_out[gone.name]


async def test_only_the_hosts_that_are_named_are_asked() -> None:
    async with embedded_hosts(count=3, guests=1) as specs, open_fleet(specs) as fleet:
        await until(fleet, all_up)
        found = await fleet.storage([specs[1].name])
    assert found.hosts == (specs[1].name,)
    assert all(set(storage.sightings) == {specs[1].name} for storage in found.storages)


async def test_this_machine_tells_its_storage_even_without_libvirt() -> None:
    async with open_fleet([parse_host("local")]) as fleet:
        await fleet.settled(10)
        async with asyncio.timeout(WITHIN_S):
            found = await fleet.storage()
    assert found.hosts == (HERE,)
    assert not found.left_out
    for storage in found.storages:
        texts = (storage.id.key, storage.label, *(f.evidence for f in storage.findings))
        assert all(text == clean(text, limit=4096) for text in texts)
        assert storage.disks or storage.pools or storage.id.kind is not StorageKind.FILE_SYSTEM
