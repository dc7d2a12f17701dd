"""Folders are proved shared, or not, with a host's own tools. Two shells of this machine stand for two hosts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from backends.model.storage import Sharing
from backends.probes.markers import End, RealPath, prove, real_path
from tests.contract.test_sockets_of_a_host import NOBODY, ShellOf

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")


def host(name: str, *prefix: str) -> End:
    return End(name, ShellOf(*prefix))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that all users may enter."""
    with TemporaryDirectory(prefix="virt-ferry-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_a_folder_that_both_hosts_see_is_proved_and_left_as_it_was(folder: Path) -> None:
    proof = await prove(host("h1"), host("h2"), str(folder), str(folder))
    assert proof.sharing is Sharing.PROVED
    assert names_in(folder) == []


async def test_a_file_that_is_certainly_not_there_is_a_no_in_any_language(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    german = host("h2", "env", "LANG=de_DE.UTF-8", "LC_ALL=de_DE.UTF-8")
    proof = await prove(host("h1"), german, str(folder), str(other))
    assert proof.sharing is Sharing.DIFFERENT
    assert "does not see" in proof.evidence
    assert names_in(folder) == ["other"]


@as_root
async def test_a_folder_that_the_account_there_may_not_read_is_not_called_different(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    nobody = host("h2", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    proof = await prove(host("h1"), nobody, str(closed), str(closed))
    assert proof.sharing is Sharing.UNKNOWN
    assert "Permission denied" in proof.evidence


async def test_a_host_without_cat_is_not_called_different(folder: Path) -> None:
    (folder / "env").symlink_to("/usr/bin/env")
    bare = host("h2", "env", f"PATH={folder}")
    proof = await prove(host("h1"), bare, str(folder), str(folder))
    assert proof.sharing is Sharing.UNKNOWN
    assert "cat" in proof.evidence


@as_root
async def test_a_folder_that_cannot_be_written_proves_nothing(folder: Path) -> None:
    nobody = host("h1", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    proof = await prove(nobody, host("h2"), str(folder), str(folder))
    assert proof.sharing is Sharing.UNKNOWN
    assert "h1" in proof.evidence and "Permission denied" in proof.evidence


async def test_the_root_folder_and_names_like_options_are_paths_as_any_other(folder: Path) -> None:
    odd = folder / "-rf"
    odd.mkdir()
    assert (await real_path(host("h1"), str(odd / "--help"))).name == "--help"
    assert (await prove(host("h1"), host("h2"), str(odd), str(odd))).sharing is Sharing.PROVED


async def test_links_are_followed_to_the_file_itself(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "link.img").symlink_to(folder / "real" / "v1.img")
    found = await real_path(host("h1"), str(folder / "link.img"))
    assert (found.folder, found.name, found.trouble) == (str(folder / "real"), "v1.img", "")


async def test_a_folder_that_is_not_there_is_no_trouble_but_a_path_that_cannot_be_followed_is(
    folder: Path,
) -> None:
    missing = str(folder / "none" / "a.img")
    assert await real_path(host("h1"), missing) == RealPath(missing)
    loop = folder / "loop"
    loop.symlink_to(loop)
    assert "symbolic links" in (await real_path(host("h1"), str(loop / "a.img"))).trouble
