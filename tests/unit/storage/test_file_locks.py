"""Locks that processes hold on images now, as the kernel tells them; the first ones really held here.

Form: /proc/locks and /proc/PID/fdinfo as Documentation/filesystems/proc.rst describes them (fs/locks.c). Bytes: QEMU's
block/file-posix.c, libvirt's src/locking/lock_daemon_dispatch.c.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from backends.probes.storage import file_locks
from backends.probes.storage.file_locks import HeldLock, ImageLock
from backends.probes.survey.readings import Reading, Readings
from tests.unit.host_files import DENIED, any_host, host
from tests.unit.storage.disks_of_hosts import broken

DISK = "fd:00:805736756"
TABLE = f"""1: OFDLCK ADVISORY  READ  -1 {DISK} 201 201
2: OFDLCK ADVISORY  READ  -1 {DISK} 100 101
3: POSIX  ADVISORY  WRITE 7864 {DISK} 0 0
4: POSIX  ADVISORY  READ  4242 08:01:99 1073741826 1073742335
4: -> POSIX  ADVISORY  WRITE 4243 08:01:99 1073741826 EOF
5: FLOCK  ADVISORY  WRITE 802 00:11:12552 0 EOF
6: LEASE  ACTIVE    READ  400 08:30:1 0 EOF
"""
FDS = f"""/proc/4711/fdinfo/14:lock:\t1: OFDLCK ADVISORY  READ  -1 {DISK} 201 201
/proc/4711/fdinfo/14:lock:\t2: OFDLCK ADVISORY  READ  -1 {DISK} 100 101
/proc/4711/fdinfo/15:lock:\t1: OFDLCK ADVISORY  READ  -1 {DISK} 201 201
"""
PATHS = "/proc/4711/fd/14 /srv/images/web 01.qcow2\n/proc/4711/fd/15 /srv/images/web 01.qcow2"
READ_LOCK = 0


def held(table: str | Reading = TABLE, fds: str = FDS, guests: str = "4711 web-01") -> file_locks.HeldLocks:
    files = {
        file_locks.LOCKS: table,
        file_locks.LOCK_FDS: fds,
        file_locks.LOCK_PATHS: PATHS,
        file_locks.GUEST_PIDS: guests,
    }
    return file_locks.held_locks(host(files))


def test_a_lock_taken_as_qemu_takes_it_is_found_with_its_file(tmp_path: Path) -> None:
    """On this kernel, by this process: a shared lock of the open file on two bytes, then on one."""
    image = tmp_path / "disk.img"
    image.touch()
    with image.open("r+b") as opened:
        for start, length in ((100, 2), (201, 1)):
            lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, start, length, 0)
            fcntl.fcntl(opened.fileno(), fcntl.F_OFD_SETLK, lock)
        table = Path("/proc/locks").read_text()
        info = f"/proc/{os.getpid()}/fdinfo/{opened.fileno()}"
        fds = subprocess.run(
            ("grep", "-H", "^lock:", info), capture_output=True, text=True, check=True
        ).stdout
        paths = f"/proc/{os.getpid()}/fd/{opened.fileno()} {image}"
        inode = str(image.stat().st_ino)
    files = {
        file_locks.LOCKS: table,
        file_locks.LOCK_FDS: fds,
        file_locks.LOCK_PATHS: paths,
        file_locks.GUEST_PIDS: f"{os.getpid()} web",
    }
    images = [each for each in file_locks.held_locks(host(files)).images() if each.path == str(image)]
    assert [(each.guest, each.pid, each.writes, each.alone) for each in images] == [
        ("web", os.getpid(), True, True)
    ]
    assert images[0].file.rpartition(":")[2] == inode
    unnamed = [lock for lock in file_locks.parse_locks(table) if lock.file.endswith(f":{inode}")]
    assert {(lock.start, lock.end, lock.pid, lock.exclusive) for lock in unnamed} == {
        (100, 101, None, False),
        (201, 201, None, False),
    }


@pytest.mark.parametrize(
    ("how", "writes", "alone"),
    [
        (("-f", "qcow2"), True, True),
        (("-f", "raw"), True, False),
        (("-f", "raw", "-r"), False, False),
    ],
)
def test_qemu_s_own_locks_are_read_as_it_means_them(
    tmp_path: Path, how: tuple[str, ...], writes: bool, alone: bool
) -> None:
    """qemu-io opens an image as a guest's process does; of a raw one it lets others write too."""
    if not all(map(shutil.which, ("qemu-io", "qemu-img", "stdbuf"))):
        pytest.skip("no qemu-io here")
    image = tmp_path / "disk.img"
    subprocess.run(("qemu-img", "create", "-q", "-f", how[1], image, "1M"), check=True)
    commands = ("-c", "read 0 512", "-c", "sleep 60000")
    argv = ("stdbuf", "-oL", "qemu-io", *how, *commands, str(image))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as qemu:
        try:
            assert qemu.stdout is not None
            assert "read 512/512 bytes" in qemu.stdout.readline()
            table = Path("/proc/locks").read_text()
        finally:
            qemu.kill()
    inode = str(image.stat().st_ino)
    images = [each for each in held(table, "", "").images() if each.file.rpartition(":")[2] == inode]
    assert [(each.writes, each.alone) for each in images] == [(writes, alone)]


def test_a_guest_s_image_is_told_with_who_writes_it_and_who_keeps_others_away() -> None:
    assert held().images() == (
        ImageLock(DISK, "/srv/images/web 01.qcow2", "web-01", 4711, writes=True, alone=True),
        ImageLock(DISK, "/srv/images/web 01.qcow2", "", 7864, writes=True, alone=True, by_libvirt=True),
    )


def test_a_lock_is_told_once_however_many_descriptors_have_it() -> None:
    mine = [lock for lock in held().locks if lock.pid == 4711]
    assert [(lock.start, lock.end) for lock in mine] == [(201, 201), (100, 101)]
    assert not [lock for lock in held().locks if lock.file == DISK and lock.pid is None]


@pytest.mark.parametrize(
    ("locked", "writes", "alone"),
    [
        ("100 100", False, False),
        ("100 101", True, False),
        ("100 103", True, False),
        ("201 201", False, True),
        ("201 203", False, True),
        ("203 203", None, None),
        ("1073741826 1073742335", None, None),
    ],
)
def test_qemu_s_bytes_are_its_permissions(locked: str, writes: bool | None, alone: bool | None) -> None:
    """100 and up: what it does itself, 101 is writing. 200 and up: what it grants to nobody else."""
    images = held(f"1: OFDLCK ADVISORY  READ  -1 {DISK} {locked}\n", "", "").images()
    assert [(each.writes, each.alone) for each in images] == ([] if writes is None else [(writes, alone)])


def test_a_lock_that_is_waited_for_is_not_held() -> None:
    waiting = [lock for lock in held().locks if lock.waits]
    assert [(lock.pid, lock.end) for lock in waiting] == [(4243, None)]
    assert not waiting[0].covers(1073741826)


def test_locks_of_whole_files_and_leases_are_left_out() -> None:
    assert not [lock for lock in held().locks if lock.pid in (802, 400)]


def test_without_the_right_to_look_into_processes_the_holder_is_unknown_and_the_permission_named() -> None:
    found = held(fds="")
    qemu = [lock for lock in found.locks if lock.start >= 100 and lock.file == DISK]
    assert qemu == [HeldLock(DISK, False, 201, 201, None), HeldLock(DISK, False, 100, 101, None)]
    assert (found.trouble, found.mend) == (
        "who holds QEMU's locks is not told to this account",
        "log in as root",
    )


def test_a_table_that_may_not_be_read_leaves_the_reason() -> None:
    found = held(DENIED)
    assert (found.locks, found.trouble) == ((), "permission denied")


@given(broken(TABLE), broken(FDS), broken("4711 web-01\n12 \x1b[2J"))
def test_broken_forms_are_never_a_crash(table: str, fds: str, guests: str) -> None:
    found = held(table, fds, guests)
    assert all("\x1b" not in image.guest for image in found.images())


@given(any_host(file_locks.LOCKS, file_locks.LOCK_FDS, file_locks.LOCK_PATHS, file_locks.GUEST_PIDS))
def test_any_bytes_are_never_a_crash(readings: Readings) -> None:
    file_locks.held_locks(readings).images()
