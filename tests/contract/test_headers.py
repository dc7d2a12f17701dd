"""What block devices begin with, read from real ones: loop devices of this machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.model.storage import Sharing
from backends.probes.markers import End
from backends.probes.storage import header
from backends.probes.storage.devices_apart import compare_all
from backends.probes.storage.header import State
from backends.remote.local import LocalShell
from tests.contract.test_sockets_of_a_host import NOBODY, ShellOf

MIB = 1024 * 1024
CONTENT = b"virt-ferry" * 300_000


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A block device with a file of its own behind it."""
    if os.geteuid() != 0:
        pytest.skip("only root can set up a loop device")
    file = tmp_path / "disk"
    file.write_bytes(CONTENT[: 2 * MIB])
    attached = subprocess.run(
        ["losetup", "-f", "--show", str(file)], capture_output=True, text=True, check=False
    )
    if attached.returncode != 0:
        pytest.skip(f"no loop device to be had: {attached.stderr.strip()}")
    device = attached.stdout.strip()
    yield device, file
    subprocess.run(["losetup", "-d", device], check=True)


def written_at(file: Path) -> int:
    return file.stat().st_mtime_ns


async def test_the_first_mebibyte_is_read_and_nothing_is_written(loop: tuple[str, Path]) -> None:
    device, file = loop
    before = written_at(file)
    found = await header.ask(LocalShell(), "h1", [device, "/dev/no-such disk", "/etc/passwd"])
    first = found.header(device)
    assert (first.state, first.digest) == (State.THERE, hashlib.sha256(CONTENT[:MIB]).hexdigest())
    assert found.header("/dev/no-such disk").state is State.MISSING
    assert found.header("/etc/passwd").state is State.OTHER
    seen = found.device(device)
    assert seen is not None and seen.size_bytes == 2 * MIB
    assert written_at(file) == before


async def test_a_device_without_a_wwid_is_not_called_the_same_by_its_bytes(loop: tuple[str, Path]) -> None:
    ends = End("h1", LocalShell()), End("h2", LocalShell())
    ((found,),) = await compare_all(ends[0], [loop[0]], [(ends[1], [loop[0]])])
    assert found.sharing is Sharing.UNKNOWN and "no WWID" in found.evidence


async def test_an_account_that_may_not_read_it_is_told_which_permission_it_needs(
    loop: tuple[str, Path],
) -> None:
    nobody = End("h2", ShellOf("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"))
    ((found,),) = await compare_all(End("h1", LocalShell()), [loop[0]], [(nobody, [loop[0]])])
    assert found.sharing is Sharing.UNKNOWN
    assert "permission denied" in found.evidence and "h2" in found.mend


async def test_a_host_that_is_reached_by_libvirt_alone_is_unknown() -> None:
    ((found,),) = await compare_all(End("h1", LocalShell()), ["/dev/sdx"], [(End("h2", None), ["/dev/sdx"])])
    assert found.sharing is Sharing.UNKNOWN and "libvirt alone" in found.evidence
