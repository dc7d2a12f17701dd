"""Volume groups of the real LVM, on files of this machine, read by the one command that asks a host."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.model.storage import Health
from backends.probes.storage import block, lvm, script
from backends.probes.storage.lvm import Group, Lvm, Sharing
from backends.remote.local import LocalShell

pytestmark = pytest.mark.lab

MIB = 1 << 20
_WITHOUT_KERNEL = (
    "global{activation=0} activation{udev_sync=0 udev_rules=0 monitoring=0} "
    'devices{obtain_device_list_from_udev=0 use_devicesfile=0 external_device_info_source="none"}'
)
"""What lets LVM write its metadata where the kernel has no device-mapper."""


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def change(command: str, *words: str) -> None:
    run(command, "--config", _WITHOUT_KERNEL, *words)


@dataclass
class OnFiles:
    """A group on two loop devices."""

    name: str
    first: str
    second: str
    image: Path

    def read(self) -> tuple[Lvm, Group]:
        readings = asyncio.run(script.ask(LocalShell()))
        found = lvm.read(readings)
        (group,) = (each for each in found.groups if each.name == self.name)
        assert block.read(readings).by_name[Path(self.first).name].backing_file
        return found, group


@pytest.fixture
def on_files(tmp_path: Path) -> Iterator[OnFiles]:
    if os.geteuid() != 0 or not shutil.which("vgcreate") or not shutil.which("losetup"):
        pytest.skip("needs root, LVM and loop devices")
    loops: list[str] = []
    name = f"ferry-{uuid.uuid4().hex[:8]}"
    try:
        for number, size in enumerate((64, 32)):
            image = tmp_path / f"{number}.img"
            with image.open("wb") as opened:
                opened.truncate(size * MIB)
            loops.append(run("losetup", "--find", "--show", str(image)))
        change("vgcreate", name, *loops)
        yield OnFiles(name, loops[0], loops[1], tmp_path / "1.img")
        change("vgremove", "--force", name)
    finally:
        for loop in loops:
            subprocess.run(("losetup", "--detach", loop), check=False)


def test_a_group_is_read_with_its_volumes_and_what_they_lie_on(on_files: OnFiles) -> None:
    change("lvcreate", "-an", "-Zn", "-Wn", "-L", "80M", "-n", "big-disk", on_files.name)
    found, group = on_files.read()
    assert len(group.uuid) == 38
    assert (group.size_bytes, group.free_bytes, group.extent_bytes) == (88 * MIB, 8 * MIB, 4 * MIB)
    assert (group.sharing, lvm.health(group)) == (Sharing.NONE, (Health.GOOD, ""))
    (volume,) = group.volumes
    assert (volume.name, volume.size_bytes, volume.segment) == ("big-disk", 80 * MIB, "linear")
    assert volume.devices == (on_files.first, on_files.second)
    assert found.volume_at(f"/dev/{on_files.name}/big-disk") == (group, volume)
    mapped = f"/dev/mapper/{on_files.name.replace('-', '--')}-big--disk"
    assert found.volume_at(mapped) == (group, volume)


def test_a_device_that_goes_and_one_that_is_there_twice_are_told(on_files: OnFiles) -> None:
    copy = on_files.image.with_suffix(".copy")
    shutil.copy(on_files.image, copy)
    twin = run("losetup", "--find", "--show", str(copy))
    try:
        found, group = on_files.read()
        health, words = lvm.health(group, found.copies_of(group))
        assert health is Health.BROKEN
        assert "has the same UUID" in words
        assert {device for _, device in found.duplicates} <= {on_files.second, twin}
    finally:
        run("losetup", "--detach", twin)
    run("losetup", "--detach", on_files.second)
    try:
        _, group = on_files.read()
        assert lvm.health(group) == (Health.BROKEN, "1 of its devices not there")
    finally:
        run("losetup", on_files.second, str(on_files.image))


def test_an_exported_group_says_so(on_files: OnFiles) -> None:
    change("vgexport", on_files.name)
    _, group = on_files.read()
    assert group.is_exported
    assert lvm.health(group)[0] is Health.DEGRADED
    change("vgimport", on_files.name)
