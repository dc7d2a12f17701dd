"""Pools and volumes are read over a real connection, libvirt's in-process test driver, also while some of them hang."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import libvirt
import pytest

from backends.errors import ActionError, DeadlineError, LinkError, UnsupportedError
from backends.hypervisor import pools, volumes
from backends.hypervisor.connection import MAX_ASIDE, Connection
from backends.hypervisor.disk_errors import read_disk_errors
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

GIB = 1 << 30
NAMES = ("backup", "images", "offline", "scratch")


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    """A host of its own: `images` has two volumes, `offline` is not active."""
    opened = await Connection.open("test:///default", host="h1")
    for name in NAMES:
        uuid = await define_pool(opened, dir_pool(name))
        if name != "offline":
            await start_pool(opened, uuid)
    for name in ("a", "b"):
        await opened.call("make a volume", partial(make_volume, pool="images", name=name))
    yield opened
    for name in NAMES:
        await stop_pool(opened, name)
        await forget_pool(opened, name)
    opened.close()


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[type, str, str], threading.Event]]:
    """Let a call on the object of that name wait until it is released; `hang` returns what tells that it waits."""
    release = threading.Event()

    def install(kind: type, method: str, name: str) -> threading.Event:
        original, reached = getattr(kind, method), threading.Event()

        def hanging(self: Any, *arguments: object) -> object:
            if name in ("", self.name()):
                reached.set()
                release.wait(10)
            return original(self, *arguments)

        monkeypatch.setattr(kind, method, hanging)
        return reached

    for module, deadline in ((pools, "POOLS_DEADLINE_S"), (volumes, "VOLUMES_DEADLINE_S")):
        monkeypatch.setattr(module, deadline, 0.2)
    install.release = release  # type: ignore[attr-defined]
    yield install
    release.set()


def dir_pool(name: str) -> str:
    return f"<pool type='dir'><name>{name}</name><target><path>/srv/{name}</path></target></pool>"


def make_volume(conn: Any, pool: str, name: str) -> None:
    xml = f"""<volume><name>{name}.qcow2</name><capacity>{GIB}</capacity><allocation>0</allocation>
      <target><format type='qcow2'/></target></volume>"""
    conn.storagePoolLookupByName(pool).createXML(xml, 0)


async def pool_named(connection: Connection, name: str) -> Pool:
    return next(pool for pool in await read_pools(connection, "test") if pool.name == name)


async def test_all_pools_are_told_with_what_they_are(connection: Connection) -> None:
    found = {pool.name: pool for pool in await read_pools(connection, "test")}
    assert list(found) == sorted([*NAMES, "default-pool"])
    images, offline = found["images"], found["offline"]
    assert (images.type, images.active, images.autostart, images.driver) == ("dir", True, False, "test")
    assert images.target_path == "/srv/images" and len(images.uuid) == 36
    assert images.capacity_bytes == 100 * GIB, "what the test driver gives each pool"
    assert images.allocated_bytes is not None and images.available_bytes is not None
    assert images.allocated_bytes + images.available_bytes == 100 * GIB
    assert (images.volumes, found["backup"].volumes) == (2, 0)
    assert (offline.active, offline.capacity_bytes, offline.volumes, offline.trouble) == (
        False,
        None,
        None,
        "",
    )


async def test_the_volumes_of_a_pool_are_told_with_what_they_promise(connection: Connection) -> None:
    found = await read_volumes(connection, await pool_named(connection, "images"))
    assert [volume.name for volume in found] == ["a.qcow2", "b.qcow2"]
    assert {(volume.capacity_bytes, volume.format, volume.type) for volume in found} == {
        (GIB, "qcow2", "file")
    }
    assert found[0].path == "/srv/images/a.qcow2"


async def test_a_thousand_volumes_come_in_time(connection: Connection) -> None:
    def fill(conn: Any) -> None:
        for number in range(1000):
            make_volume(conn, "scratch", f"v{number:04}")

    await connection.call_aside("make volumes", fill, deadline_s=60)
    found = await read_volumes(connection, await pool_named(connection, "scratch"))
    assert [volume.capacity_bytes for volume in found] == [GIB] * 1000


async def test_a_pool_that_is_not_active_has_no_volumes_to_tell(connection: Connection) -> None:
    with pytest.raises(ActionError, match="not active"):
        await read_volumes(connection, await pool_named(connection, "offline"))


async def test_a_pool_is_started_and_stopped_once_and_a_second_time_is_no_harm(
    connection: Connection,
) -> None:
    for _ in range(2):
        await start_pool(connection, "offline")
        await refresh_pool(connection, (await pool_named(connection, "offline")).uuid)
        assert (await pool_named(connection, "offline")).active
    for _ in range(2):
        await stop_pool(connection, "offline")
    assert not (await pool_named(connection, "offline")).active
    with pytest.raises(ActionError, match="no storage pool"):
        await start_pool(connection, "nowhere")


async def test_a_pool_that_hangs_is_named_and_hides_no_other(connection: Connection, hang: Any) -> None:
    hang(libvirt.virStoragePool, "XMLDesc", "images")
    found = {pool.name: pool for pool in await read_pools(connection, "test")}
    assert "seems to hang" in found["images"].trouble
    assert [found[name].target_path for name in ("backup", "scratch")] == ["/srv/backup", "/srv/scratch"]
    assert connection.usable and connection.hanging == {"images"}


async def test_a_pool_that_hangs_is_not_asked_again_before_it_has_answered(
    connection: Connection, hang: Any
) -> None:
    reached = hang(libvirt.virStoragePool, "XMLDesc", "images")
    await read_pools(connection, "test")
    reached.clear()
    assert "seems to hang" in (await pool_named(connection, "images")).trouble
    assert not reached.is_set(), "each question would take one of the host's few workers for good"
    hang.release.set()
    async with asyncio.timeout(5):
        while connection.hanging:  # noqa: ASYNC110 - the call returns on a thread of its own, and nobody waits for it
            await asyncio.sleep(0.01)
    assert (await pool_named(connection, "images")).trouble == ""


async def test_many_that_hang_leave_the_host_workers_to_answer_with(
    connection: Connection, hang: Any
) -> None:
    hang(libvirt.virStoragePool, "XMLDesc", "")
    found = await read_pools(connection, "test")
    assert len(connection.hanging) == pools.MOST_HANGING
    troubles = [pool.trouble for pool in found]
    assert sum("seems to hang" in words for words in troubles) == pools.MOST_HANGING
    assert sum("not asked" in words for words in troubles) == len(found) - pools.MOST_HANGING
    assert await connection.call("ask", lambda conn: str(conn.getType())) == "TEST"


async def test_where_even_the_list_hangs_pools_that_are_known_are_asked_by_name(
    connection: Connection, hang: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = hang.release
    monkeypatch.setattr(libvirt.virConnect, "listAllStoragePools", lambda *_: release.wait(10) and [])
    hang(libvirt.virStoragePool, "XMLDesc", "images")
    with pytest.raises(DeadlineError):
        await read_pools(connection, "test")
    with pytest.raises(DeadlineError, match="does not list its pools"):
        await read_pools(connection, "test")
    found = await read_pools(connection, "test", known=["images", "backup", "gone", "offline"])
    assert [(pool.name, pool.active, bool(pool.trouble)) for pool in found] == [
        ("backup", True, False),
        ("images", None, True),
        ("offline", False, False),
    ]


async def test_volumes_that_were_read_before_one_that_hangs_are_not_lost(
    connection: Connection, hang: Any
) -> None:
    pool = await pool_named(connection, "images")
    order = await connection.call(
        "list", lambda conn: [v.name() for v in conn.storagePoolLookupByName("images").listAllVolumes(0)]
    )
    hang(libvirt.virStorageVol, "XMLDesc", order[1])
    found = await read_volumes(connection, pool)
    first, second = sorted(found, key=lambda volume: order.index(volume.name))
    assert (first.capacity_bytes, first.trouble) == (GIB, "")
    assert second.capacity_bytes is None and "hangs" in second.trouble
    with pytest.raises(DeadlineError, match="no answer yet"):
        await read_volumes(connection, pool)


async def test_one_that_cannot_be_read_is_told_by_its_name(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, xml = await pool_named(connection, "images"), libvirt.virStorageVol.XMLDesc
    monkeypatch.setattr(
        libvirt.virStorageVol,
        "XMLDesc",
        lambda self, flags: "<vol" if self.name()[0] == "a" else xml(self, flags),
    )
    first, second = await read_volumes(connection, pool)
    assert "not valid XML" in first.trouble and second.trouble == ""
    monkeypatch.setattr(libvirt.virStoragePool, "XMLDesc", lambda *_: "<pool")
    assert {pool.trouble.partition(":")[0] for pool in await read_pools(connection, "test")} == {
        "not valid XML"
    }


async def test_long_moves_do_not_keep_the_question_waiting(connection: Connection, hang: Any) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(MAX_ASIDE):
            group.create_task(
                connection.call_aside("move", lambda _conn: hang.release.wait(10), deadline_s=None)
            )
        await asyncio.sleep(0)  # both have taken their place
        assert len(await read_pools(connection, "test")) == len(NAMES) + 1
        hang.release.set()


async def test_a_host_that_opens_no_further_connection_has_pools_that_are_not_known(
    connection: Connection, hang: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_arguments: object) -> None:
        hang.release.wait(10)
        raise libvirt.libvirtError("too late")

    opening = Connection.open
    monkeypatch.setattr(Connection, "open", partial(opening, deadline_s=0.2))
    monkeypatch.setattr(libvirt, "openAuth", silent)
    with pytest.raises(DeadlineError):
        await read_pools(connection, "test")
    (pool,) = await read_pools(connection, "test", known=["images"])
    assert pool.trouble == "no answer within 0.2 s"


async def test_nothing_is_ever_made_smaller(connection: Connection) -> None:
    with pytest.raises(ActionError, match="never made smaller"):
        await resize_volume(connection, "images", "a.qcow2", GIB - 1)
    assert await resize_volume(connection, "images", "a.qcow2", GIB) == GIB, "as large already: nothing to do"
    with pytest.raises(UnsupportedError):
        await resize_volume(connection, "images", "a.qcow2", 2 * GIB)  # the test driver cannot


async def test_a_driver_that_cannot_tell_or_do_says_so(connection: Connection) -> None:
    with pytest.raises(ActionError):
        await find_pool_sources(connection, "iscsi-direct", source_xml("10.0.0.1", port=3260))
    (guest,) = await connection.call("list", lambda conn: [d.UUIDString() for d in conn.listAllDomains(0)])
    with pytest.raises(UnsupportedError):
        await resize_guest_disk(connection, guest, "vda", 4 << 40)
    assert await read_disk_usage(connection) == {guest: {}}
    assert await read_disk_errors(connection, [guest, "no-uuid"]) == {}, (
        "a guest that runs has none that counts"
    )


async def test_a_connection_that_is_gone_is_no_empty_host(connection: Connection) -> None:
    other = await Connection.open("test:///default", host="h2")
    other.close()
    with pytest.raises(LinkError):
        await read_pools(other, "test")
