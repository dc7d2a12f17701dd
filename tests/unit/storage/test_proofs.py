"""What is said of who sees the same storage: hosts here are folders of this machine, with its own tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from backends.errors import ActionError, DeadlineError, FerryError, LinkError
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.connection import Connection
from backends.hypervisor.iscsi_pools import pool_xml
from backends.hypervisor.pool_definitions import Pool, Volume, parse_pool
from backends.model.fleet import FleetState, HostView
from backends.model.guest import Disk, DiskKind, Guest, GuestKey, GuestState
from backends.model.host import HostName, HostSpec, Link, LinkStatus, Reach
from backends.model.storage import (
    Access,
    IscsiTarget,
    Sharing,
    SharingProof,
    Sighting,
    Storage,
    StorageId,
    StorageKind,
    StorageMap,
    Way,
    WayKind,
)
from backends.remote.local import LocalShell
from backends.remote.shell import COMMAND_DEADLINE_S, STALL_DEADLINE_S, Answer, Stream
from backends.storage import prove as proving
from backends.storage import subjects
from backends.storage.prove import prove

H1, H2, H3 = HostName("h1"), HostName("h2"), HostName("h3")
DATA = "/vf-data"
IQN = "iqn.2026-11.lab:disks"
PORTAL = "10.0.0.1:3260"


class RootedShell(LocalShell):
    """A host whose /vf-data is a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = str(folder)

    def _here(self, argv: Sequence[str]) -> list[str]:
        return [self.folder + word.removeprefix(DATA) if word.startswith(DATA) else word for word in argv]

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """Its answers are in its own words."""
        answer = await super().run(self._here(argv), stdin=stdin, deadline_s=deadline_s)
        return Answer(
            answer.status, answer.out.replace(self.folder, DATA), answer.err.replace(self.folder, DATA)
        )

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        """As run."""
        async with super().open_process(self._here(argv), stall_s=stall_s) as stream:
            yield stream


class SilentShell(LocalShell):
    """A host that does not answer any command."""

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """Never in time."""
        del argv, stdin
        raise DeadlineError(f"no answer within {deadline_s:g} s", host="h3", operation="stat")


class OneHost:
    """As a supervisor, with a session that is open or not."""

    def __init__(self, name: HostName, shell: LocalShell | None, error: FerryError | None = None) -> None:
        self.name = name
        self.error = error
        spec = HostSpec(name, Reach.SSH, f"root@{name}")
        self.session = Session(spec, shell, Path("unused"), listener=lambda _driver: lambda _event: None)
        self.session.connections = {"qemu": cast(Connection, name)}

    def reached(self) -> Session:
        if self.error:
            raise self.error
        return self.session


def state(guests: Mapping[HostName, Sequence[Guest]] | None = None) -> FleetState:
    up = LinkStatus(Link.UP, datetime.now(UTC))
    told = guests or {}
    return FleetState(
        hosts={
            host: HostView(
                HostSpec(host, Reach.SSH, f"root@{host}"),
                up,
                guests={guest.key: guest for guest in told.get(host, ())},
            )
            for host in (H1, H2, H3)
        }
    )


async def proved(subject: str, *hosts: OneHost, fleet: FleetState | None = None) -> SharingProof:
    return await prove(subject, cast(list[Supervisor], list(hosts)), fleet or state())


def pools(monkeypatch: pytest.MonkeyPatch, told: Mapping[str, Pool | FerryError | None]) -> None:
    """What each host has by whatever name is asked for."""

    async def find(connection: Connection, driver: str, name: str) -> Pool | None:
        del driver, name
        answer = told[str(connection)]
        if isinstance(answer, FerryError):
            raise answer
        return answer

    monkeypatch.setattr(subjects, "find_pool", find)


# Paths -------------------------------------------------------------------------------------------


async def test_hosts_with_one_folder_are_proved_and_one_with_its_own_is_not(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "own").mkdir()
    shared, own = RootedShell(tmp_path / "shared"), RootedShell(tmp_path / "own")
    found = await proved(DATA, OneHost(H1, shared), OneHost(H2, shared), OneHost(H3, own))
    assert found.host == H1 and found.subject == DATA
    assert [each.sharing for each in found.others] == [Sharing.PROVED, Sharing.DIFFERENT]
    assert found.others[0].locks is True and found.others[1].locks is None


async def test_a_file_that_a_link_leads_elsewhere_on_one_host_is_another(tmp_path: Path) -> None:
    for name in ("a.img", "b.img"):
        (tmp_path / name).write_text("x")
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, target in ((here, "a.img"), (there, "b.img")):
        folder.mkdir()
        (folder / "vm.img").symlink_to(tmp_path / target)
    found = await proved(f"{DATA}/vm.img", OneHost(H1, RootedShell(here)), OneHost(H2, RootedShell(there)))
    assert found.others[0].sharing is Sharing.DIFFERENT and "another file" in found.others[0].evidence


async def test_the_first_host_that_has_it_is_the_one_that_writes(tmp_path: Path) -> None:
    (tmp_path / "has").mkdir()
    has, lacks = RootedShell(tmp_path / "has"), RootedShell(tmp_path / "lacks")
    found = await proved(DATA, OneHost(H1, lacks), OneHost(H2, has))
    assert found.host == H2
    assert found.others[0].sharing is Sharing.DIFFERENT
    assert found.others[0].evidence == f"h1 has no {DATA}"


async def test_a_folder_here_and_a_file_there_are_different(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    found = await proved(
        DATA, OneHost(H1, RootedShell(tmp_path / "folder")), OneHost(H2, RootedShell(tmp_path / "file"))
    )
    assert found.others[0].sharing is Sharing.DIFFERENT
    assert "has a file there" in found.others[0].evidence


async def test_silent_hosts_hosts_that_are_down_and_those_without_a_shell_are_unknown_and_stop_nobody(
    tmp_path: Path,
) -> None:
    shell = RootedShell(tmp_path)
    down = OneHost(HostName("h4"), None, LinkError("connection refused", host="h4"))
    found = await proved(
        DATA,
        OneHost(H1, shell),
        OneHost(H2, None),
        OneHost(H3, SilentShell()),
        down,
        OneHost(HostName("h5"), shell),
    )
    words = {each.host: (each.sharing, each.evidence) for each in found.others}
    assert words[H2] == (Sharing.UNKNOWN, "h2 is reached by libvirt alone, without files")
    assert words[H3][0] is Sharing.UNKNOWN and "no answer within" in words[H3][1]
    assert words[HostName("h4")] == (Sharing.UNKNOWN, "h4: connection refused")
    assert words[HostName("h5")][0] is Sharing.PROVED


async def test_what_cannot_be_written_is_only_the_same_path() -> None:
    found = await proved("/proc", OneHost(H1, LocalShell()), OneHost(H2, LocalShell()))
    assert found.others[0].sharing is Sharing.SAME_PATH
    assert "h1: " in found.others[0].evidence, "why nothing was written"


async def test_what_is_no_file_folder_or_device_is_not_tried() -> None:
    with pytest.raises(ActionError, match="character special file"):
        await proved("/dev/null", OneHost(H1, LocalShell()))


# Pools -------------------------------------------------------------------------------------------


def folder_pool(path: str) -> Pool:
    return Pool("qemu", "images", "u", "dir", active=True, target_path=path)


def target_pool(iqn: str = IQN, *, active: bool = True) -> Pool:
    xml = pool_xml("iscsi-direct", "luns", iqn, "10.0.0.1", "3260", initiator="iqn.2008-11.org.linux-kvm:h")
    return parse_pool(xml, "qemu", active=active)


async def test_a_pool_of_folders_is_tried_where_each_host_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools(monkeypatch, {"h1": folder_pool(str(tmp_path)), "h2": folder_pool(f"{tmp_path}/."), "h3": None})
    hosts = [OneHost(host, LocalShell()) for host in (H1, H2, H3)]
    found = await proved("images", *hosts)
    assert [each.sharing for each in found.others] == [Sharing.PROVED, Sharing.DIFFERENT]
    assert found.others[1].evidence == "h3 has no pool images"


async def test_pools_of_one_name_and_two_targets_are_different(monkeypatch: pytest.MonkeyPatch) -> None:
    pools(monkeypatch, {"h1": target_pool(), "h2": target_pool("iqn.2026-11.lab:tapes"), "h3": target_pool()})
    found = await proved("luns", *(OneHost(host, LocalShell()) for host in (H1, H2, H3)))
    assert [each.sharing for each in found.others] == [Sharing.DIFFERENT, Sharing.SAME_IDENTITY]


async def test_pools_of_luns_are_compared_lun_by_lun(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"3600140500000000000000000000000{number}" for number in ("a1", "b2", "c3", "d4")]
    seen = {"h1": names[:2], "h2": names[:2], "h3": names[1:3], "h4": names[3:]}

    async def volumes(connection: Connection, pool: Pool) -> tuple[Volume, ...]:
        del pool
        return tuple(Volume(f"unit:0:0:{n}", "block", key=key) for n, key in enumerate(seen[str(connection)]))

    monkeypatch.setattr(subjects, "read_volumes", volumes)
    pools(monkeypatch, dict.fromkeys(seen, Pool("qemu", "fc", "u", "scsi", active=True)))
    found = await proved("fc", *(OneHost(HostName(host), None) for host in seen))
    assert [each.sharing for each in found.others] == [
        Sharing.SAME_IDENTITY,
        Sharing.UNKNOWN,
        Sharing.DIFFERENT,
    ]
    assert "1 of these 2 LUNs" in found.others[1].evidence


async def test_a_pool_that_is_not_active_comes_with_the_command_that_starts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pools(monkeypatch, {"h1": target_pool(), "h2": target_pool(active=False)})
    found = await proved("luns", OneHost(H1, None), OneHost(H2, None))
    assert found.others[0].sharing is Sharing.UNKNOWN
    assert "virsh pool-start luns" in found.others[0].evidence


# Storages by their key ---------------------------------------------------------------------------

LUN = StorageId(StorageKind.ISCSI, f"{IQN}/1")


def web(host: HostName, server: str = PORTAL) -> Guest:
    disk = Disk("vda", DiskKind.NETWORK, f"iscsi:{LUN.key}@{server}")
    return Guest(GuestKey(host, "qemu", "u"), "web", GuestState.RUNNING, "", 1, 1, disks=(disk,))


def opened(host: HostName) -> Sighting:
    return Sighting(host, Access.READ_WRITE, (Way(WayKind.GUEST_DISK, "web (vda)"),))


def stored(
    monkeypatch: pytest.MonkeyPatch, *sightings: Sighting, id_: StorageId = LUN, out: str = ""
) -> None:
    """What the round of questions brings, and no pool of the name."""
    storage = Storage(id_, "the label", {each.host: each for each in sightings})
    left_out = {H3: out} if out else {}

    async def read(*_: object) -> StorageMap:
        return StorageMap(datetime.now(UTC), (), (storage,), left_out)

    monkeypatch.setattr(subjects, "read_storage", read)
    pools(monkeypatch, {"h1": None, "h2": None, "h3": None})


def offering(monkeypatch: pytest.MonkeyPatch, *iqns: str, error: FerryError | None = None) -> None:
    async def discover(host: OneHost, portal: str) -> tuple[IscsiTarget, ...]:
        if error:
            raise error
        return tuple(IscsiTarget(host.name, iqn, (portal,), logged_in=False) for iqn in iqns)

    monkeypatch.setattr(proving, "discover", discover)


async def test_a_lun_that_two_guests_open_at_one_portal_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(monkeypatch, opened(H1), opened(H2))
    hosts = OneHost(H1, None), OneHost(H2, None)
    one = await proved(LUN.key, *hosts, fleet=state({H1: [web(H1)], H2: [web(H2)]}))
    other = await proved(LUN.key, *hosts, fleet=state({H1: [web(H1)], H2: [web(H2, "10.9.9.9:3260")]}))
    assert one.others[0].sharing is Sharing.SAME_IDENTITY and PORTAL in one.others[0].evidence
    assert other.others[0].sharing is Sharing.UNKNOWN, "another portal may be another box"


async def test_a_host_that_does_not_use_a_lun_yet_is_asked_what_it_is_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored(monkeypatch, opened(H1), Sighting(H2, Access.NOT_SEEN))
    hosts, fleet = (OneHost(H1, None), OneHost(H2, None)), state({H1: [web(H1)]})
    found = []
    for offered, error in (((IQN,), None), (("iqn.2026-11.lab:tapes",), None), ((), LinkError("refused"))):
        offering(monkeypatch, *offered, error=error)
        found.append((await proved(LUN.key, *hosts, fleet=fleet)).others[0])
    assert [each.sharing for each in found] == [Sharing.SAME_IDENTITY, Sharing.UNKNOWN, Sharing.UNKNOWN]
    assert "does not offer" in found[1].evidence and "refused" in found[2].evidence
    offering(monkeypatch, IQN)
    own = await proved(LUN.key, *hosts, fleet=state({H1: [web(H1, "127.0.0.1:3260")]}))
    assert own.others[0].sharing is Sharing.UNKNOWN, "what the other host offers to itself is its own"


async def test_a_mounted_storage_is_tried_with_a_marker_where_each_host_has_mounted_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    nfs = StorageId(StorageKind.NFS, "st:/images")
    ways = {H1: tmp_path / "a", H2: tmp_path / "b"}
    seen = [Sighting(h, Access.READ_WRITE, (Way(WayKind.MOUNT, "/srv", str(p)),)) for h, p in ways.items()]
    stored(monkeypatch, *seen, id_=nfs, out="connection refused")
    found = await proved("st:/images", *(OneHost(host, LocalShell()) for host in (H1, H2, H3)))
    assert [each.sharing for each in found.others] == [Sharing.PROVED, Sharing.UNKNOWN]
    assert "connection refused" in found.others[1].evidence
    by_label = await proved("the label", OneHost(H1, LocalShell()), OneHost(H2, LocalShell()))
    assert by_label.others[0].sharing is Sharing.PROVED


async def test_a_storage_that_is_told_by_its_name_alone_is_the_same_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rbd = StorageId(StorageKind.RBD, "libvirt/web@10.0.0.1:6789")
    stored(monkeypatch, opened(H1), opened(H2), Sighting(H3, Access.NOT_SEEN), id_=rbd)
    found = await proved(rbd.key, *(OneHost(host, None) for host in (H1, H2, H3)))
    assert [each.sharing for each in found.others] == [Sharing.SAME_IDENTITY, Sharing.DIFFERENT]


async def test_what_no_host_has_is_an_error_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(monkeypatch, opened(H1))
    with pytest.raises(ActionError, match="h1 has no pool nix") as nowhere:
        await proved("nix\x1b[31m", OneHost(H1, None))
    assert "\x1b" not in str(nowhere.value) and nowhere.value.hint
