"""Guests on h1 with something right or wrong about them, and preflights of them.

Most never boot: an idle QEMU is all that a check looks at.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

from backends.api import Fleet
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab
from backends.lab.layout import LOCAL_IMAGES_IN_HOST, SHARED_IN_HOST
from backends.lab.process import wait_until
from backends.model.fleet import FleetState
from backends.model.guest import Guest
from backends.model.host import HostName
from backends.model.move import Check, MoveMode, MoveRequest, Preflight, Verdict
from tests.watching import until

NAME = "probe"
UUID = "7e57ab1e-0000-4000-8000-000000000001"
OTHER_UUID = "7e57ab1e-0000-4000-8000-000000000002"
SHARED, LOCAL = str(SHARED_IN_HOST / "images"), str(LOCAL_IMAGES_IN_HOST)
OLD_MACHINE, NEW_MACHINE = "pc-i440fx-7.2", "pc-i440fx-10.0"
LAN = "<network><name>lan</name><forward mode='bridge'/><bridge name='br0'/></network>"


CPU = (
    "<cpu mode='custom' match='exact'><model>qemu64</model><feature policy='require' name='wbnoinvd'/></cpu>"
)


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


def lab_guest(**spec: object) -> Seed:
    @asynccontextmanager
    async def seeded(lab: Lab) -> AsyncIterator[None]:
        transient = bool(spec.pop("transient", False))
        wanted = GuestSpec(name=NAME, **spec)  # type: ignore[arg-type]
        await asyncio.to_thread(lab.guest, wanted, transient=transient, wait=False)
        yield

    return seeded


def mode(mode: MoveMode) -> Options:
    return lambda request: replace(request, mode=mode)


def copying(request: MoveRequest) -> MoveRequest:
    return replace(request, copy_disks=True)


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
