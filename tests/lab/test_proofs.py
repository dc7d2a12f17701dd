"""Who really sees the same disk, tried on real hosts: a shared folder, the same path that is not shared, and LUNs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from backends.api import Fleet
from backends.errors import ActionError
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab
from backends.lab.layout import ISCSI_PORT, STORAGE
from backends.lab.storage_node import TARGET
from backends.model.host import HostName
from backends.model.move import MoveMode, MoveRequest, Result, Verdict
from backends.model.storage import IscsiLogin, Sharing, SharingProof
from tests.lab.moving import ended, hosts_of, make
from tests.lab.seeding import LOCAL, NAME, SHARED, defined, disk, image, on, sh, start, xml
from tests.watching import until

H1, H2, H3 = HostName("h1"), HostName("h2"), HostName("h3")


def sharings(proof: SharingProof) -> dict[str, Sharing]:
    return {each.host: each.sharing for each in proof.others}


def login_to(lab: Lab) -> IscsiLogin:
    return IscsiLogin(TARGET, f"{lab.layout.address(STORAGE)}:{ISCSI_PORT}")


@asynccontextmanager
async def logged_in(lab: Lab, fleet: Fleet, *hosts: HostName) -> AsyncIterator[None]:
    """These hosts have a pool of the target."""
    for host in hosts:
        await fleet.iscsi_login(host, login_to(lab))
    try:
        yield
    finally:
        for host in hosts:
            await fleet.iscsi_logout(host, login_to(lab))


async def test_a_shared_folder_is_proved_on_every_host_and_its_locks_are_told(lab: Lab, fleet: Fleet) -> None:
    proof = await fleet.prove(SHARED)
    assert sharings(proof) == {"h2": Sharing.PROVED, "h3": Sharing.PROVED}
    assert proof.host == H1
    # The lab's folder is bindfs, a FUSE mount for each host: what is locked through one is free for the others.
    assert [each.locks for each in proof.others] == [False, False]
    assert all("both could write" in each.evidence for each in proof.others)
    left = lab.host("h1").exec("ls", "-A", SHARED).stdout
    assert ".virt-ferry" not in left


async def test_the_same_path_that_is_not_shared_is_told_apart_and_refused_before_a_move(
    lab: Lab, fleet: Fleet
) -> None:
    path = f"{LOCAL}/a.img"
    for host in ("h1", "h2"):
        await sh(lab, host, image(path))
    await start(lab, xml(disk(path)))
    state = await until(fleet, lambda state: any(g.name == NAME and g.disks for g in state.guests()))
    proof = await fleet.prove(path, [H1, H2])
    assert sharings(proof) == {"h2": Sharing.DIFFERENT}
    assert sharings(await fleet.prove(LOCAL, [H1, H2])) == {"h2": Sharing.DIFFERENT}
    guest = next(guest for guest in state.guests() if guest.name == NAME)
    found = await fleet.preflight(MoveRequest(guest.key, NAME, H2, MoveMode.LIVE))
    (check,) = (check for check in found.checks if check.id == "disk.vda.shared")
    assert check.verdict is Verdict.REFUSE and f"writes into {LOCAL}" in check.evidence


async def test_a_pool_is_proved_by_its_folder_and_not_by_its_name(lab: Lab, fleet: Fleet) -> None:
    shared = sharings(await fleet.prove("shared"))
    local = sharings(await fleet.prove("default"))
    assert set(shared.values()) == {Sharing.PROVED}
    assert set(local.values()) == {Sharing.DIFFERENT}
    del lab


async def test_what_nobody_has_is_said_to_be_nowhere(fleet: Fleet) -> None:
    with pytest.raises(ActionError, match="h1 has no /no/such/folder"):
        await fleet.prove("/no/such/folder")
    with pytest.raises(ActionError, match="h1 has no pool no-such-pool"):
        await fleet.prove("no-such-pool")


async def test_a_host_that_is_frozen_holds_up_no_other(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.freeze, "h3")
    try:
        found = {each.host: each for each in (await fleet.prove(SHARED)).others}
    finally:
        await asyncio.to_thread(lab.thaw, "h3")
    assert found[H2].sharing is Sharing.PROVED
    assert found[H3].sharing is Sharing.UNKNOWN and "h3" in found[H3].evidence


async def test_a_lun_by_a_pool_is_the_same_by_its_target_and_nothing_is_written(
    lab: Lab, fleet: Fleet
) -> None:
    file = lab.layout.shared / "lun" / "lun1"
    before = (await asyncio.to_thread(file.stat)).st_mtime_ns
    async with logged_in(lab, fleet, H1, H2):
        by_pool = await fleet.prove(TARGET, [H1, H2])
        by_key = await fleet.prove(f"{TARGET}/1")
    assert sharings(by_pool) == {"h2": Sharing.SAME_IDENTITY}
    assert sharings(by_key) == {"h2": Sharing.SAME_IDENTITY, "h3": Sharing.SAME_IDENTITY}
    assert "offers" in next(each.evidence for each in by_key.others if each.host == H3)
    assert (await asyncio.to_thread(file.stat)).st_mtime_ns == before


async def test_a_lun_by_a_network_disk_is_the_same_and_the_guest_moves_live(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="web", disk=Disk.ISCSI, write_kib_s=16))
    state = await until(fleet, lambda state: any(g.name == "web" and g.disks for g in state.guests()))
    (guest,) = (guest for guest in state.guests() if guest.name == "web")
    assert sharings(await fleet.prove(f"{TARGET}/1", [H1, H2])) == {"h2": Sharing.SAME_IDENTITY}
    checked = await fleet.preflight(MoveRequest(guest.key, "web", H2, MoveMode.LIVE))
    move = await ended(fleet, fleet.start_move(checked, accept_doubts=True))
    assert move.outcome is not None and move.outcome.result is Result.SUCCEEDED
    assert hosts_of(lab, "web")["h2"] == "running"


def volume(pool: str, name: str) -> str:
    return (
        "<disk type='volume' device='disk'><driver name='qemu' type='raw' cache='none'/>"
        f"<source pool='{pool}' volume='{name}'/><target dev='vda' bus='virtio'/></disk>"
    )


async def test_a_guest_whose_disk_is_a_lun_of_a_pool_moves_where_the_pool_is(lab: Lab, fleet: Fleet) -> None:
    async with logged_in(lab, fleet, H1, H2):
        await start(lab, xml(volume(TARGET, "unit:0:0:1")))
        state = await until(fleet, lambda state: any(g.name == NAME and g.disks for g in state.guests()))
        key = next(guest.key for guest in state.guests() if guest.name == NAME)
        checked = await fleet.preflight(MoveRequest(key, NAME, H2, MoveMode.LIVE))
        (check,) = (check for check in checked.checks if check.id == "disk.vda.shared")
        assert check.verdict is Verdict.OK and TARGET in check.evidence
        elsewhere = await fleet.preflight(MoveRequest(key, NAME, H3, MoveMode.LIVE))
        (refused,) = (check for check in elsewhere.checks if check.id == "disk.vda.shared")
        assert refused.verdict is Verdict.REFUSE and "h3 has no pool" in refused.evidence
        move = await ended(fleet, fleet.start_move(checked, accept_doubts=True))
        assert move.outcome is not None and move.outcome.result is Result.SUCCEEDED
        with pytest.raises(ActionError, match=f"in use by {NAME} \\(vda\\)"):
            await fleet.iscsi_logout(H2, login_to(lab))
        await on(lab, "h2", "virsh", "destroy", NAME)
        await until(fleet, lambda state: not state.hosts[H2].guests)


async def test_a_volume_of_a_pool_that_is_off_there_is_refused_with_the_command_that_starts_it(
    lab: Lab, fleet: Fleet
) -> None:
    await sh(lab, "h1", image(f"{SHARED}/v.img"))
    await on(lab, "h1", "virsh", "pool-refresh", "shared")
    await on(lab, "h2", "virsh", "pool-destroy", "shared")
    await sh(lab, "h1", defined(xml(volume("shared", "v.img"))))
    await on(lab, "h1", "virsh", "start", NAME)
    state = await until(fleet, lambda state: any(g.name == NAME and g.disks for g in state.guests()))
    key = next(guest.key for guest in state.guests() if guest.name == NAME)
    try:
        found = await fleet.preflight(MoveRequest(key, NAME, H2, MoveMode.LIVE))
    finally:
        await on(lab, "h2", "virsh", "pool-start", "shared")
    (check,) = (check for check in found.checks if check.id == "disk.vda.shared")
    assert check.verdict is Verdict.REFUSE
    assert check.mend.endswith("pool-start shared")
    again = await fleet.preflight(MoveRequest(key, NAME, H2, MoveMode.LIVE))
    (check,) = (check for check in again.checks if check.id == "disk.vda.shared")
    assert check.verdict is Verdict.OK and "read through both" in check.evidence
