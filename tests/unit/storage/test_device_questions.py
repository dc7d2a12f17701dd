"""What `devices.sh` asks, really run here, under every shell that is here, on folders in the place of sysfs."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from backends.model.storage import Health
from backends.probes.storage import block, file_locks, iscsi, lockers, multipath, script
from backends.probes.survey import asking
from backends.probes.survey.readings import Readings
from backends.remote.local import LocalShell
from backends.remote.shell import Answer

SHELLS = {"dash": ("dash",), "busybox": ("busybox", "sh"), "bash": ("bash", "--posix")}
NONCE = "c0ffee" * 4
DISK = "devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdd"
LOCK = "lock:\t1: OFDLCK ADVISORY  READ  -1 fd:00:77 100 101"


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    words = SHELLS[request.param]
    if not shutil.which(words[0]):
        pytest.skip(f"no {words[0]} here")
    return words


def write(root: Path, *lines: str) -> None:
    """`path:text`, for each a file."""
    for line in lines:
        path, _, text = line.partition("=")
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{text}\n")


def program(root: Path, name: str, says: str) -> None:
    (root / "bin").mkdir(exist_ok=True)
    (root / "bin" / name).write_text(f"#!/bin/sh\n{says}\n")
    (root / "bin" / name).chmod(0o755)


def ask(shell: tuple[str, ...], root: Path) -> Readings:
    """The host's own folders are replaced by those under `root`."""
    text = asking.script("backends.probes.storage", "devices.sh")
    for folder in ("/sys/class", "/dev/disk", "/proc/", "/run/", "/etc/"):
        text = text.replace(folder, f"{root}{folder}")
    done = subprocess.run(
        ("env", "LC_ALL=C", f"PATH={root}/bin:/usr/bin:/bin", *shell, "-c", text, "sh"),
        input=f"{NONCE}\n".encode(),
        capture_output=True,
        timeout=20,
        check=False,
    )
    told = done.stdout.decode(errors="replace").replace(str(root), "")
    answer = Answer(done.returncode, told, done.stderr.decode())
    return asking.parse(answer, NONCE, asked_at=0.0, took_s=1.0)


def with_a_lun(root: Path) -> None:
    write(
        root / "sys/class",
        "iscsi_session/session1/targetname=iqn.2026-11.lab:disks",
        "iscsi_session/session1/state=LOGGED_IN",
        "iscsi_connection/connection1:0/persistent_address=10.0.0.1",
        "iscsi_connection/connection1:0/persistent_port=3260",
        "block/dm-0/size=2048",
        "block/dm-0/dm/uuid=mpath-36001405b1629f80d52a4c898f8856e43",
        "block/dm-0/dm/name=mpatha",
        "block/dm-0/slaves/sdd=",
    )
    write(root / "sys" / DISK, "size=2048", "ro=0", "device/wwid=naa.6001405b1629f80d52a4c898f8856e43")
    (root / "sys/class/block/sdd").symlink_to(f"../../{DISK}")
    (root / "dev/disk/by-id").mkdir(parents=True)
    (root / "dev/disk/by-id/wwn-0x6001405b1629f80d52a4c898f8856e43").symlink_to("../../sdd")


def test_a_lun_is_found_with_its_session_and_its_map(shell: tuple[str, ...], tmp_path: Path) -> None:
    with_a_lun(tmp_path)
    readings = ask(shell, tmp_path)
    devices = block.read(readings)
    sdd = devices.by_name["sdd"]
    assert (sdd.session, sdd.lun, sdd.target, sdd.size_bytes) == ("1", 1, "iqn.2026-11.lab:disks", 1 << 20)
    assert sdd.links == ("disk/by-id/wwn-0x6001405b1629f80d52a4c898f8856e43",)
    assert devices.by_name["dm-0"].made_of == ("sdd",)
    (session,) = iscsi.read(readings, devices).sessions
    assert (session.portal, [disk.device for disk in session.disks]) == ("10.0.0.1:3260", ["sdd"])


def test_programs_are_run_only_where_they_could_tell_something(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    for name in ("multipathd", "multipath", "iscsiadm", "drbdsetup", "sanlock", "lvmlockctl"):
        program(tmp_path, name, f"echo {name} >>{tmp_path}/ran")
    (tmp_path / "sys/class/block").mkdir(parents=True)
    ask(shell, tmp_path)
    assert not (tmp_path / "ran").exists()
    with_a_lun(tmp_path)
    ask(shell, tmp_path)
    assert (tmp_path / "ran").read_text().split() == ["multipath", "iscsiadm"]
    write(tmp_path, "run/multipathd.pid=1", "proc/drbd=version: 9.0.6-1")
    (tmp_path / "ran").unlink()
    ask(shell, tmp_path)
    assert (tmp_path / "ran").read_text().split() == ["multipathd", "iscsiadm", "drbdsetup"]


def test_a_program_that_is_refused_leaves_the_reason(shell: tuple[str, ...], tmp_path: Path) -> None:
    with_a_lun(tmp_path)
    program(tmp_path, "multipath", "echo 'need to be root' >&2; exit 1")
    readings = ask(shell, tmp_path)
    maps = multipath.read(readings, block.read(readings))
    assert (maps.trouble, maps.maps[0].name, maps.maps[0].health) == (
        "permission denied",
        "mpatha",
        Health.UNKNOWN,
    )


def test_settings_come_without_their_comments_however_long_they_are(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    comment = "# lock_manager can be lockd or sanlock\n" * 2000
    devices = 'cgroup_device_acl = [\n  "/dev/null",\n  # "/dev/kvm"\n]\n'
    write(
        tmp_path / "etc",
        f'libvirt/qemu.conf={comment}\n{devices}{comment}lock_manager = "lockd"',
        "iscsi/initiatorname.iscsi=## DO NOT EDIT\nInitiatorName=iqn.1993-08.org.debian:01:81cc55237ed9",
    )
    readings = ask(shell, tmp_path)
    assert lockers.lock_manager(readings).manager is lockers.Manager.LOCKD
    assert iscsi.read(readings, block.read(readings)).initiator == "iqn.1993-08.org.debian:01:81cc55237ed9"


def test_locks_of_guests_are_found_with_their_files(shell: tuple[str, ...], tmp_path: Path) -> None:
    write(
        tmp_path,
        "proc/locks=1: OFDLCK ADVISORY  READ  -1 fd:00:77 100 101\n2: FLOCK  ADVISORY  WRITE 802 00:11:12552 0 EOF",
        "run/libvirt/qemu/web 01.pid=4711",
        "run/libvirt/qemu/ghost.pid=no number",
        f"proc/4711/fdinfo/14=pos:\t0\n{LOCK}",
        "proc/4711/fdinfo/3=pos:\t0",
    )
    (tmp_path / "proc/4711/fd").mkdir()
    (tmp_path / "proc/4711/fd/14").symlink_to("/srv/images/web 01.qcow2")
    readings = ask(shell, tmp_path)
    (lock,) = file_locks.held_locks(readings).locks
    assert (lock.guest, lock.pid, lock.path, lock.start) == ("web 01", 4711, "/srv/images/web 01.qcow2", 100)


def test_a_thousand_disks_are_told_quickly(shell: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path / "sys/class/block", *(f"sd{n}/{name}=8" for n in range(1000) for name in ("size", "ro")))
    write(tmp_path / "sys/class/block", *(f"dm-{n}/slaves/sd{n}=" for n in range(500)))
    readings = ask(shell, tmp_path)
    assert len(block.read(readings).by_name) == 1000
    assert len(readings.text(block.SLAVES).splitlines()) == 500


def test_this_machine_tells_its_own_disks() -> None:
    readings = asyncio.run(script.ask(LocalShell()))
    found = block.read(readings)
    assert found.by_name.keys() == {path.name for path in Path("/sys/class/block").iterdir()}
    for name, device in found.by_name.items():
        assert device.size_bytes == int(Path(f"/sys/class/block/{name}/size").read_text()) * 512
