"""Where a saved state is kept on a host, and who can get at it. Shells of this machine stand for the hosts'."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backends.api import ActionError
from backends.errors import UnsupportedError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.migration.transfer import state_file
from backends.model.fleet import FleetState
from backends.model.host import HostName, HostSpec, Reach
from backends.model.move import MoveId
from backends.remote.local import LocalShell
from tests.contract.test_sockets_of_a_host import NOBODY, ShellOf

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")
MOVE = MoveId("0a1b2c3d")


@pytest.fixture
def host(tmp_path: Path) -> Supervisor:
    """Never connected: only its name and its kind matter here."""
    return Supervisor(HostSpec(HostName("h1"), Reach.LOCAL, ""), Board(FleetState()), None, tmp_path)


def folders(patch: pytest.MonkeyPatch, usual: Path, fallback: Path, shell: LocalShell) -> None:
    patch.setattr(state_file, "FOLDERS", {"qemu": str(usual)})
    patch.setattr(state_file, "EVERYWHERE", str(fallback))
    patch.setattr(state_file, "files_of", lambda _host: shell)


async def test_both_hosts_may_share_the_folder_and_the_copy_gets_another_name(
    host: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders(monkeypatch, tmp_path, tmp_path, LocalShell())
    leaves = await state_file.to_leave_from(host, "qemu", MOVE, 0)
    arrives = await state_file.to_arrive_in(host, "qemu", MOVE, 0)
    assert Path(leaves).parent == Path(arrives).parent == tmp_path
    assert leaves != arrives


async def test_a_host_without_the_usual_folder_takes_the_other(
    host: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders(monkeypatch, tmp_path / "none", tmp_path, LocalShell())
    assert Path(await state_file.to_arrive_in(host, "qemu", MOVE, 0)).parent == tmp_path


async def test_more_than_any_folder_has_is_tried_in_one_of_them(
    host: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guest's state is rarely as large as its memory: how large it is, is known when it is saved."""
    folders(monkeypatch, tmp_path / "none", tmp_path, LocalShell())
    assert Path(await state_file.to_arrive_in(host, "qemu", MOVE, 2**62)).parent == tmp_path


async def test_no_folder_at_all_is_said_before_the_guest_is_stopped(
    host: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders(monkeypatch, tmp_path / "none", tmp_path / "neither", LocalShell())
    with pytest.raises(ActionError, match="cannot write into"):
        await state_file.to_arrive_in(host, "qemu", MOVE, 0)


@as_root
async def test_an_account_that_cannot_read_what_libvirt_saves_is_told_so_before(
    host: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = ShellOf("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    folders(monkeypatch, tmp_path, tmp_path, nobody)
    with pytest.raises(UnsupportedError, match="root") as caught:
        await state_file.to_leave_from(host, "qemu", MOVE, 0)
    assert "as root" in caught.value.hint
