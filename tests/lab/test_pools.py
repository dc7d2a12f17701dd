"""Pools, volumes and disks as real libvirt hosts tell them; what stands for want of room says so, and runs on after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from backends.api import Fleet
from backends.errors import ActionError, DeadlineError
from backends.hypervisor import pools
from backends.hypervisor.connection import Connection
from backends.hypervisor.disk_errors import DiskError, read_disk_errors
from backends.hypervisor.disk_usage import read_disk_usage
from backends.hypervisor.pool_definitions import Pool, source_xml
from backends.hypervisor.pools import (
    define_pool,
    find_pool_sources,
    forget_pool,
    read_pools,
    refresh_pool,
    start_pool,
    stop_pool,
)
from backends.hypervisor.volumes import read_volumes, resize_guest_disk, resize_volume
from backends.lab.guest import define
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.layout import ISCSI_PORT, LOCAL_IMAGES_IN_HOST, SHARED_IN_HOST, STORAGE
from backends.lab.storage_node import LUN_BYTES, LUNS, TARGET
from backends.model.guest import GuestAction, GuestState
from backends.model.storage import StorageKind
from backends.probes.storage.pool_identities import pool_seen, volume_seen
from tests.watching import guest_named, until

MIB = 1 << 20
SECTOR = 512
IMAGES = SHARED_IN_HOST / "images"
INITIATOR = "iqn.2026-11.lab:virt-ferry"
STUCK = "/run/stuck"


async def connect(host: Host) -> Connection:
    return await Connection.open(f"qemu+tcp://{host.address}/system", host=host.name)


@pytest.fixture
async def h1(lab: Lab) -> AsyncIterator[Connection]:
    """A connection to h1 of the test's own."""
    opened = await connect(lab.host("h1"))
    yield opened
    opened.close()


async def the_pool(connection: Connection, name: str) -> Pool:
    return next(pool for pool in await read_pools(connection, "qemu") if pool.name == name)


async def run(lab: Lab, host: str, script: str) -> str:
    done = await asyncio.to_thread(lab.host(host).exec, "sh", "-c", script)
    return str(done.stdout)


async def start(lab: Lab, spec: GuestSpec) -> str:
    """A guest on h1 that runs; its UUID."""
    await asyncio.to_thread(lab.guest, spec)
    return await asyncio.to_thread(lab.host("h1").virsh, "domuuid", spec.name)


async def test_two_hosts_tell_the_folder_that_they_share_and_the_one_that_they_do_not(lab: Lab) -> None:
    told = []
    for name in ("h1", "h2"):
        connection = await connect(lab.host(name))
        told.append(await read_pools(connection, "qemu"))
        connection.close()
    assert [[(pool.name, pool.type, pool.active) for pool in each] for each in told] == [
        [("default", "dir", True), ("shared", "dir", True)]
    ] * 2
    assert {pool.target_path for each in told for pool in each} == {str(LOCAL_IMAGES_IN_HOST), str(IMAGES)}
    assert all(pool_seen(pool) is None for each in told for pool in each), "the same path proves nothing"
    assert all(pool.capacity_bytes and pool.available_bytes for each in told for pool in each)


async def test_volumes_tell_what_they_promise_what_they_take_and_what_they_are_read_from(
    lab: Lab, h1: Connection
) -> None:
    await run(
        lab,
        "h1",
        f"cd {LOCAL_IMAGES_IN_HOST} && truncate -s 64M sparse.img && printf x | dd of=sparse.img conv=notrunc"
        " && qemu-img create -q -f qcow2 -b sparse.img -F raw top.qcow2 && qemu-img create -q -f qcow2 own.qcow2 1G",
    )
    await refresh_pool(h1, "default")
    own, sparse, top = await read_volumes(h1, await the_pool(h1, "default"))
    await run(lab, "h1", f"rm {LOCAL_IMAGES_IN_HOST}/*")
    assert [volume.name for volume in (own, sparse, top)] == ["own.qcow2", "sparse.img", "top.qcow2"]
    assert (own.format, own.capacity_bytes, own.type, own.backing) == ("qcow2", 1 << 30, "file", "")
    assert (sparse.format, sparse.capacity_bytes, sparse.allocated_bytes) == ("raw", 64 * MIB, 4096)
    assert top.backing == sparse.path == f"{LOCAL_IMAGES_IN_HOST}/sparse.img"
    assert top.capacity_bytes == 64 * MIB


async def test_a_target_is_found_and_its_luns_are_storages_by_their_iqn(lab: Lab, h1: Connection) -> None:
    portal = lab.layout.address(STORAGE)
    question = source_xml(portal, port=ISCSI_PORT, initiator=INITIATOR)
    (source,) = await find_pool_sources(h1, "iscsi-direct", question)
    assert source.devices == (TARGET,) and source.hosts == (f"{portal}:{ISCSI_PORT}",)
    with pytest.raises(ActionError, match="initiator"):
        await find_pool_sources(h1, "iscsi-direct", source_xml(portal, port=ISCSI_PORT))
    uuid = await define_pool(
        h1,
        f"""<pool type='iscsi-direct'><name>luns</name><source><host name='{portal}' port='{ISCSI_PORT}'/>
        <device path='{TARGET}'/><initiator><iqn name='{INITIATOR}'/></initiator></source></pool>""",
    )
    try:
        before = await the_pool(h1, "luns")
        assert (before.active, before.capacity_bytes, before.source.initiator) == (False, None, INITIATOR)
        await start_pool(h1, uuid)
        pool = await the_pool(h1, "luns")
        found = {volume.name: volume for volume in await read_volumes(h1, pool)}
    finally:
        await stop_pool(h1, uuid)
        await forget_pool(h1, uuid)
    assert set(found) == {f"unit:0:0:{lun}" for lun in (0, *LUNS)}, "LUN 0 is tgtd's own controller"
    assert found["unit:0:0:1"].capacity_bytes in (LUN_BYTES, LUN_BYTES - SECTOR), (
        "libvirt counts to the last block"
    )
    seen = volume_seen(pool, found["unit:0:0:1"])
    assert seen is not None and (seen.kind, seen.key) == (StorageKind.ISCSI, f"{TARGET}/1")


async def test_disks_of_all_guests_are_measured_in_one_call_whether_they_run_or_not(
    lab: Lab, h1: Connection
) -> None:
    runs = await start(lab, GuestSpec(name="web", write_kib_s=64))
    await asyncio.to_thread(define, GuestSpec(name="off", disk_mib=32), lab.host("h1"), start=False)
    off = await asyncio.to_thread(lab.host("h1").virsh, "domuuid", "off")
    async with asyncio.timeout(20):
        while not (web := (await read_disk_usage(h1))[runs]["vda"]).highest_written:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.2)
    assert web.path == f"{IMAGES}/web.img" and web.virtual == 64 * MIB
    assert web.allocated is not None and 0 < web.allocated < 64 * MIB
    usage = (await read_disk_usage(h1))[off]["vda"]
    assert (usage.path, usage.virtual, usage.allocated) == (f"{IMAGES}/off.img", 32 * MIB, 0)


@pytest.mark.parametrize("format_", ["raw", "qcow2"])
async def test_the_disk_of_a_running_guest_grows_and_never_shrinks(
    lab: Lab, h1: Connection, format_: str
) -> None:
    uuid = await start(lab, GuestSpec(name="web", disk=Disk.NONE))
    image = f"{IMAGES}/grown.{format_}"
    await run(lab, "h1", f"qemu-img create -q -f {format_} {image} 32M")
    options = f"--driver qemu --subdriver {format_} --cache none --targetbus virtio"
    await asyncio.to_thread(lab.host("h1").virsh, f"attach-disk web {image} vdb {options}")
    assert await resize_guest_disk(h1, uuid, "vdb", 48 * MIB) == 48 * MIB
    assert await resize_guest_disk(h1, uuid, "vdb", 48 * MIB) == 48 * MIB, "done already"
    with pytest.raises(ActionError, match="never made smaller"):
        await resize_guest_disk(h1, uuid, "vdb", 40 * MIB)
    assert f'"virtual-size": {48 * MIB}' in await run(lab, "h1", f"qemu-img info -U --output json {image}")
    assert (await read_disk_usage(h1))[uuid]["vdb"].virtual == 48 * MIB


async def test_a_volume_that_nobody_has_open_grows_and_never_shrinks(lab: Lab, h1: Connection) -> None:
    await run(lab, "h1", f"qemu-img create -q -f qcow2 {LOCAL_IMAGES_IN_HOST}/idle.qcow2 32M")
    await refresh_pool(h1, "default")
    try:
        assert await resize_volume(h1, "default", "idle.qcow2", 64 * MIB) == 64 * MIB
        with pytest.raises(ActionError, match="never made smaller"):
            await resize_volume(h1, "default", "idle.qcow2", 32 * MIB)
        (volume,) = await read_volumes(h1, await the_pool(h1, "default"))
        assert volume.capacity_bytes == 64 * MIB
    finally:
        await run(lab, "h1", f"rm {LOCAL_IMAGES_IN_HOST}/idle.qcow2")


async def test_a_guest_without_room_says_which_disk_and_runs_on_when_there_is_some(
    lab: Lab, fleet: Fleet, h1: Connection
) -> None:
    await asyncio.to_thread(lab.host("h1").faults.shrink_images, 8)
    uuid = await start(lab, GuestSpec(name="full", disk=Disk.LOCAL, write_kib_s=8192))

    def stands(reason: str) -> GuestState | None:
        found = [guest for guest in fleet.state.guests() if guest.name == "full"]
        return found[0].state if found and found[0].reason == reason else None

    state = await until(fleet, lambda _state: stands("no space left for vda") is GuestState.PAUSED, 40)
    guest = guest_named(state, "full")
    assert guest.full_disks == ("vda",)
    assert await read_disk_errors(h1, [uuid]) == {uuid: {"vda": DiskError.NO_SPACE}}
    fleet.reconnect(guest.key.host)
    await until(fleet, lambda state: guest_named(state, "full").full_disks == ("vda",))
    await run(lab, "h1", f"mount -o remount,size=96m {LOCAL_IMAGES_IN_HOST}")
    await fleet.act(guest.key, GuestAction.RESUME)
    state = await until(fleet, lambda state: guest_named(state, "full").state is GuestState.RUNNING)
    assert guest_named(state, "full").full_disks == ()
    assert await read_disk_errors(h1, [uuid]) == {}, "what QEMU remembers of it counts no more"


async def test_storage_that_hangs_takes_its_own_pool_away_and_no_other(
    lab: Lab, h1: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libvirt holds the pool while it looks at a volume there, and then cannot even list its pools."""
    monkeypatch.setattr("backends.hypervisor.volumes.VOLUMES_DEADLINE_S", 1.0)
    monkeypatch.setattr(pools, "POOLS_DEADLINE_S", 1.0)
    await run(
        lab,
        "h1",
        f"mkdir -p {STUCK} /run/behind && touch /run/behind/a.img && (bindfs -f /run/behind {STUCK} >/dev/null 2>&1 &"
        f" echo $! >/run/bindfs.pid) && until mountpoint -q {STUCK}; do sleep 0.05; done",
    )
    pool = f"<pool type='dir'><name>stuck</name><target><path>{STUCK}</path></target></pool>"
    uuid = await define_pool(h1, pool)
    await start_pool(h1, uuid)
    stuck = await the_pool(h1, "stuck")
    await run(lab, "h1", "kill -STOP $(cat /run/bindfs.pid)")
    try:
        (volume,) = await read_volumes(h1, stuck)
        assert volume.name == "a.img" and "hangs" in volume.trouble
        with pytest.raises(DeadlineError):
            await read_pools(h1, "qemu")
        told = await read_pools(h1, "qemu", known=["default", "shared", "stuck"])
        assert [(each.name, each.active, each.trouble[:27]) for each in told] == [
            ("default", True, ""),
            ("shared", True, ""),
            ("stuck", None, "libvirt does not answer for"),
        ]
        assert h1.usable and await h1.call("ask", lambda conn: str(conn.getType())) == "QEMU"
    finally:
        await run(lab, "h1", "kill -CONT $(cat /run/bindfs.pid)")
    async with asyncio.timeout(10):
        while h1.hanging:  # noqa: ASYNC110 - the calls return on threads of their own, and nobody waits for them
            await asyncio.sleep(0.05)
    assert [each.trouble for each in await read_pools(h1, "qemu")] == ["", "", ""]
    await stop_pool(h1, uuid)
    await forget_pool(h1, uuid)
    await run(lab, "h1", f"kill $(cat /run/bindfs.pid); umount -l {STUCK} 2>/dev/null || :")


async def test_fifty_pools_and_a_thousand_volumes_come_within_their_budget(lab: Lab, h1: Connection) -> None:
    folder = "/run/many"
    await run(
        lab,
        "h1",
        f"mkdir -p {folder}/p0 && cd {folder}/p0 && seq -f v%04g.img 1000 | xargs truncate -s 1G;"
        f" for n in $(seq 50); do mkdir -p {folder}/p$n; done",
    )
    names = [f"many{number:02}" for number in range(50)]
    try:
        for number, name in enumerate(names):
            xml = (
                f"<pool type='dir'><name>{name}</name><target><path>{folder}/p{number}</path></target></pool>"
            )
            await start_pool(h1, await define_pool(h1, xml))
        clock = asyncio.get_running_loop().time
        began = clock()
        told = await read_pools(h1, "qemu")
        listed = clock()
        found = await read_volumes(h1, next(pool for pool in told if pool.name == names[0]))
        read = clock()
    finally:
        for name in names:
            await stop_pool(h1, name)
            await forget_pool(h1, name)
        await run(lab, "h1", f"rm -r {folder}")
    assert len(told) == 52 and not any(pool.trouble for pool in told)
    assert [volume.capacity_bytes for volume in found] == [1 << 30] * 1000
    assert (listed - began, read - listed) < (1.0, 5.0), "of deadlines of 5 s and 15 s"
