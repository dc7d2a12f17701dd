"""What is wrong is found before the first byte, each by its own check and with its mend; what is right is not refused.

Most guests here never boot: an idle QEMU is all that a check looks at.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

import pytest

from backends.api import Fleet, open_fleet
from backends.errors import ActionError
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.layout import LOCAL_IMAGES_IN_HOST, SHARED_IN_HOST
from backends.lab.lock import exclusive
from backends.lab.process import wait_until
from backends.lab.specs import lab_specs
from backends.model.fleet import FleetState
from backends.model.guest import Guest
from backends.model.host import HostName
from backends.model.move import Check, MoveMode, MoveRequest, Preflight, Route, Verdict
from tests.watching import all_up, until

NAME = "probe"
UUID = "7e57ab1e-0000-4000-8000-000000000001"
OTHER_UUID = "7e57ab1e-0000-4000-8000-000000000002"
SHARED, LOCAL = str(SHARED_IN_HOST / "images"), str(LOCAL_IMAGES_IN_HOST)
OLD_MACHINE, NEW_MACHINE = "pc-i440fx-7.2", "pc-i440fx-10.0"
LAN = "<network><name>lan</name><forward mode='bridge'/><bridge name='br0'/></network>"


@pytest.fixture
async def fleet(lab: Lab) -> AsyncIterator[Fleet]:
    async with open_fleet(lab_specs(lab.layout)) as opened:
        await until(opened, all_up)
        yield opened


# Seeding ----------------------------------------------------------------------------------------


async def on(lab: Lab, host: str, *command: str, stdin: str = "") -> None:
    """Fails with the command's words."""
    await asyncio.to_thread(lab.host(host).exec, *command, stdin=stdin)


async def sh(lab: Lab, host: str, script: str) -> None:
    await on(lab, host, "sh", "-ec", script)


def xml(
    devices: str = "",
    rest: str = "",
    *,
    name: str = NAME,
    uuid: str = UUID,
    machine: str = OLD_MACHINE,
    memory_mib: int = 32,
    os: str = "",
) -> str:
    """A guest without an operating system."""
    return (
        f"<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>{memory_mib}</memory>"
        f"<vcpu>1</vcpu>{rest}<os><type arch='x86_64' machine='{machine}'>hvm</type>{os}</os><features><acpi/>"
        f"</features><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{devices}</devices></domain>"
    )


def disk(
    path: str, *, image: str = "raw", cache: str = "none", device: str = "disk", target: str = "vda"
) -> str:
    return (
        f"<disk type='file' device='{device}'><driver name='qemu' type='{image}' cache='{cache}'/>"
        f"<source file='{path}'/><target dev='{target}'/></disk>"
    )


def card(kind: str, name: str) -> str:
    return f"<interface type='{kind}'><source {kind}='{name}'/></interface>"


async def start(lab: Lab, definition: str) -> None:
    await on(lab, "h1", "virsh", "create", "/dev/stdin", stdin=definition)


async def define(lab: Lab, host: str, definition: str) -> None:
    await on(lab, host, "virsh", "define", "/dev/stdin", stdin=definition)


Options: TypeAlias = Callable[[MoveRequest], MoveRequest]
"""What else is asked for."""

Seed: TypeAlias = Callable[[Lab], AbstractAsyncContextManager[None]]
"""Makes a guest called NAME on h1, and something wrong with it or with a host; undone with the block."""


def seed(
    *, make: str | None = None, before: str = "", on_h2: str = "", undo: str = "", undo_h2: str = ""
) -> Seed:
    """Scripts on both hosts around the start of a guest; for what the definition and a few commands can do."""

    @asynccontextmanager
    async def seeded(lab: Lab) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for host, script, its_undo in (("h1", before, undo), ("h2", on_h2, undo_h2)):
                if its_undo:
                    stack.push_async_callback(sh, lab, host, its_undo)
                if script:
                    await sh(lab, host, script)
            await start(lab, make or xml())
            yield

    return seeded


def image(path: str, size: str = "16M") -> str:
    return f"truncate -s {size} {path}"


def defined(definition: str) -> str:
    return f"echo {shlex.quote(definition)} | virsh define /dev/stdin"


def setting(line: str) -> str:
    return f"cp /etc/libvirt/qemu.conf /etc/libvirt/qemu.kept; echo {shlex.quote(line)} >> /etc/libvirt/qemu.conf"


KEPT = "mv /etc/libvirt/qemu.kept /etc/libvirt/qemu.conf"


@asynccontextmanager
async def a_job_runs(lab: Lab) -> AsyncIterator[None]:
    """A move to h3 that somebody else started, slowly."""
    await asyncio.to_thread(lab.guest, GuestSpec(name=NAME, disk=Disk.NONE))

    def runs() -> bool:
        return "Unbounded" in lab.host("h1").virsh("domjobinfo", NAME)

    slowly = ("virsh", "migrate", "--live", "--p2p", "--bandwidth", "1", NAME, "qemu+ssh://root@h3/system")
    moving = asyncio.create_task(asyncio.to_thread(lab.host("h1").exec, *slowly, check=False))
    try:
        await asyncio.to_thread(wait_until, runs, timeout_s=10, what="the job of somebody else")
        yield
    finally:
        await asyncio.to_thread(lab.host("h1").virsh, "domjobabort", NAME)
        await moving


@asynccontextmanager
async def only_defined(lab: Lab, definition: str) -> AsyncIterator[None]:
    """For devices that this machine does not have: such a guest cannot start here."""
    await define(lab, "h1", definition)
    yield


def off(definition: str) -> Seed:
    return lambda lab: only_defined(lab, definition)


# What is wrong ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """One misconfiguration, and what is to be told of it."""

    what: str
    seed: Seed
    id: str
    verdict: Verdict
    evidence: str
    mend: str
    options: Options = lambda request: request


def mode(mode: MoveMode) -> Options:
    return lambda request: replace(request, mode=mode)


def copying(request: MoveRequest) -> MoveRequest:
    return replace(request, copy_disks=True)


REFUSE, WARNING = Verdict.REFUSE, Verdict.WARNING
SMALL = f"mkdir -p {LOCAL}/small; mount -t tmpfs -o size=1m small {LOCAL}/small"
WRONGS = (
    Wrong(
        "the same path is not shared",
        seed(make=xml(disk(f"{LOCAL}/a.img")), before=image(f"{LOCAL}/a.img"), on_h2=image(f"{LOCAL}/a.img")),
        "disk.vda.shared", REFUSE, f"writes into {LOCAL}", "--copy-disks",
    ),
    Wrong(
        "the name is taken",
        seed(on_h2=defined(xml(uuid=OTHER_UUID))),
        "guest.name", REFUSE, OTHER_UUID, "virsh domrename",
    ),
    Wrong(
        "the UUID is taken",
        seed(on_h2=defined(xml(name="stranger"))),
        "guest.name", REFUSE, "stranger", "new UUID",
    ),
    Wrong(
        "a network is missing",
        seed(
            make=xml(card("network", "lan")),
            before=f"echo {shlex.quote(LAN)} | virsh net-create /dev/stdin",
            undo="virsh destroy probe; virsh net-destroy lan",
        ),
        "net.lan", REFUSE, "h2 has no network lan", "virsh net-dumpxml lan",
    ),
    Wrong(
        "a network is not active",
        seed(
            make=xml(card("network", "lan")),
            before=f"echo {shlex.quote(LAN)} | virsh net-create /dev/stdin",
            undo="virsh destroy probe; virsh net-destroy lan",
            on_h2=f"echo {shlex.quote(LAN)} | virsh net-define /dev/stdin",
            undo_h2="virsh net-undefine lan",
        ),
        "net.lan", REFUSE, "not active", "virsh net-start lan",
    ),
    Wrong(
        "a bridge is missing",
        seed(
            make=xml(card("bridge", "br7")),
            before="ip link add br7 type bridge; ip link set br7 up",
            undo="virsh destroy probe; ip link del br7",
        ),
        "net.br7", REFUSE, "h2 has no bridge br7", "create it there",
    ),
    Wrong(
        "there is too little memory",
        seed(make=xml(
            rest="<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>",
            memory_mib=512 * 1024,
        )),
        "host.memory", REFUSE, "512.0 GiB", "larger host",
    ),
    Wrong(
        "no huge pages are free",
        off(xml(rest="<memoryBacking><hugepages><page size='2' unit='M'/></hugepages></memoryBacking>")),
        "host.hugepages", WARNING, "16 pages of 2048 KiB, 0 are free", "virsh allocpages 2048 16",
    ),
    Wrong(
        "the migration ports are closed",
        seed(
            before="ip rule add pref 50 ipproto tcp dport 49152-49215 unreachable",
            undo="ip rule del pref 50",
        ),
        "peer.ports", REFUSE, "h1 may not reach h2 port 49152 and 49215", "open TCP 49152-49215 on h2",
    ),
    Wrong(
        "a firewall drops what goes to the migration ports",
        seed(
            on_h2="ip rule add pref 100 lookup local; ip rule del pref 0;"
            " ip rule add pref 50 ipproto tcp dport 49152-49215 blackhole",
            undo_h2="ip rule del pref 50; ip rule add pref 0 lookup local; ip rule del pref 100",
        ),
        "peer.ports", WARNING, "a firewall may stand between", "open TCP 49152-49215 on h2",
    ),
    Wrong(
        "the source cannot log in to the destination",
        seed(before="mv /root/.ssh/id_ed25519 /root/.ssh/kept", undo="mv /root/.ssh/kept /root/.ssh/id_ed25519"),
        "peer.login", WARNING, "this program drives the move", "let root on h1 log in to h2",
    ),
    Wrong(
        "a CD-ROM is on a local path",
        seed(
            make=xml(disk(f"{LOCAL}/tools.iso", device="cdrom", target="sda")),
            before=image(f"{LOCAL}/tools.iso"),
        ),
        "disk.sda.shared", REFUSE, "tools.iso is not there", "change-media probe sda --eject",
    ),
    Wrong(
        "the cache mode is unsafe",
        seed(make=xml(disk(f"{SHARED}/a.img", cache="unsafe")), before=image(f"{SHARED}/a.img")),
        "disk.vda.cache", WARNING, "cache mode unsafe", "cache='none'",
    ),
    Wrong(
        "a job of somebody else runs",
        a_job_runs,
        "guest.job", REFUSE, "migration out", "attach",
    ),
    Wrong(
        "a folder of the host is passed through",
        off(xml(
            "<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>"
            "<source dir='/srv'/><target dir='srv'/></filesystem>",
            "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>",
        )),
        "guest.folder", REFUSE, "virtiofs folder /srv", "detach",
    ),
    Wrong(
        "a PCI device is passed through",
        off(xml(
            "<hostdev mode='subsystem' type='pci' managed='yes'><source>"
            "<address domain='0' bus='3' slot='0' function='0'/></source></hostdev>"
        )),
        "guest.hostdev", WARNING, "PCI device", "virsh detach-device",
    ),
    Wrong(
        "shared memory belongs to the host",
        off(xml("<shmem name='ring' role='peer'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>")),
        "guest.shmem", REFUSE, "ring", "virsh detach-device",
    ),
    Wrong(
        "it has a snapshot",
        seed(
            make=xml(disk(f"{SHARED}/s.qcow2", image="qcow2")),
            before=f"qemu-img create -q -f qcow2 {SHARED}/s.qcow2 16M",
        ),
        "guest.snapshots", REFUSE, "1 snapshot", "snapshot-delete",
    ),
    Wrong(
        "its kernel is missing there",
        seed(
            make=xml(os=f"<kernel>{LOCAL}/vmlinuz</kernel>"),
            before=f"cp {LOCAL}/../boot/vmlinuz {LOCAL}/vmlinuz",
        ),
        "guest.boot-file", REFUSE, f"h2 has no {LOCAL}/vmlinuz", "copy it to h2",
    ),
    Wrong(
        "the image there has another size",
        seed(
            make=xml(disk(f"{LOCAL}/a.img")),
            before=image(f"{LOCAL}/a.img"),
            on_h2=image(f"{LOCAL}/a.img", "8M"),
        ),
        "disk.vda.copy", REFUSE, "sizes differ: 16.0 MiB here, 8.0 MiB on h2", "qemu-img create -f raw",
        copying,
    ),
    Wrong(
        "the image there belongs to another guest",
        seed(
            make=xml(disk(f"{LOCAL}/a.img")),
            before=image(f"{LOCAL}/a.img"),
            on_h2=f"{image(f'{LOCAL}/a.img')}; "
            + defined(xml(disk(f"{LOCAL}/a.img"), name="owner", uuid=OTHER_UUID)),
        ),
        "disk.vda.copy", REFUSE, "belongs to owner", "rename",
        copying,
    ),
    Wrong(
        "the image there would be written over",
        seed(make=xml(disk(f"{LOCAL}/a.img")), before=image(f"{LOCAL}/a.img"), on_h2=image(f"{LOCAL}/a.img")),
        "disk.vda.copy", WARNING, "written over", "rename it first",
        copying,
    ),
    Wrong(
        "the folder there is full",
        seed(
            make=xml(disk(f"{LOCAL}/small/a.img")),
            before=f"mkdir -p {LOCAL}/small; dd if=/dev/urandom of={LOCAL}/small/a.img bs=1M count=4 status=none",
            on_h2=SMALL,
            undo_h2=f"umount {LOCAL}/small",
        ),
        "disk.vda.copy", REFUSE, "never have enough", "another host",
        copying,
    ),
    Wrong(
        "the folder there is missing",
        seed(
            make=xml(disk(f"{LOCAL}/mine/a.img")),
            before=f"mkdir -p {LOCAL}/mine; {image(f'{LOCAL}/mine/a.img')}",
        ),
        "disk.vda.copy", REFUSE, f"no folder {LOCAL}/mine", "mkdir -p",
        copying,
    ),
    Wrong(
        "the packet sizes differ",
        seed(on_h2="ip link set br0 mtu 1400", undo_h2="ip link set br0 mtu 1500"),
        "path.mtu", WARNING, "1400 on br0 of h2", "same MTU",
    ),
    Wrong(
        "only one host has a lock manager",
        seed(on_h2=setting('lock_manager = "sanlock"'), undo_h2=KEPT),
        "host.locks", WARNING, "sanlock on h2", "lock_manager alike",
    ),
)  # fmt: skip


async def checked(fleet: Fleet, options: Options = lambda request: request, to: str = "h2") -> Preflight:
    def probe(state: FleetState) -> Guest | None:
        guests = state.hosts[HostName("h1")].guests.values()
        return next((guest for guest in guests if guest.name == NAME), None)

    guest = probe(await until(fleet, lambda state: probe(state) is not None))
    assert guest is not None
    return await fleet.preflight(options(MoveRequest(guest.key, guest.name, HostName(to))))


def the(preflight: Preflight, id_: str) -> Check:
    found = [check for check in preflight.checks if check.id == id_]
    assert found, [check.id for check in preflight.checks]
    return max(found, key=lambda check: check.verdict.severity)


def must_be(check: Check, verdict: Verdict, evidence: str, mend: str) -> None:
    assert check.verdict is verdict, check
    assert evidence in check.evidence, check
    assert mend in check.mend, check


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.what)
async def test_it_is_found_before_the_first_byte(lab: Lab, fleet: Fleet, wrong: Wrong) -> None:
    async with wrong.seed(lab):
        if wrong.id == "guest.snapshots":
            await on(lab, "h1", "virsh", "snapshot-create-as", NAME, "first")
        preflight = await checked(fleet, wrong.options)
        must_be(the(preflight, wrong.id), wrong.verdict, wrong.evidence, wrong.mend)
        with pytest.raises(ActionError):
            fleet.start_move(preflight, accept_doubts=preflight.refused)
        verdicts = [check.verdict.severity for check in preflight.checks]
        assert verdicts == sorted(verdicts, reverse=True), "worst first"


async def test_hosts_that_do_not_trust_each_other_leave_the_driving_to_the_program(
    lab: Lab, fleet: Fleet
) -> None:
    wrong = next(wrong for wrong in WRONGS if wrong.id == "peer.login")
    async with wrong.seed(lab):
        live = await checked(fleet)
        saved = await checked(fleet, mode(MoveMode.SAVED))
    assert live.route is Route.DIRECT and not live.refused
    assert "--p2p" not in live.command
    assert not [check for check in saved.checks if check.id == "peer.login"], "the route does not matter"


# An older destination ---------------------------------------------------------------------------


@pytest.fixture
async def older_h3(lab: Lab) -> AsyncIterator[str]:
    """h3 with the distribution's own QEMU, which is older than that of the others. Skips where there is one only."""
    if not lab.layout.qemu.is_dir():
        pytest.skip("the machine's own QEMU is the only one here")
    bare = lab.layout.root / "without-overlay"
    bare.mkdir(exist_ok=True)
    if not (bare / "boot").exists():
        (bare / "boot").symlink_to(lab.layout.boot)

    def boot_older() -> None:
        lab.crash("h3")
        host = Host(replace(lab.layout, prepared=bare), "h3")
        with exclusive(lab.layout.lock) as lock:
            host.boot(lock)
            host.wait_ready()

    await asyncio.to_thread(boot_older)
    yield "h3"
    await asyncio.to_thread(lab.crash, "h3")
    await asyncio.to_thread(lab.boot, "h3")


CPU = (
    "<cpu mode='custom' match='exact'><model>qemu64</model><feature policy='require' name='wbnoinvd'/></cpu>"
)


async def test_an_older_destination_is_told_by_version_machine_type_and_processor(
    lab: Lab, older_h3: str
) -> None:
    await start(lab, xml(rest=CPU, machine=NEW_MACHINE))
    async with open_fleet(lab_specs(lab.layout)) as fleet:
        await until(fleet, all_up)
        found = await checked(fleet, to=older_h3)
    must_be(the(found, "host.versions"), WARNING, "is older than 10.", "update h3")
    must_be(
        the(found, "host.machine"), REFUSE, f"the nearest that it knows is {OLD_MACHINE}", "update QEMU on h3"
    )
    must_be(the(found, "host.cpu"), REFUSE, "wbnoinvd", "a processor model that both hosts offer")


async def test_a_guest_that_an_older_destination_can_run_is_not_refused(lab: Lab, older_h3: str) -> None:
    await start(lab, xml())
    async with open_fleet(lab_specs(lab.layout)) as fleet:
        await until(fleet, all_up)
        found = await checked(fleet, to=older_h3)
    assert not found.refused
    assert the(found, "host.machine").verdict is Verdict.OK


# What is right ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Right:
    """A move that must not be refused; without doubts unless told otherwise."""

    what: str
    seed: Seed
    options: Options = lambda request: request
    doubts: frozenset[str] = frozenset()


def lab_guest(**spec: object) -> Seed:
    @asynccontextmanager
    async def seeded(lab: Lab) -> AsyncIterator[None]:
        transient = bool(spec.pop("transient", False))
        wanted = GuestSpec(name=NAME, **spec)  # type: ignore[arg-type]
        await asyncio.to_thread(lab.guest, wanted, transient=transient, wait=False)
        yield

    return seeded


def model(name: str) -> str:
    return f"<cpu mode='custom' match='exact'><model>{name}</model></cpu>"


@asynccontextmanager
async def paused(lab: Lab) -> AsyncIterator[None]:
    await start(lab, xml())
    await on(lab, "h1", "virsh", "suspend", NAME)
    yield


OVERLAY = f"qemu-img create -q -f qcow2 -b {LOCAL}/base.img -F raw {LOCAL}/top.qcow2"
RIGHTS = (
    Right("a guest that runs", lab_guest()),
    Right("a guest that writes memory", lab_guest(dirty_mib_s=20)),
    Right("a transient guest", lab_guest(transient=True)),
    Right("a guest on an iSCSI disk", lab_guest(disk=Disk.ISCSI)),
    Right("a guest without a disk", lab_guest(disk=Disk.NONE)),
    Right("a guest with a screen", lab_guest(disk=Disk.NONE, graphics=True)),
    Right("a processor that the hypervisor offers", seed(make=xml(rest=model("Westmere")))),
    Right("another one", seed(make=xml(rest=model("Opteron_G2")))),
    Right("a feature that only emulation has", seed(make=xml(rest=CPU))),
    Right("with post-copy", lab_guest(), lambda request: replace(request, postcopy=True)),
    Right("a copy onto an empty pool", lab_guest(disk=Disk.LOCAL), copying),
    Right(
        "a copy of an overlay",
        seed(
            make=xml(disk(f"{LOCAL}/top.qcow2", image="qcow2")),
            before=f"{image(f'{LOCAL}/base.img')}; {OVERLAY}",
        ),
        copying,
    ),
    Right("nothing to copy", lab_guest(), copying),
    Right("standing still meanwhile", lab_guest(), mode(MoveMode.PAUSED)),
    Right("a guest that was paused", paused, mode(MoveMode.PAUSED)),
    Right("saved and restored", lab_guest(), mode(MoveMode.SAVED)),
    Right("a guest that is off", off(xml(disk(f"{SHARED}/a.img"))), mode(MoveMode.OFFLINE)),
    Right(
        "a network that both have",
        seed(
            make=xml(card("network", "lan")),
            before=f"echo {shlex.quote(LAN)} | virsh net-create /dev/stdin",
            undo="virsh destroy probe; virsh net-destroy lan",
            on_h2=f"echo {shlex.quote(LAN)} | virsh net-create /dev/stdin",
            undo_h2="virsh net-destroy lan",
        ),
    ),
    Right("an empty drive", seed(make=xml("<disk type='file' device='cdrom'><target dev='sda'/></disk>"))),
    Right(
        "the same CD on both hosts",
        seed(
            make=xml(disk(f"{LOCAL}/tools.iso", device="cdrom", target="sda")),
            before=image(f"{LOCAL}/tools.iso"),
            on_h2=image(f"{LOCAL}/tools.iso"),
        ),
        doubts=frozenset({"disk.sda.shared"}),
    ),
    Right(
        "an older definition of itself there",
        seed(on_h2=defined(xml())),
    ),
)


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.what)
async def test_a_good_move_is_not_refused(lab: Lab, fleet: Fleet, right: Right) -> None:
    async with right.seed(lab):
        found = await checked(fleet, right.options)
        doubts = {check.id for check in found.checks if check.verdict.severity >= Verdict.UNKNOWN.severity}
        assert doubts == right.doubts, [check for check in found.checks if check.id in doubts]
        assert not found.refused
        assert found.was_paused is (right.seed is paused)


async def test_a_copy_is_planned_with_what_the_guest_sees(lab: Lab, fleet: Fleet) -> None:
    async with lab_guest(disk=Disk.LOCAL)(lab):
        found = await checked(fleet, copying)
    (copy,) = found.copies
    assert (copy.target, copy.format, copy.size_bytes, copy.exists) == ("vda", "raw", 64 * 2**20, False)
    assert copy.path == f"{LOCAL}/{NAME}.img"
    assert "--copy-storage-all --migrate-disks vda" in found.command
