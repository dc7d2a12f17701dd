"""What real hosts see: one row for what is shared, a row for each host for what only has the same path."""

from __future__ import annotations

import asyncio
import time
from uuid import NAMESPACE_DNS, uuid5

from backends.api import Fleet
from backends.lab.guest_xml import Disk, GuestSpec, domain_xml
from backends.lab.lab import Lab
from backends.lab.layout import ISCSI_PORT, LOCAL_IMAGES_IN_HOST, SHARED_IN_HOST, STORAGE
from backends.lab.storage_node import LUN_BYTES, TARGET
from backends.model.host import HostName, Link
from backends.model.posture import Severity
from backends.model.storage import Access, Health, Level, Storage, StorageKind, StorageMap, WayKind
from tests.lab.seeding import sh
from tests.watching import guest_named, link_is, until

H1, H2, H3 = HOSTS = tuple(HostName(name) for name in ("h1", "h2", "h3"))
WITHIN_S = 2.0
"""For the three hosts of the lab, with guests."""
SILENT_WITHIN_S = 25.0
SHARED_KEY = f"{STORAGE}:/gv0"


async def known(fleet: Fleet, *names: str) -> None:
    """Until the fleet has these guests, with their disks."""
    await until(fleet, lambda state: set(names) <= {guest.name for guest in state.guests() if guest.disks})


def the_shared_folder(found: StorageMap) -> Storage:
    (storage,) = (each for each in found.storages if each.id.kind is StorageKind.GLUSTER)
    return storage


def where(found: StorageMap, guest: str) -> Storage:
    """The storage of a guest's only disk."""
    (storage,) = (each for each in found.storages if guest in {disk.name for disk in each.disks})
    return storage


def pool_of_luns(lab: Lab, host: str) -> str:
    return f"""<pool type='iscsi-direct'><name>luns</name><source>
        <host name='{lab.layout.address(STORAGE)}' port='{ISCSI_PORT}'/><device path='{TARGET}'/>
        <initiator><iqn name='iqn.2026-11.lab:{host}'/></initiator></source></pool>"""


async def test_the_shared_folder_is_one_row_that_all_hosts_write_with_the_guests_of_all(
    lab: Lab, fleet: Fleet
) -> None:
    for host, name in (("h1", "web"), ("h2", "mail")):
        await asyncio.to_thread(lab.guest, GuestSpec(name=name), host=host)
    await known(fleet, "web", "mail")
    shared = the_shared_folder(await fleet.storage())
    assert shared.id.key == SHARED_KEY
    assert shared.seen_by == HOSTS
    assert {s.access for s in shared.sightings.values()} == {Access.READ_WRITE}
    assert {s.health for s in shared.sightings.values()} == {Health.GOOD}
    ways = {(way.kind, way.words) for s in shared.sightings.values() for way in s.ways}
    assert ways == {(WayKind.MOUNT, str(SHARED_IN_HOST)), (WayKind.POOL, "shared")}
    assert {(disk.name, disk.guest.host) for disk in shared.disks} == {("web", H1), ("mail", H2)}
    assert {(pool.host, pool.name) for pool in shared.pools} == {(host, "shared") for host in HOSTS}
    sizes = [disk.virtual_bytes for disk in shared.disks]
    assert shared.commitment.promised_bytes == sum(size for size in sizes if size)


async def test_the_same_path_that_is_not_shared_is_a_row_for_each_host(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="stays", disk=Disk.LOCAL), host="h3")
    await known(fleet, "stays")
    found = await fleet.storage()
    rows = [
        each for each in found.storages if any(pool.name == "default" for pool in each.pools)
    ]  # the pool of the local folder, which has the same path everywhere
    assert sorted(each.seen_by for each in rows) == [(H1,), (H2,), (H3,)]
    assert where(found, "stays").seen_by == (H3,)
    (disk,) = where(found, "stays").disks
    assert disk.source == f"{LOCAL_IMAGES_IN_HOST}/stays.img"
    assert where(found, "stays").sightings[H1].access is Access.NOT_SEEN


async def test_a_folder_that_is_a_link_is_what_it_leads_to(lab: Lab, fleet: Fleet) -> None:
    await sh(lab, "h1", f"ln -sfn {SHARED_IN_HOST}/images /var/lib/libvirt/linked")
    definition = domain_xml(GuestSpec(name="linked"), lab.layout, 43)
    definition = definition.replace(f"{SHARED_IN_HOST}/images/", "/var/lib/libvirt/linked/")
    await sh(lab, "h1", f"truncate -s 64M {SHARED_IN_HOST}/images/linked.img")
    await sh(lab, "h1", f"virsh define /dev/stdin <<'END'\n{definition}\nEND")
    await known(fleet, "linked")
    assert where(await fleet.storage(), "linked").id.key == SHARED_KEY


async def test_a_lun_by_a_pool_and_by_a_network_disk_is_one_row_with_both(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="db", disk=Disk.ISCSI, lun=1), host="h2")
    await sh(lab, "h1", f"virsh pool-create /dev/stdin <<'END'\n{pool_of_luns(lab, 'h1')}\nEND")
    await known(fleet, "db")
    found = await fleet.storage()
    lun = where(found, "db")
    assert lun.id == (StorageKind.ISCSI, f"{TARGET}/1")
    assert [(pool.host, pool.name) for pool in lun.pools] == [(H1, "luns")]
    assert lun.seen_by == (H1, H2)
    assert lun.sightings[H3].access is Access.NOT_SEEN
    assert lun.commitment.promised_bytes == LUN_BYTES
    luns = {each.id.key for each in found.storages if each.id.kind is StorageKind.ISCSI}
    assert {f"{TARGET}/{number}" for number in (1, 2, 3)} <= luns
    assert TARGET not in luns, "its LUNs stand for it"


async def test_two_guests_that_write_one_image_are_told_from_their_definitions_and_from_their_locks(
    lab: Lab, fleet: Fleet
) -> None:
    """Locks on the lab's shared folder stay on their host, as with NFS's `nolock`: QEMU lets the second one start."""
    await asyncio.to_thread(lab.guest, GuestSpec(name="first"), host="h1")
    image = f"{SHARED_IN_HOST}/images/first.img"
    definition = domain_xml(GuestSpec(name="second"), lab.layout, 42)
    definition = definition.replace(f"{SHARED_IN_HOST}/images/second.img", image)
    await sh(lab, "h2", f"virsh create /dev/stdin <<'END'\n{definition}\nEND")
    await known(fleet, "first", "second")
    findings = {finding.id: finding for finding in the_shared_folder(await fleet.storage()).findings}
    assert next(iter(findings.values())).severity is Severity.HIGH, "the worst stands first"
    writers, locks = findings["storage.two-writers"], findings["storage.locked-twice"]
    assert "first (vda) on h1" in writers.evidence
    assert "second (vda) on h2" in writers.evidence
    assert writers.severity is locks.severity is Severity.HIGH
    assert findings["storage.image-locks"].evidence == "h1 1 by QEMU, h2 1 by QEMU"
    await sh(lab, "h2", "virsh destroy second")
    await until(fleet, lambda state: not any(guest.name == "second" for guest in state.guests()))
    assert "storage.two-writers" not in {f.id for f in the_shared_folder(await fleet.storage()).findings}


async def test_a_guest_that_was_left_defined_on_its_old_host_is_promised_its_disk_once(
    lab: Lab, fleet: Fleet
) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), host="h1")
    await sh(
        lab, "h2", f"virsh define /dev/stdin <<'END'\n{domain_xml(GuestSpec(name='web'), lab.layout, 1)}\nEND"
    )
    uuid = str(uuid5(NAMESPACE_DNS, f"web.{lab.layout.tag}"))
    await until(fleet, lambda state: len([g for g in state.guests() if g.key.uuid == uuid and g.disks]) == 2)
    shared = the_shared_folder(await fleet.storage())
    assert len(shared.disks) == 2
    assert shared.commitment.promised_bytes == GuestSpec(name="web").disk_mib * 1024 * 1024
    assert not any(finding.severity is Severity.HIGH for finding in shared.findings)


async def test_three_hosts_are_told_within_two_seconds(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), host="h1")
    await known(fleet, "web")
    took_s = []
    for _ in range(3):
        began = time.monotonic()
        found = await fleet.storage()
        took_s.append(time.monotonic() - began)
        assert found.hosts == HOSTS
    assert min(took_s) < WITHIN_S, "the machine may be busy with other things once, but not always"


async def test_a_host_that_hangs_is_left_out_in_time_and_the_others_are_told(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.freeze, "h3")
    async with asyncio.timeout(SILENT_WITHIN_S):
        found = await fleet.storage()
    assert found.hosts == (H1, H2)
    assert list(found.left_out) == [H3]
    assert found.left_out[H3]
    assert the_shared_folder(found).seen_by == (H1, H2)


async def test_a_host_whose_libvirt_is_gone_still_tells_what_it_has_mounted(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.host("h2").faults.kill_daemon, hold=True)
    await until(fleet, link_is("h2", Link.DEGRADED))
    shared = the_shared_folder(await fleet.storage())
    assert shared.seen_by == HOSTS
    assert {pool.host for pool in shared.pools} == {H1, H3}


async def test_a_full_folder_alarms_and_names_the_guest_that_stands_still(lab: Lab, fleet: Fleet) -> None:
    faults = lab.host("h1").faults
    await asyncio.to_thread(faults.shrink_images, 32)
    spec = GuestSpec(name="bulky", disk=Disk.LOCAL, write_kib_s=2048)
    await asyncio.to_thread(lab.guest, spec)
    await asyncio.to_thread(faults.fill_images)
    state = await until(fleet, lambda state: any(guest.full_disks for guest in state.guests()), 60)
    small = where(await fleet.storage(), "bulky")
    assert small.commitment.level is Level.ALARM
    assert small.disks[0].out_of_space
    assert next(way.words for way in small.sightings[H1].ways) == str(LOCAL_IMAGES_IN_HOST)
    stopped, full = small.findings[0], small.findings[1]
    assert {stopped.id, full.id} == {"storage.out-of-space", "storage.nearly-full"}
    assert stopped.guest == guest_named(state, "bulky").key
    assert "sparse" in full.title
