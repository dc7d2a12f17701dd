"""A folder that a dump is to be written into, looked at by this machine's own tools."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backends.probes.dump_kinds import READ_HEAD, head_from, kind_of
from backends.probes.dump_place import free_bytes, look
from backends.remote.local import LocalShell
from tests.contract.test_sockets_of_a_host import NOBODY, ShellOf

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")


async def test_a_folder_with_room_is_seen_as_it_is(tmp_path: Path) -> None:
    place = await look(LocalShell(), str(tmp_path), f"{tmp_path}/web.elf")
    assert (place.kind, place.missing, place.writable, place.file_exists) == ("directory", False, True, False)
    assert place.free_bytes is not None
    assert place.free_bytes > 0
    assert place.file_system
    assert place.may_read == (os.geteuid() == 0)
    assert abs(place.free_bytes - (await free_bytes(LocalShell(), str(tmp_path)) or 0)) < 2**30


async def test_a_file_that_is_there_is_seen_also_where_it_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "web.elf").symlink_to("/nowhere")
    assert (await look(LocalShell(), str(tmp_path), f"{tmp_path}/web.elf")).file_exists is True


async def test_no_folder_and_no_folder_at_all(tmp_path: Path) -> None:
    missing = await look(LocalShell(), f"{tmp_path}/none", f"{tmp_path}/none/web.elf")
    assert (missing.kind, missing.missing, missing.free_bytes) == ("", True, None)
    (tmp_path / "file").touch()
    file = await look(LocalShell(), f"{tmp_path}/file", f"{tmp_path}/file/web.elf")
    assert "file" in file.kind
    assert file.file_exists is not True


async def test_a_folder_of_an_odd_name_is_no_option(tmp_path: Path) -> None:
    odd = tmp_path / "-rf $(reboot)"
    odd.mkdir()
    place = await look(LocalShell(), str(odd), f"{odd}/web.elf")
    assert (place.kind, place.writable, place.file_exists) == ("directory", True, False)


@as_root
async def test_an_account_without_rights_knows_that_it_does_not_know(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    inner = closed / "dump"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    nobody = ShellOf("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    place = await look(nobody, str(inner), f"{inner}/web.elf")
    assert (place.may_read, place.kind, place.missing) == (False, "", False)
    assert (place.writable, place.free_bytes, place.file_exists) == (None, None, None)


async def test_the_first_bytes_come_over_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "web.elf"
    file.write_bytes(bytes.fromhex("7f454c46020101000000000000000000 04003e00") + bytes(range(256)))
    answer = await LocalShell().run((*READ_HEAD, str(file)))
    assert head_from(answer.out) == file.read_bytes()[:64]
    assert kind_of(head_from(answer.out)) == "ELF 64-bit core of x86-64"
