"""The one command that asks a host for storage, really run here, with mounts of its own where this account may."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from backends.model.storage import Access, Health
from backends.probes.storage import script
from backends.probes.storage.file_systems import Mounted, mounted
from backends.probes.storage.mounts import STATFS, mounts, rooms, which_mount
from backends.probes.survey import asking
from backends.probes.survey.readings import Readings
from backends.remote.local import LocalShell
from backends.remote.shell import Answer

NONCE = "c0ffee" * 4
SHELLS = {"dash": ("dash",), "busybox": ("busybox", "sh"), "bash": ("bash", "--posix")}
TEXT = asking.script("backends.probes.storage", "storage.sh")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="a mount of one's own needs root"
)


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    words = SHELLS[request.param]
    if not shutil.which(words[0]):
        pytest.skip(f"no {words[0]} here")
    return words


def answer_of(shell: tuple[str, ...], prepare: str, *, path: str = "", text: str = TEXT) -> Answer:
    """Of the script in a table of mounts of its own, after `prepare` was done there."""
    before = {"PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"], "SCRIPT": text}
    inside = f'{prepare}\nSCRIPT= exec env LC_ALL=C {" ".join(shell)} -c "$SCRIPT" sh'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-e", "-c", inside],
        input=f"{NONCE}\n".encode(),
        env=before,
        capture_output=True,
        timeout=25,
        check=False,
    )
    return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode())


def read(answer: Answer) -> Readings:
    return asking.parse(answer, NONCE, asked_at=0.0, took_s=1.0)


def under(found: Mounted, path: Path) -> tuple[str, Health, Access]:
    here = found.under(str(path))
    assert here is not None
    mount, seen = here
    return seen.key, seen.health, mount.access


def test_this_machine_tells_where_its_root_is_and_how_much_room_there_is() -> None:
    readings = asyncio.run(script.ask(LocalShell()))
    found = mounted(readings)
    here = found.under("/")
    assert here is not None
    size = os.statvfs("/")
    assert here[1].capacity_bytes == size.f_frsize * size.f_blocks
    assert here[1].health is Health.GOOD
    assert readings.took_s < 4.0


def test_links_are_followed_to_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "the data").mkdir()
    for name, to in {
        "images": "the data",
        "back\\slash *": "images",
        "broken": "none/x",
        "round": "round",
    }.items():
        (tmp_path / name).symlink_to(tmp_path / to)
    names = ("images", "back\\slash *", "the data", "broken", "round", "none\n", "images ")
    asked = [*(f"{tmp_path}/{name}" for name in names), "images"]
    readings = asyncio.run(script.ask(LocalShell(), follow=asked))
    followed = [script.real_path(readings, path) for path in asked]
    assert followed[:3] == [f"{tmp_path}/the data"] * 3
    assert followed[3:] == asked[3:], "what leads nowhere, or cannot be asked, is left as it is"


@needs_root
def test_mounts_of_every_name_are_asked_and_found_as_the_kernel_finds_them(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    """Against stat(1): the device number of each path is that of the mount which was found for it."""
    names = ["a b", "c\nd", "e%sf\\040g", "h#i", "ü"]
    for name in names:
        (tmp_path / name).mkdir()
    shown = [str(tmp_path / name / "disk") for name in names]
    over = tmp_path / "over"
    (over / "deep").mkdir(parents=True)
    more = [
        str(over / "deep" / "disk"),
        str(over / "disk"),
        str(tmp_path / "bound" / "disk"),
        str(tmp_path / "disk"),
    ]
    (tmp_path / "bound").mkdir()
    prepare = "\n".join(
        [
            *(f"mount -t tmpfs -o size=1m none {quoted(str(tmp_path / name))}" for name in names),
            f"mount -t tmpfs -o size=2m none {quoted(str(over / 'deep'))}",
            f"mount -t tmpfs -o size=3m none {quoted(str(over))}",
            f"mkdir {quoted(str(over / 'deep'))}",
            f"mount --bind {quoted(str(tmp_path / 'a b'))} {quoted(str(tmp_path / 'bound'))}",
            *(f"touch {quoted(path)}" for path in (*shown, *more)),
            'echo "numbers" >&2',
            *(f"stat -c '%Hd:%Ld' {quoted(path)} >&2" for path in (*shown, *more)),
            'echo "end" >&2',
        ]
    )
    answer = answer_of(shell, prepare)
    numbers = answer.err.partition("numbers\n")[2].partition("\nend")[0].split("\n")
    readings = read(answer)
    table, known = mounts(readings), rooms(readings)
    for path, number in zip((*shown, *more), numbers, strict=True):
        mount = which_mount(table, path)
        assert mount is not None
        assert mount.device == number, path
        assert known[mount.device].health is Health.GOOD, readings.text(STATFS)
    room = known[numbers[shown.index(shown[1])]]
    assert room.capacity_bytes == 1 << 20


@needs_root
def test_a_read_only_part_of_a_file_system_is_read_only(tmp_path: Path) -> None:
    for name in ("all", "part"):
        (tmp_path / name).mkdir()
    prepare = (
        f"mount -t tmpfs none {tmp_path}/all; mkdir {tmp_path}/all/x; mount --bind {tmp_path}/all/x {tmp_path}/part;"
        f"mount -o remount,bind,ro {tmp_path}/part"
    )
    found = mounted(read(answer_of(("dash",), prepare)))
    assert under(found, tmp_path / "part" / "disk") == (f"{tmp_path}/all", Health.GOOD, Access.READ_ONLY)
    assert under(found, tmp_path / "all" / "disk") == (f"{tmp_path}/all", Health.GOOD, Access.READ_WRITE)


@needs_root
@pytest.mark.skipif(not shutil.which("bindfs"), reason="no file system here that can be made to hang")
def test_a_file_system_that_hangs_is_told_and_stops_nobody(shell: tuple[str, ...], tmp_path: Path) -> None:
    """A FUSE file system whose process stands still, as one of a dead server does."""
    for name in ("from", "hangs", "well"):
        (tmp_path / name).mkdir()
    prepare = f"""mount -t tmpfs none {tmp_path}/well
        bindfs -f {tmp_path}/from {tmp_path}/hangs >/dev/null 2>&1 & process=$!
        until grep -q {tmp_path}/hangs /proc/self/mountinfo; do sleep 0.1; done
        kill -STOP $process
        {{ sleep 12; kill -KILL $process; }} >/dev/null 2>&1 &"""
    began_s = time.monotonic()
    found = mounted(read(answer_of(shell, prepare)))
    took_s = time.monotonic() - began_s
    assert took_s < 9.0
    key, health, _ = under(found, tmp_path / "hangs" / "disk")
    assert (key, health) == (f"{tmp_path}/hangs", Health.BROKEN)
    assert under(found, tmp_path / "well" / "disk")[1] is Health.GOOD
    assert under(found, Path("/"))[1] is Health.GOOD


@needs_root
def test_one_that_not_even_a_signal_brings_back_stops_nobody(tmp_path: Path) -> None:
    """A stat(1) that leaves a process behind which holds its output, as one in the kernel's hands would."""
    (tmp_path / "tools").mkdir()
    tool = tmp_path / "tools" / "stat"
    real = shutil.which("stat")
    tool.write_text(
        f'#!/bin/sh\nfor last; do :; done\nif [ "$last" = / ]; then exec {real} "$@"; fi\n'
        "trap '' TERM\nsleep 9 &\nwait\nwait\n"
    )
    tool.chmod(0o755)
    (tmp_path / "hangs").mkdir()
    began_s = time.monotonic()
    found = mounted(
        read(answer_of(("dash",), f"mount -t tmpfs none {tmp_path}/hangs", path=str(tool.parent)))
    )
    assert time.monotonic() - began_s < 8.5
    assert under(found, tmp_path / "hangs" / "disk")[1] is Health.BROKEN
    assert under(found, Path("/"))[1] is Health.GOOD


@needs_root
def test_the_mounts_of_containers_are_left_out(tmp_path: Path) -> None:
    """Of one that Docker has made (overlay2), and of a snap: neither holds disks of guests."""
    lines = "\n".join(
        [
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
            *(
                f"{n} 22 0:{n} / /var/lib/docker/overlay2/{n}/merged rw - overlay overlay rw,lowerdir=/var/lib/docker/x"
                for n in range(100, 6000)
            ),
            "50 22 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro",
            "51 22 0:52 / /var/lib/kubelet/pods/x/volumes/nfs rw - nfs4 st:/srv rw,vers=4.2",
            "52 22 0:21 / /proc rw - proc proc rw",
        ]
    )
    (tmp_path / "mountinfo").write_text(lines)
    text = TEXT.replace("/proc/self/mountinfo", f"{tmp_path}/mountinfo")
    told = read(answer_of(("dash",), "", text=text)).text(f"{tmp_path}/mountinfo").split("\n")
    assert [line.split()[4] for line in told] == ["/", "/var/lib/kubelet/pods/x/volumes/nfs"]


def quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"
