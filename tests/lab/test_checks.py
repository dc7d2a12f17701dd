"""The checks before a move, on real hosts: what is proved, what is refused, and what is said to be unknown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.api import Fleet, open_fleet
from backends.lab.guest_xml import MACHINE, Disk, GuestSpec
from backends.lab.lab import Lab
from backends.lab.layout import LOCAL_IMAGES_IN_HOST, SHARED_IN_HOST
from backends.lab.specs import lab_specs
from backends.model.host import HostName
from backends.model.move import Check, MoveRequest, Verdict
from tests.watching import all_up, guest_named, until

H2 = HostName("h2")
SHARED = str(SHARED_IN_HOST / "images")
LOCAL = str(LOCAL_IMAGES_IN_HOST)


async def on(lab: Lab, host: str, *command: str, stdin: str = "") -> str:
    answer = await asyncio.to_thread(lab.host(host).exec, *command, stdin=stdin)
    return answer.stdout


async def make(lab: Lab, fleet: Fleet, name: str, disk: Disk = Disk.SHARED) -> None:
    """A guest on h1 that the fleet knows; whether it has booted is of no interest here."""
    await asyncio.to_thread(lab.guest, GuestSpec(name=name, disk=disk), wait=False)
    await until(fleet, lambda state: any(guest.name == name for guest in state.guests()))


async def check_of(fleet: Fleet, name: str, id_: str) -> Check:
    guest = guest_named(fleet.state, name)
    checked = await fleet.preflight(MoveRequest(guest.key, guest.name, H2))
    return next(check for check in checked.checks if check.id == id_)


# Disks -----------------------------------------------------------------------------------------


async def with_disks(lab: Lab, fleet: Fleet, name: str, *disks: str) -> None:
    """A guest on h1 with exactly these disks."""
    xml = (
        f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>80</memory><vcpu>1</vcpu>"
        f"<os><type arch='x86_64' machine='{MACHINE}'>hvm</type></os><features><acpi/></features><devices>"
        f"<emulator>/usr/bin/qemu-system-x86_64</emulator>{''.join(disks)}</devices></domain>"
    )
    await on(lab, "h1", "virsh", "create", "/dev/stdin", stdin=xml)
    await until(fleet, lambda state: any(guest.name == name for guest in state.guests()))


def file_disk(path: str, *, image: str = "raw", device: str = "disk", target: str = "vda") -> str:
    return (
        f"<disk type='file' device='{device}'><driver name='qemu' type='{image}' cache='none'/>"
        f"<source file='{path}'/><target dev='{target}'/></disk>"
    )


async def test_a_shared_overlay_on_a_base_that_only_one_host_has_is_refused(lab: Lab, fleet: Fleet) -> None:
    base, top = f"{LOCAL}/base.img", f"{SHARED}/overlay.qcow2"
    await on(lab, "h1", "truncate", "-s", "16M", base)
    await on(lab, "h1", "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top)
    await with_disks(lab, fleet, "overlay", file_disk(top, image="qcow2"))
    check = await check_of(fleet, "overlay", "disk.vda.shared")
    assert check.verdict is Verdict.REFUSE
    assert LOCAL in check.evidence
    assert base in check.mend


async def test_a_shared_overlay_on_a_shared_base_is_proved(lab: Lab, fleet: Fleet) -> None:
    base, top = f"{SHARED}/base.img", f"{SHARED}/overlay.qcow2"
    await on(lab, "h1", "truncate", "-s", "16M", base)
    await on(lab, "h1", "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top)
    await with_disks(lab, fleet, "overlay", file_disk(top, image="qcow2"))
    check = await check_of(fleet, "overlay", "disk.vda.shared")
    assert check.verdict is Verdict.OK, check


async def test_a_link_in_a_shared_folder_that_leads_out_of_it_is_refused(lab: Lab, fleet: Fleet) -> None:
    await on(lab, "h1", "truncate", "-s", "16M", f"{LOCAL}/secret.img")
    await on(lab, "h1", "ln", "-sf", f"{LOCAL}/secret.img", f"{SHARED}/link.img")
    await with_disks(lab, fleet, "linked", file_disk(f"{SHARED}/link.img"))
    check = await check_of(fleet, "linked", "disk.vda.shared")
    assert check.verdict is Verdict.REFUSE
    assert LOCAL in check.evidence


async def test_a_path_that_each_host_links_to_the_shared_folder_in_its_own_way_is_proved(
    lab: Lab, fleet: Fleet
) -> None:
    await on(lab, "h1", "truncate", "-s", "16M", f"{SHARED}/same.img")
    for host in ("h1", "h2"):
        await on(lab, host, "ln", "-sfn", SHARED if host == "h1" else f"{SHARED}/../images", f"{LOCAL}/way")
    await with_disks(lab, fleet, "ways", file_disk(f"{LOCAL}/way/same.img"))
    check = await check_of(fleet, "ways", "disk.vda.shared")
    assert check.verdict is Verdict.OK, check
    for host in ("h1", "h2"):
        await on(lab, host, "rm", f"{LOCAL}/way")


async def test_a_folder_whose_name_cannot_be_shown_as_it_is_is_tried_as_it_is(lab: Lab, fleet: Fleet) -> None:
    folder = f"{SHARED}/no\u00a0break"
    await on(lab, "h1", "mkdir", "-p", folder)
    await on(lab, "h1", "truncate", "-s", "16M", f"{folder}/odd.img")
    await with_disks(lab, fleet, "odd", file_disk(f"{folder}/odd.img"))
    check = await check_of(fleet, "odd", "disk.vda.shared")
    await on(lab, "h1", "virsh", "destroy", "odd")  # an open file cannot be removed from a FUSE mount
    await on(lab, "h1", "rm", "-r", folder)
    assert check.verdict is Verdict.OK, check
    assert "no␣break" in check.evidence


async def test_a_cd_on_one_host_only_is_refused_with_the_way_to_eject_it(lab: Lab, fleet: Fleet) -> None:
    await on(lab, "h1", "truncate", "-s", "1M", f"{LOCAL}/tools.iso")
    await with_disks(lab, fleet, "disc", file_disk(f"{LOCAL}/tools.iso", device="cdrom", target="sda"))
    check = await check_of(fleet, "disc", "disk.sda.shared")
    assert check.verdict is Verdict.REFUSE
    assert "CD-ROM" in check.title
    assert "change-media disc sda --eject" in check.mend


async def test_a_disk_served_by_each_host_to_itself_is_not_taken_for_shared(lab: Lab, fleet: Fleet) -> None:
    socket = f"{LOCAL}/nbd.sock"
    await on(lab, "h1", "truncate", "-s", "16M", f"{SHARED}/exported.img")
    serve = ("qemu-nbd", "--fork", "-t", "-f", "raw", "-k", socket, "--pid-file", f"{LOCAL}/nbd.pid")
    await on(lab, "h1", *serve, f"{SHARED}/exported.img")
    disk = (
        "<disk type='network' device='disk'><driver name='qemu' type='raw' cache='none'/>"
        f"<source protocol='nbd'><host transport='unix' socket='{socket}'/></source><target dev='vda'/></disk>"
    )
    try:
        await with_disks(lab, fleet, "own-nbd", disk)
        check = await check_of(fleet, "own-nbd", "disk.vda.shared")
    finally:
        await on(
            lab, "h1", "sh", "-c", f"virsh destroy own-nbd; kill $(cat {LOCAL}/nbd.pid); rm -f {LOCAL}/nbd.*"
        )
    assert check.verdict is Verdict.UNKNOWN
    assert socket in check.evidence


# The way between the hosts -----------------------------------------------------------------------

GENUINE, OTHER = "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003"


@pytest.mark.parametrize("way", ["qemu+tcp://{h3}/system", "qemu+ssh://root@h3/system"])
async def test_a_peer_uri_that_leads_to_another_host_is_refused(lab: Lab, way: str) -> None:
    h1, h2, *_ = lab_specs(lab.layout)
    uri = way.format(h3=lab.layout.address("h3"))
    async with open_fleet([h1, replace(h2, peer_uri=uri)]) as fleet:
        await until(fleet, all_up)
        await make(lab, fleet, "astray")
        check = await check_of(fleet, "astray", "peer.login")
    assert check.verdict is Verdict.REFUSE
    assert uri in check.evidence and GENUINE in check.evidence and OTHER in check.evidence
    assert "peer_uri" in check.mend


async def test_a_source_without_virsh_is_not_told_that_its_keys_are_wrong(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, "bare")
    await on(lab, "h1", "sh", "-c", "mount --bind /dev/shm /var/spool && touch /var/spool/virsh")
    await on(lab, "h1", "mount", "--bind", "/var/spool/virsh", "/usr/bin/virsh")
    try:
        check = await check_of(fleet, "bare", "peer.login")
    finally:
        await on(lab, "h1", "umount", "/usr/bin/virsh")
        await on(lab, "h1", "umount", "/var/spool")
    assert check.verdict is Verdict.UNKNOWN
    assert "virsh" in check.evidence and "h1" in check.mend


LIBVIRT_GID = 64056
"""Of the group `libvirt` on the lab's hosts (backends/lab/configuration.py)."""


@pytest.fixture
async def ops(lab: Lab, tmp_path: Path) -> AsyncIterator[str]:
    """An account beside root on h1, in the group that may use libvirt. Yields the ssh configuration that uses it."""
    keys = await on(lab, "h1", "cat", "/root/.ssh/authorized_keys")
    passwd = await on(lab, "h1", "cat", "/etc/passwd")
    home = "/var/spool/ops"
    await on(lab, "h1", "tee", "/etc/passwd", stdin=f"{passwd}ops:x:4711:{LIBVIRT_GID}::{home}:/bin/sh\n")
    await on(lab, "h1", "mkdir", "-p", f"{home}/.ssh")
    await on(lab, "h1", "tee", f"{home}/.ssh/authorized_keys", stdin=keys)
    await on(lab, "h1", "cp", "/root/.ssh/id_ed25519", "/root/.ssh/known_hosts", f"{home}/.ssh/")
    await on(lab, "h1", "chown", "-R", f"4711:{LIBVIRT_GID}", home)
    await on(lab, "h1", "chmod", "-R", "go-w", home)
    config = tmp_path / "config"
    text = await asyncio.to_thread(lab.layout.ssh_config.read_text)
    await asyncio.to_thread(config.write_text, f"Host h1\n  User ops\n{text}")
    yield str(config)
    await on(lab, "h1", "tee", "/etc/passwd", stdin=passwd)
    await on(lab, "h1", "rm", "-r", home)


async def test_a_login_with_another_accounts_keys_proves_nothing_for_the_daemon(lab: Lab, ops: str) -> None:
    h1, h2, *_ = lab_specs(lab.layout)
    async with open_fleet([replace(h1, target="ops@h1", ssh_config=ops), h2]) as fleet:
        await until(fleet, all_up)
        await make(lab, fleet, "by-ops")
        check = await check_of(fleet, "by-ops", "peer.login")
    assert check.verdict is Verdict.UNKNOWN, check
    assert "tried as ops" in check.evidence and "root" in check.evidence
