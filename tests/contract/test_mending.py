"""Unfinished business is mended only after the hosts, asked anew, say that it is right (libvirt's test driver)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.embedded import node_xml
from backends.errors import ActionError, FerryError
from backends.hypervisor import lifecycle
from backends.hypervisor.connection import Connection
from backends.hypervisor.whereabouts import Whereabouts, whereabouts
from backends.migration.ending.verdict import STARTING_UP
from backends.migration.leftovers.mend import mend
from backends.model.guest import GuestAction, GuestKey, GuestState
from backends.model.host import HostName, HostSpec, Reach
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from tests.supervised import Supervised, supervised

UUID = "00000001-0000-4000-8000-000000000000"
NAME = "web-100"
H1, H2, GONE = HostName("h1"), HostName("h2"), HostName("gone")


class Hosts:
    """h1 and h2, on both of which web-100 is defined and runs."""

    def __init__(self, hosts: Supervised, disk: Path) -> None:
        self.supervisors = hosts.supervisors
        self.disk = disk

    async def act(self, host: HostName, *actions: GuestAction) -> None:
        """To the guest there."""
        for action in actions:
            await lifecycle.act(self.supervisors[host].current().connection("test"), UUID, action)

    async def forget(self, host: HostName) -> None:
        """It ends there, and leaves no definition and no reason."""
        await self.act(host, GuestAction.FORCE_OFF)
        await self.libvirt(host, lambda conn: conn.lookupByUUIDString(UUID).undefine() and None)

    async def libvirt(self, host: HostName, work: Callable[[Any], Any]) -> Any:
        """Call libvirt itself."""
        return await self.supervisors[host].current().connection("test").call("test", work)

    async def seen(self, host: HostName) -> Whereabouts:
        """The guest there, as the host says now."""
        return await whereabouts(self.supervisors[host].current().connection("test"), UUID)

    async def mend(
        self,
        how: Mend | None,
        host: HostName = H1,
        *,
        kind: UnfinishedKind = UnfinishedKind.PAUSED,
        path: str = "",
        was_paused: bool = False,
    ) -> str:
        """As if it had been listed before."""
        key = GuestKey(host, "test", UUID)
        listed = Unfinished("x", kind, key, NAME, "text", how, "virsh ...", path=path, was_paused=was_paused)
        return await mend(listed, self.supervisors)


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[Hosts]:
    disk = tmp_path / "images" / "web.img"
    disk.parent.mkdir()
    disk.touch()
    specs = []
    for name in (H1, H2):
        file = tmp_path / f"{name}.xml"
        file.write_text(node_xml(1, 1).replace(f"/guest/images/{NAME}.img", str(disk)))
        specs.append(HostSpec(name, Reach.URI, f"test://{file}"))
    async with supervised(specs) as running:
        yield Hosts(running, disk)


async def with_a_host_that_is_gone(hosts: Hosts) -> None:
    """A third one, which does not answer."""
    lost = HostSpec(GONE, Reach.URI, "test:///no/such/file.xml")
    async with supervised([lost], wait=False) as running:
        hosts.supervisors.update(running.supervisors)


async def test_a_definition_is_removed_where_the_guest_is_off_and_runs_elsewhere(hosts: Hosts) -> None:
    await hosts.act(H1, GuestAction.FORCE_OFF)
    assert await hosts.mend(Mend.UNDEFINE) == f"the definition of {NAME} on h1 was removed: it runs on h2"
    assert not (await hosts.seen(H1)).defined
    assert (await hosts.seen(H2)).state is GuestState.RUNNING
    assert "any more" in await hosts.mend(Mend.UNDEFINE)


async def test_a_guest_that_was_started_meanwhile_keeps_its_definition(hosts: Hosts) -> None:
    with pytest.raises(ActionError, match="is running here"):
        await hosts.mend(Mend.UNDEFINE)
    assert (await hosts.seen(H1)).persistent


async def test_so_does_one_that_runs_nowhere_else_any_more(hosts: Hosts) -> None:
    await hosts.act(H1, GuestAction.FORCE_OFF)
    await hosts.act(H2, GuestAction.PAUSE)
    with pytest.raises(ActionError, match="no other host is proved"):
        await hosts.mend(Mend.UNDEFINE)
    assert (await hosts.seen(H1)).defined


async def test_so_does_one_that_is_not_defined_where_it_runs(hosts: Hosts) -> None:
    await hosts.act(H1, GuestAction.FORCE_OFF)
    await hosts.libvirt(H2, lambda conn: conn.lookupByUUIDString(UUID).undefine() and None)
    assert (await hosts.seen(H2)).state is GuestState.RUNNING
    with pytest.raises(ActionError, match="no other host is proved"):
        await hosts.mend(Mend.UNDEFINE)


async def test_a_paused_guest_is_resumed_where_no_other_host_runs_it(hosts: Hosts) -> None:
    await hosts.act(H1, GuestAction.PAUSE)
    with pytest.raises(ActionError, match="is running on h2"):
        await hosts.mend(Mend.RESUME)
    assert (await hosts.seen(H1)).state is GuestState.PAUSED
    await hosts.act(H2, GuestAction.PAUSE)
    assert await hosts.mend(Mend.RESUME) == f"{NAME} runs on h1"
    assert (await hosts.seen(H1)).state is GuestState.RUNNING
    with pytest.raises(ActionError, match="is running on h1"):
        await hosts.mend(Mend.RESUME, H2)


async def test_a_guest_is_not_resumed_while_a_host_that_may_run_it_is_silent(hosts: Hosts) -> None:
    await hosts.act(H1, GuestAction.PAUSE)
    await hosts.act(H2, GuestAction.FORCE_OFF)
    await with_a_host_that_is_gone(hosts)
    with pytest.raises(ActionError, match="may run on gone, which does not answer") as caught:
        await hosts.mend(Mend.RESUME)
    assert "virsh ..." in caught.value.hint
    assert (await hosts.seen(H1)).state is GuestState.PAUSED
    del hosts.supervisors[GONE]
    assert await hosts.mend(Mend.RESUME)


async def test_a_guest_that_was_shut_off_is_not_resumed(hosts: Hosts) -> None:
    await hosts.act(H1, GuestAction.FORCE_OFF)
    await hosts.act(H2, GuestAction.FORCE_OFF)
    with pytest.raises(ActionError, match="is off here"):
        await hosts.mend(Mend.RESUME)


async def test_a_saved_guest_is_restored_where_no_host_has_it(hosts: Hosts, tmp_path: Path) -> None:
    state = tmp_path / "web.save"
    await hosts.libvirt(H1, lambda conn: conn.lookupByUUIDString(UUID).save(str(state)) and None)
    with pytest.raises(ActionError, match="is running on h2"):
        await hosts.mend(Mend.RESTORE, path=str(state))
    assert (await hosts.seen(H1)).state is GuestState.OFF
    await hosts.forget(H2)
    assert await hosts.mend(Mend.RESTORE, path=str(state)) == f"{NAME} was restored on h1, and is running"
    with pytest.raises(ActionError, match="is running here"):
        await hosts.mend(Mend.RESTORE, path=str(state))


async def test_a_guest_that_was_paused_before_is_restored_paused(hosts: Hosts, tmp_path: Path) -> None:
    state = tmp_path / "web.save"
    await hosts.libvirt(H1, lambda conn: conn.lookupByUUIDString(UUID).save(str(state)) and None)
    await hosts.forget(H2)
    assert (await hosts.mend(Mend.RESTORE, path=str(state), was_paused=True)).endswith("is paused")


async def save(hosts: Hosts, tmp_path: Path) -> str:
    """The guest of h1; returns the path of its state."""
    state = str(tmp_path / "web.save")
    await hosts.libvirt(H1, lambda conn: conn.lookupByUUIDString(UUID).save(state) and None)
    return state


async def test_a_guest_that_ran_since_it_was_saved_is_not_restored_over_its_disks(
    hosts: Hosts, tmp_path: Path
) -> None:
    state = await save(hosts, tmp_path)
    await hosts.forget(H2)
    await hosts.act(H1, GuestAction.START, GuestAction.FORCE_OFF)
    with pytest.raises(ActionError, match=r"off on h1 \(destroyed\).* older than its disks") as caught:
        await hosts.mend(Mend.RESTORE, path=state)
    assert "virsh ..." in caught.value.hint
    assert (await hosts.seen(H1)).state is GuestState.OFF


async def test_so_is_none_that_may_have_run_on_another_host(hosts: Hosts, tmp_path: Path) -> None:
    state = await save(hosts, tmp_path)
    await hosts.act(H2, GuestAction.FORCE_OFF)
    with pytest.raises(ActionError, match=r"off on h2 \(destroyed\).* may have run there"):
        await hosts.mend(Mend.RESTORE, path=state)
    assert (await hosts.seen(H1)).state is GuestState.OFF


async def test_nor_is_one_that_another_host_has_paused(hosts: Hosts, tmp_path: Path) -> None:
    state = await save(hosts, tmp_path)
    await hosts.act(H2, GuestAction.PAUSE)
    with pytest.raises(ActionError, match="is paused on h2"):
        await hosts.mend(Mend.RESTORE, path=state, was_paused=True)
    assert (await hosts.seen(H1)).state is GuestState.OFF


async def still_reads(connection: Connection, uuid: str) -> Whereabouts:
    """h2 restores the guest, and has not read all of its state."""
    seen = await whereabouts(connection, uuid)
    if connection.host != H2:
        return seen
    return replace(seen, state=GuestState.PAUSED, reason=STARTING_UP)


async def test_a_saved_state_stays_while_a_host_still_reads_it(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(hosts, tmp_path)
    state = tmp_path / "web.save"
    monkeypatch.setattr("backends.migration.leftovers.mend.whereabouts", still_reads)
    with pytest.raises(ActionError, match="in that file alone"):
        await hosts.mend(Mend.REMOVE_FILE, kind=UnfinishedKind.STATE_FILE, path=str(state))
    assert state.exists()


async def test_a_guest_is_not_resumed_beside_one_that_is_starting(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hosts.act(H1, GuestAction.PAUSE)
    monkeypatch.setattr("backends.migration.leftovers.mend.whereabouts", still_reads)
    with pytest.raises(ActionError, match="is paused on h2"):
        await hosts.mend(Mend.RESUME)
    assert (await hosts.seen(H1)).state is GuestState.PAUSED


async def test_a_saved_state_is_only_removed_while_some_host_has_the_guest(
    hosts: Hosts, tmp_path: Path
) -> None:
    state = tmp_path / "web.save"
    state.touch()
    await hosts.act(H1, GuestAction.FORCE_OFF)
    await hosts.act(H2, GuestAction.FORCE_OFF)
    with pytest.raises(ActionError, match="in that file alone"):
        await hosts.mend(Mend.REMOVE_FILE, kind=UnfinishedKind.STATE_FILE, path=str(state))
    assert state.exists()
    await hosts.act(H2, GuestAction.START)
    await hosts.mend(Mend.REMOVE_FILE, kind=UnfinishedKind.STATE_FILE, path=str(state))
    assert not state.exists()


async def test_nothing_is_resumed_where_no_post_copy_broke_off(hosts: Hosts) -> None:
    await hosts.act(H1, GuestAction.PAUSE)
    with pytest.raises(ActionError, match="does not wait for its post-copy"):
        await hosts.mend(Mend.RESUME_POSTCOPY)


async def test_a_file_that_no_guest_uses_is_removed(hosts: Hosts, tmp_path: Path) -> None:
    left = tmp_path / "left ' over.img"
    left.write_text("x")
    assert await hosts.mend(Mend.REMOVE_FILE, path=str(left)) == f"{left} was removed from h1"
    assert not left.exists()
    assert "gone" in await hosts.mend(Mend.REMOVE_FILE, path=str(left))


async def test_a_disk_of_a_guest_is_never_removed_by_whatever_path(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(hosts.disk.parent)
    (tmp_path / "hard").hardlink_to(hosts.disk)
    for path in (hosts.disk, tmp_path / "other" / hosts.disk.name, tmp_path / "hard"):
        with pytest.raises(ActionError, match="is a disk of"):
            await hosts.mend(Mend.REMOVE_FILE, path=str(path))
    assert hosts.disk.exists()


async def test_folders_links_and_half_paths_are_never_removed(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "target").touch()
    for path, words in (
        (str(hosts.disk.parent), "no plain file"),
        (str(tmp_path / "link"), "no plain file"),
        ("", "no whole path"),
        ("relative.img", "no whole path"),
    ):
        with pytest.raises(ActionError, match=words):
            await hosts.mend(Mend.REMOVE_FILE, path=path)
    assert (tmp_path / "target").exists() and (tmp_path / "link").is_symlink()


async def test_what_only_a_person_can_decide_is_left_alone(hosts: Hosts) -> None:
    with pytest.raises(ActionError, match="only a person"):
        await hosts.mend(None)


async def test_a_host_that_is_gone_mends_nothing(hosts: Hosts) -> None:
    await with_a_host_that_is_gone(hosts)
    for how in Mend:
        with pytest.raises(FerryError):
            await hosts.mend(how, GONE, path="/x")
