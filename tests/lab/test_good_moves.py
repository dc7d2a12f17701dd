"""What is right is not refused, and leaves no doubts."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from backends.api import Fleet
from backends.lab.guest_xml import Disk
from backends.lab.lab import Lab
from backends.model.move import MoveMode, Verdict
from tests.lab.seeding import (
    CPU,
    LAN,
    LOCAL,
    NAME,
    SHARED,
    Options,
    Seed,
    card,
    checked,
    copying,
    defined,
    disk,
    image,
    lab_guest,
    mode,
    off,
    on,
    seed,
    start,
    xml,
)


@dataclass(frozen=True)
class Right:
    """A move that must not be refused; without doubts unless told otherwise."""

    what: str
    seed: Seed
    options: Options = lambda request: request
    doubts: frozenset[str] = frozenset()


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
        "a guest that is off, with a CD that is not there",
        off(xml(disk(f"{LOCAL}/tools.iso", device="cdrom", target="sda"))),
        mode(MoveMode.OFFLINE),
        doubts=frozenset({"disk.sda.shared"}),
    ),
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
