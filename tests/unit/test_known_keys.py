"""Host keys that are known, are not, or cannot be looked up: never is a changed key taken for an unknown one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from backends.errors import HostKeyError
from backends.remote.known_keys import OfferedKey, load, remember, trusted_fingerprints

KEY = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
OTHER = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
OFFERED = OfferedKey("h1", "192.0.2.1", 22, KEY)


def line(key: asyncssh.SSHKey, name: str = "h1") -> str:
    return f"{name} {key.export_public_key().decode()}"


def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "known_hosts"
    folder.mkdir()  # for root a file without permissions is still readable, a folder is not
    with pytest.raises(HostKeyError, match=str(folder)) as caught:
        load([folder])
    assert "Is a directory" in caught.value.cause
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"h1\n", b"@nonsense h1 ssh-ed25519 AAAA\n", b"\xff\xfe\n"])
def test_a_broken_file_is_an_error_with_its_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "known_hosts"
    file.write_bytes(content)
    with pytest.raises(HostKeyError, match="no known_hosts file"):
        load([file])


def test_a_missing_file_knows_nobody_and_does_not_send_asyncssh_to_the_users_own(tmp_path: Path) -> None:
    assert load([tmp_path / "none"])
    (tmp_path / "empty").touch()
    assert load([tmp_path / "empty"])
    assert load([])
    assert trusted_fingerprints(load([]), OFFERED) == ()


def test_a_changed_key_is_told_from_an_unknown_one(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(line(OTHER))
    assert trusted_fingerprints(load([file, tmp_path / "none"]), OFFERED) == (
        f"ssh-ed25519 {OTHER.get_fingerprint()}",
    )


def test_a_revoked_key_is_refused_and_not_asked_about(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"@revoked {line(KEY)}")
    with pytest.raises(HostKeyError, match="REVOKED"):
        trusted_fingerprints(load([file]), OFFERED)


@pytest.mark.parametrize(("port", "name"), [(22, "h1"), (2222, "[h1]:2222")])
def test_an_accepted_key_is_remembered_under_the_name_that_ssh_keygen_removes(
    tmp_path: Path, port: int, name: str
) -> None:
    file = tmp_path / ".ssh" / "known_hosts"
    offered = replace(OFFERED, port=port)
    assert offered.lookup_name == name
    remember(file, offered)
    assert file.read_text().startswith(f"{name} ssh-ed25519 ")
    assert trusted_fingerprints(load([file]), offered)


def test_an_accepted_key_goes_on_a_line_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(line(OTHER, "h2").rstrip())
    remember(file, OFFERED)
    assert [entry.split()[0] for entry in file.read_text().splitlines()] == ["h2", "h1"]


def test_an_accepted_key_that_cannot_be_written_is_an_error_with_file_and_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = tmp_path / "file" / "known_hosts"
    with pytest.raises(HostKeyError, match=str(file)) as caught:
        remember(file, OFFERED)
    assert "UserKnownHostsFile" in caught.value.hint or "readable" in caught.value.hint


def test_a_file_that_keeps_nothing_ends_the_questions() -> None:
    with pytest.raises(HostKeyError, match="did not keep"):
        remember(Path("/dev/null"), OFFERED)
