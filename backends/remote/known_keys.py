"""Host keys: which are known, what an unknown one is called, and how an accepted one is remembered."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import asyncssh

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


def files_of(options: asyncssh.SSHClientConnectionOptions) -> list[Path]:
    """The known_hosts files that the ssh configuration names; the first is where new keys go."""
    named = options.known_hosts
    files = [Path(str(name)).expanduser() for name in named] if isinstance(named, (list, tuple)) else []
    return files or [DEFAULT_FILE.expanduser()]


def load(files: list[Path]) -> bytes:
    """All of them as one, for asyncssh. Files that are missing or not ours to read count as empty."""
    parts = []
    for file in files:
        try:
            parts.append(file.read_bytes())
        except OSError:
            continue
    return b"\n".join(parts)


def trusted_fingerprints(known: bytes, offered: OfferedKey) -> tuple[str, ...]:
    """The keys that are known for this host; not empty means that the offered one is a change."""
    port = None if offered.port == SSH_PORT else offered.port
    try:
        keys, *_ = asyncssh.match_known_hosts(known, offered.host, offered.address, port)
    except (ValueError, asyncssh.Error):
        return ()
    return tuple(dict.fromkeys(f"{key.get_algorithm()} {key.get_fingerprint()}" for key in keys))


def remember(file: Path, offered: OfferedKey) -> None:
    """Append the key, as ssh itself would. Raises OSError."""
    name = offered.host if offered.port == SSH_PORT else f"[{offered.host}]:{offered.port}"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = f"{name} {offered.key.export_public_key().decode().strip()}\n"
    before = file.read_bytes() if file.exists() else b""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as stream:
        stream.write((b"\n" if before and not before.endswith(b"\n") else b"") + line.encode())
