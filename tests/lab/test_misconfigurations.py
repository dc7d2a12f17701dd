"""What is wrong is found before the first byte, each by its own check and with its mend."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from backends.api import Fleet, open_fleet
from backends.errors import ActionError
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.lock import exclusive
from backends.lab.specs import lab_specs
from backends.model.move import MoveMode, Route, Verdict
from tests.lab.seeding import (
    CPU,
    KEPT,
    LAN,
    LOCAL,
    NAME,
    NEW_MACHINE,
    OLD_MACHINE,
    OTHER_UUID,
    SHARED,
    Options,
    Seed,
    a_job_runs,
    card,
    checked,
    copying,
    defined,
    disk,
    image,
    mode,
    must_be,
    off,
    on,
    seed,
    setting,
    start,
    the,
    xml,
)
from tests.watching import all_up, until


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
        "its screen listens on an address of the source",
        off(xml("<graphics type='vnc' autoport='yes' listen='192.0.2.1'/><video><model type='vga'/></video>")),
        "host.screen", WARNING, "192.0.2.1, which h2 does not have", "on every address",
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
