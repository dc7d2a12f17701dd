"""iscsiadm through a shell, and the kernel's files of sessions: a program and folders of ours in their place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.errors import ActionError, CommandError
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.model.fleet import FleetState, HostView
from backends.model.host import HostName, HostSpec, Link, LinkStatus, Reach
from backends.model.storage import IscsiLogin
from backends.remote.local import LocalShell
from backends.storage import iscsi, iscsiadm
from backends.storage.iscsi_names import Portal
from tests.contract.test_sockets_of_a_host import ShellOf

H1 = HostName("h1")
IQN, OTHER = "iqn.2026-11.lab:disks", "iqn.2026-11.lab:tapes"
PORTAL = Portal("10.0.0.1")
NOBODY = FleetState(
    {H1: HostView(HostSpec(H1, Reach.SSH, "root@h1"), LinkStatus(Link.UP, datetime.now(UTC)))}
)
PROGRAM = """#!/bin/sh
echo "$*" >>"$LOG"
case "$*" in
*discovery*) echo "10.0.0.1:3260,1 iqn.2026-11.lab:disks" ;;
*--login*) [ -e "$LOG.refuse" ] || exit 0
    echo "iscsiadm: Could not login to [iface: default, target: x, portal: 10.0.0.1,3260]." >&2
    echo "iscsiadm: initiator reported error (24 - iSCSI login failed due to authorization failure)" >&2
    exit 24 ;;
esac
"""
"""The words of open-iscsi (usr/iscsi_err.c, usr/mgmt_ipc.c), the numbers of iscsiadm(8): EXIT STATUS."""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ShellOf, Path]:
    """A host with an iscsiadm, and what it has been told."""
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "iscsiadm"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setattr(iscsiadm, "_NAMES", iscsiadm._NAMES.replace("/sys/class", str(tmp_path)))
    return ShellOf("env", f"PATH={tools}:/usr/bin:/bin", f"LOG={tmp_path / 'log'}"), tmp_path


class WithoutLibvirt:
    """As a supervisor of a host whose libvirt does not answer."""

    def __init__(self, shell: LocalShell) -> None:
        self.name = H1
        spec = HostSpec(H1, Reach.SSH, "root@h1")
        self.session = Session(spec, shell, Path("unused"), listener=lambda _driver: lambda _event: None)

    def reached(self) -> Session:
        return self.session


def said(folder: Path) -> list[str]:
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def supervisor(shell: LocalShell) -> Supervisor:
    return WithoutLibvirt(shell)  # type: ignore[return-value]


async def test_a_host_without_libvirt_discovers_and_logs_in_by_iscsiadm(host: tuple[ShellOf, Path]) -> None:
    shell, folder = host
    (target,) = await iscsi.discover(supervisor(shell), "10.0.0.1")
    await iscsi.log_in(supervisor(shell), IscsiLogin(IQN, "10.0.0.1"))
    assert (target.iqn, target.logged_in) == (IQN, False)
    assert said(folder) == [
        "-m discovery -t sendtargets -p 10.0.0.1:3260",
        f"-m node -T {IQN} -p 10.0.0.1:3260 -o new",
        f"-m node -T {IQN} -p 10.0.0.1:3260 --login",
    ]


async def test_a_secret_is_never_given_to_a_command(host: tuple[ShellOf, Path]) -> None:
    shell, folder = host
    with pytest.raises(ActionError, match="every user of the host can read") as refused:
        await iscsi.log_in(supervisor(shell), IscsiLogin(IQN, "10.0.0.1", "ferry", "open-sesame-1"))
    assert said(folder) == []
    assert "open-sesame-1" not in f"{refused.value}{refused.value.hint}"


async def test_a_refused_login_is_told_in_the_words_of_the_host(host: tuple[ShellOf, Path]) -> None:
    shell, folder = host
    (folder / "log.refuse").touch()
    with pytest.raises(CommandError, match="authorization failure"):
        await iscsiadm.log_in(shell, H1, IQN, PORTAL)


async def test_a_host_with_neither_is_told_what_to_install() -> None:
    bare = ShellOf("env", "-i", "PATH=/bin")
    with pytest.raises(CommandError, match="neither libvirt nor iscsiadm") as refused:
        await iscsi.log_in(supervisor(bare), IscsiLogin(IQN, "10.0.0.1"))
    assert "open-iscsi" in refused.value.hint


def session(folder: Path, number: int, iqn: str, *disks: str) -> Path:
    """As the kernel lays it out (drivers/scsi/scsi_transport_iscsi.c, and scsi_sysfs.c for `rescan`)."""
    at = folder / "iscsi_session" / f"session{number}"
    for lun, disk in enumerate(disks):
        block = at / "device" / f"target{number}:0:0" / f"{number}:0:0:{lun}" / "block" / disk
        (block / "holders").mkdir(parents=True)
        (block.parent.parent / "rescan").touch()
    (at / "targetname").write_text(f"{iqn}\n")
    return at


async def test_only_the_disks_of_the_target_are_looked_at_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = session(tmp_path, 1, IQN, "sda", "sdb"), session(tmp_path, 2, OTHER, "sdc")
    monkeypatch.setattr(iscsiadm, "_RESCAN", iscsiadm._RESCAN.replace("/sys/class", str(tmp_path)))
    assert await iscsiadm.rescan(LocalShell(), H1, IQN) == ["rescanned 1:0:0:0", "rescanned 1:0:0:1"]
    told = {file.parent.name: file.read_text() for at in (ours, theirs) for file in at.rglob("rescan")}
    assert told == {"1:0:0:0": "1\n", "1:0:0:1": "1\n", "2:0:0:0": ""}
    assert len(await iscsiadm.rescan(LocalShell(), H1, "")) == 3


async def test_what_lies_on_a_target_keeps_it_from_being_logged_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = session(tmp_path, 1, IQN, "sda")
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda1 /srv ext4 rw 0 0\n/dev/sdaa /other ext4 rw 0 0\n")
    script = iscsiadm._IN_USE.replace("/sys/class", str(tmp_path)).replace("/proc/mounts", str(mounts))
    monkeypatch.setattr(iscsiadm, "_IN_USE", script)
    (at / "device/target1:0:0/1:0:0:0/block/sda/holders/dm-3").mkdir()
    assert await iscsiadm.in_use(LocalShell(), IQN) == ("sda is below dm-3", "/dev/sda1 is mounted on /srv")
    assert await iscsiadm.in_use(LocalShell(), OTHER) == ()


async def test_a_disk_that_a_guest_has_open_is_found_without_libvirt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(tmp_path, 1, IQN, "sda")
    for number, program, opened in (
        (11, "qemu-system-x86", "/dev/sda"),
        (12, "qemu-kvm", "/dev/sdaa"),
        (13, "smartd", "/dev/sda"),
    ):
        files = tmp_path / "proc" / str(number) / "fd"
        files.mkdir(parents=True)
        (files.parent / "comm").write_text(f"{program}\n")
        (files / "7").symlink_to(opened)
    script = iscsiadm._IN_USE.replace("/sys/class", str(tmp_path)).replace("/proc/", f"{tmp_path}/proc/")
    monkeypatch.setattr(iscsiadm, "_IN_USE", script)
    assert await iscsiadm.in_use(LocalShell(), IQN) == ("sda is open in qemu-system-x86 11",)
    with pytest.raises(ActionError, match="open in qemu"):
        await iscsi.log_out(supervisor(LocalShell()), IscsiLogin(IQN, "10.0.0.1"), NOBODY)
