"""Looking for crashes on a real host over real SSH: what it costs, who may, and that nothing of it stays there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from backends.errors import FerryError
from backends.lab.configuration import ACCOUNT
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.model.crash import CrashKind
from backends.probes.crashes.parsers import PARSERS
from backends.probes.crashes.script import look
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.stirs import stirs
from backends.remote.shell import Shell
from backends.remote.ssh import MAX_STREAMS, SshShell

FOLDER = "/var/log/libvirt/qemu"
GUESTS = 1000
MANY = f"""
mkdir -p {FOLDER} && cd {FOLDER} && chmod 755 .
i=0
while [ $i -lt 250 ]; do
    echo '-device virtio-net-pci,netdev=hostnet0,id=net0,mac=52:54:00:77:00:09,bus=pci.0,addr=0x2 \\'
    i=$((i + 1))
done >/tmp/many
echo '2026-11-24 15:25:01.348+0000: shutting down, reason=shutdown' >>/tmp/many
i=0
while [ $i -lt {GUESTS} ]; do cp /tmp/many many-$i.log; i=$((i + 1)); done
echo '2026-11-24 15:25:02.348+0000: shutting down, reason=crashed' >>many-500.log
chmod 600 many-*.log
"""
SOON_S = 10.0


@pytest.fixture(scope="module")
def h3(lab: Lab) -> Iterator[Host]:
    """A host with the logs of a thousand guests."""
    host = lab.host("h3")
    host.exec("sh", "-c", MANY)
    yield host
    host.exec("sh", "-c", f"rm -f {FOLDER}/many-*.log /tmp/many")


@asynccontextmanager
async def logged_in(lab: Lab, user: str = "") -> AsyncIterator[SshShell]:
    specs = lab_specs(lab.layout, user=user) if user else lab_specs(lab.layout)
    shell = await SshShell.open(next(spec for spec in specs if spec.name == "h3"), None)
    try:
        yield shell
    finally:
        await shell.close()


async def seen(shell: Shell) -> list[Sighting]:
    looked = await look(shell, since_s=time.time() - 86400, only_logs=True)
    return [sighting for parser in PARSERS for sighting in parser.sightings(looked)]


async def test_the_logs_of_a_thousand_guests_are_looked_at_in_one_look(lab: Lab, h3: Host) -> None:
    async with logged_in(lab) as shell:
        found = [each for each in await seen(shell) if each.guest.startswith("many-")]
    assert [(each.guest, each.kind) for each in found] == [("many-500", CrashKind.ENDED)]


async def test_an_account_without_rights_is_told_once_what_it_lacks(lab: Lab, h3: Host) -> None:
    async with logged_in(lab, ACCOUNT) as shell:
        looked = await look(shell, since_s=time.time() - 86400)
    (gap,) = [gap for gap in looked.gaps if gap.what.endswith(f" files in {FOLDER}")]
    assert int(gap.what.partition(" ")[0]) >= GUESTS
    assert gap.why == "permission denied"
    assert "setfacl" in gap.mend


def watchers(host: Host) -> str:
    """Processes of the watcher, and what has ended and nobody has waited for."""
    listed = host.exec("ps", "-eo", "pid,stat,args").stdout.split("\n")
    return "\n".join(line for line in listed if "beat_s=" in line or " Z" in line[:14])


async def none_left(host: Host) -> None:
    async with asyncio.timeout(SOON_S):
        while await asyncio.to_thread(watchers, host):  # noqa: ASYNC110 - processes of a host
            await asyncio.sleep(0.2)


async def test_the_watcher_notices_takes_no_ones_turn_and_leaves_nothing(lab: Lab, h3: Host) -> None:
    async with logged_in(lab) as shell:
        async with aclosing(stirs(shell)) as signs, AsyncExitStack() as streams:
            await anext(signs)
            assert watchers(h3)
            for _ in range(MAX_STREAMS):
                await streams.enter_async_context(shell.open_process(("sleep", "60")))
            await shell.run(("true",))
            h3.exec("sh", "-c", f"echo more >>{FOLDER}/many-7.log")
            async with asyncio.timeout(SOON_S):
                await anext(signs)
        await none_left(h3)


async def test_a_watcher_whose_connection_is_cut_ends_and_says_so(lab: Lab, h3: Host) -> None:
    async with logged_in(lab) as shell, aclosing(stirs(shell)) as signs:
        await anext(signs)
        h3.exec("sh", "-c", "ss -K -t 'sport = :22'")
        with pytest.raises(FerryError):
            async with asyncio.timeout(SOON_S):
                await anext(signs)
        await none_left(h3)
