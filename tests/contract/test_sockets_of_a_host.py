"""libvirt's sockets are looked for with nothing but the host's own sh."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from backends.errors import LinkError
from backends.probes import libvirt_sockets
from backends.remote.local import LocalShell
from backends.remote.shell import COMMAND_DEADLINE_S, Answer

NOBODY = 65534


class ShellOf(LocalShell):
    """This machine, with each command put behind others."""

    def __init__(self, *prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """As LocalShell."""
        return await super().run((*self.prefix, *argv), stdin=stdin, deadline_s=deadline_s)


@contextmanager
def listening(path: Path, mode: int) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(path))
        path.chmod(mode)
        yield


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In the place of /run/libvirt, and open to all users, as pytest's own folders are not."""
    with TemporaryDirectory(prefix="virt-ferry-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        monkeypatch.setattr(libvirt_sockets, "_FOLDER", name)
        monkeypatch.setattr(libvirt_sockets, "_OLD_FOLDER", f"{name}/none")
        yield folder


async def test_a_host_without_find_still_shows_its_sockets(folder: Path) -> None:
    tools = folder / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")
    with listening(folder / "virtqemud-sock", 0o700):
        (folder / "libvirt-sock").touch()  # a file of that name is no socket
        found = await libvirt_sockets.find(ShellOf("env", "-i", f"PATH={tools}"))
    assert [(one.driver, one.path, one.usable) for one in found] == [
        ("qemu", str(folder / "virtqemud-sock"), True)
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")
async def test_a_socket_that_this_account_may_not_use_is_told_from_one_that_is_not_there(
    folder: Path,
) -> None:
    nobody = ShellOf("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    with listening(folder / "virtqemud-sock", 0o770), listening(folder / "virtlxcd-sock", 0o777):
        found = {one.driver: one.usable for one in await libvirt_sockets.find(nobody)}
    assert found == {"qemu": False, "lxc": True}


async def test_no_socket_is_no_error(folder: Path) -> None:
    assert await libvirt_sockets.find(LocalShell()) == ()


async def test_an_account_without_a_shell_is_not_told_that_libvirt_does_not_run() -> None:
    with pytest.raises(LinkError) as caught:
        await libvirt_sockets.find(ShellOf("sh", "-c", "echo This account is not available >&2; exit 1"))
    assert "not available" in str(caught.value)
    assert "cannot run commands" in caught.value.hint
