"""Host keys: which are known, what an unknown one is called, and how an accepted one is remembered."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from backends.errors import HostKeyError
from backends.untrusted import clean

SSH_PORT = 22
DEFAULT_FILE = Path("~/.ssh/known_hosts")


@dataclass(frozen=True, slots=True)
class OfferedKey:
    """The key that a host showed and that is not trusted (yet)."""

    host: str
    """As it is looked up in known_hosts: HostKeyAlias, or the name that was connected to."""
    address: str
    port: int
    key: asyncssh.SSHKey

    @property
    def kind(self) -> str:
        """`ssh-ed25519`, ..."""
        return self.key.get_algorithm()

    @property
    def fingerprint(self) -> str:
        """`SHA256:...` as ssh-keygen -l shows it."""
        return self.key.get_fingerprint()

    @property
    def lookup_name(self) -> str:
        """As known_hosts and `ssh-keygen -R` know the host: `[host]:port` for ports other than 22 (sshd(8))."""
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"


def files_of(options: asyncssh.SSHClientConnectionOptions) -> list[Path]:
    """The known_hosts files that the ssh configuration names; the first is where new keys go."""
    named = options.known_hosts
    files = [Path(str(name)).expanduser() for name in named] if isinstance(named, (list, tuple)) else []
    return files or [DEFAULT_FILE.expanduser()]


def load(files: list[Path]) -> bytes:
    """All of them as one, for asyncssh. A file that is not there counts as empty.

    Any other trouble with a file is a HostKeyError: the key that it holds may be the one that would betray an intruder.
    Never empty bytes, which asyncssh takes for "not given" and then reads ~/.ssh/known_hosts.
    """
    return b"\n".join([*(_read(file) for file in files), b""]) or b"\n"


def _read(file: Path) -> bytes:
    try:
        content = file.read_bytes()
        asyncssh.import_known_hosts(content.decode())
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _error(
            f"cannot read {_shown(file)}: {error.strerror or error}",
            "make the file readable for this account",
        ) from error
    except (ValueError, asyncssh.Error) as error:
        raise _error(
            f"{_shown(file)} is no known_hosts file: {clean(str(error))}", "mend or remove that line"
        ) from error
    return content


def trusted_fingerprints(known: bytes, offered: OfferedKey) -> tuple[str, ...]:
    """The keys that are known for this host; not empty means that the offered one is a change.

    Raises HostKeyError for a key that is marked as revoked, which no answer of a user can make good.
    """
    try:
        keys, _, revoked, *_ = _matches(known, offered)
    except (ValueError, asyncssh.Error) as error:
        raise _error(f"the known host keys cannot be compared: {clean(str(error))}") from error
    if offered.key in revoked:
        raise _error(f"the host key is marked as REVOKED: {offered.kind} {offered.fingerprint}")
    return tuple(dict.fromkeys(f"{key.get_algorithm()} {key.get_fingerprint()}" for key in keys))


def _matches(known: bytes, offered: OfferedKey) -> tuple[Sequence[Any], ...]:
    """Host keys, keys of authorities, revoked keys, and more."""
    port = None if offered.port == SSH_PORT else offered.port
    return asyncssh.match_known_hosts(known, offered.host, offered.address, port)


def remember(file: Path, offered: OfferedKey) -> None:
    """Append the key, as ssh itself would. Raises HostKeyError when the file does not hold it afterwards."""
    line = f"{offered.lookup_name} {offered.key.export_public_key().decode().strip()}\n"
    before = _read(file)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write((b"\n" if before and not before.endswith(b"\n") else b"") + line.encode())
    except OSError as error:
        raise _error(
            f"the accepted key cannot be written to {_shown(file)}: {error.strerror or error}", _WRITE_HINT
        ) from error
    if offered.key not in _matches(load([file]), offered)[0]:  # /dev/null takes everything and keeps nothing
        raise _error(f"{_shown(file)} did not keep the accepted key", _WRITE_HINT)


_WRITE_HINT = "make the file writable, or name another one: UserKnownHostsFile in ~/.ssh/config"


def _shown(file: Path) -> str:
    return clean(str(file), limit=1024)


def _error(cause: str, hint: str = "") -> HostKeyError:
    return HostKeyError(cause, operation="ssh host key", hint=hint)
