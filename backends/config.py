"""The user's configuration: a TOML file, and hosts as they are typed on the command line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from platformdirs import user_config_path

from backends.errors import ConfigError
from backends.model.host import HostName, HostSpec, Reach
from backends.untrusted import clean

CONFIG_FILE = "config.toml"


class HostEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[hosts.NAME]` table."""

    target: str = ""
    """What would be typed on the command line; the table's own name when empty."""
    drivers: tuple[str, ...] = ()
    ssh_config: str | None = None
    peer_uri: str | None = None


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Every key may be left out."""

    hosts: dict[str, HostEntry] = {}
    theme: str = "ferry-dark"
    glyphs: Literal["auto", "unicode", "ascii"] = "auto"
    read_only: bool = False
    keys: dict[str, str] = {}
    """Action id -> keys, comma separated, in the place of the usual ones."""

    def specs(self) -> tuple[HostSpec, ...]:
        """The hosts in the order of the file. Raises ConfigError for a target that cannot be understood."""
        return tuple(
            parse_host(
                entry.target or name,
                name=name,
                drivers=entry.drivers,
                ssh_config=entry.ssh_config,
                peer_uri=entry.peer_uri,
            )
            for name, entry in self.hosts.items()
        )


def default_path() -> Path:
    """Where the file is looked for when the user names none."""
    return user_config_path("virt-ferry") / CONFIG_FILE


def load_config(path: Path | None = None) -> Config:
    """Read the file; the defaults when there is none and none was named. Raises ConfigError."""
    where = path or default_path()
    try:
        text = where.read_text(encoding="utf-8")
    except FileNotFoundError:
        if path is None:
            return Config()
        raise ConfigError(
            f"{where}: no such file", hint="leave out --config to use the built-in defaults"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: {error}") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{where}: {error}", hint="the file is TOML: key = value, text in quotes"
        ) from error
    hosts = document.pop("hosts", {})
    config = _converted(document, Config, where, text)
    tables = _converted(hosts, dict[str, dict[str, Any]], where, text, "hosts")
    entries = {
        name: _converted(table, HostEntry, where, text, "hosts", name) for name, table in tables.items()
    }
    return msgspec.structs.replace(config, hosts=entries)


T = TypeVar("T")


def _converted(value: object, kind: type[T], where: Path, text: str, *parents: str) -> T:
    """`value` as `kind`; an error is told with the line where its key stands."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_located(where, text, parents, str(error))) from error


def _located(where: Path, text: str, parents: tuple[str, ...], message: str) -> str:
    """msgspec names the key (``... - at `$.target` ``): say it in full, with its line."""
    path = re.search(r" - at `\$\.?([^`]*)`", message)
    unknown = re.search(r"unknown field `([^`]*)`", message)
    keys = [*parents, *([path[1]] if path and path[1] else []), *([unknown[1]] if unknown else [])]
    line = _line_of(text, keys)
    place = f"{where}:{line}" if line else f"{where}"
    return f"{place}: {'.'.join(keys)}: {message.partition(' - at ')[0]}"


def _line_of(text: str, keys: list[str]) -> int | None:
    """The first line that opens the innermost key, searched below the tables that lead to it."""
    number = None
    start = 0
    lines = text.splitlines()
    for depth, key in enumerate(keys, start=1):
        table = r"\s*\.\s*".join(_written(k) for k in keys[:depth])
        pattern = re.compile(rf"\s*\[+\s*{table}\s*\]+|\s*{_written(key)}\s*[=.]")
        for index in range(start, len(lines)):
            if pattern.match(lines[index]):
                number, start = index + 1, index
                break
    return number


def _written(key: str) -> str:
    """A pattern for a key as TOML lets one write it: bare or in quotes."""
    return rf"[\"']?{re.escape(key)}[\"']?"


_SSH_TARGET = re.compile(r"^(?:[\w.+\\-]+@)?(?:[\w.-]+|\[[0-9A-Fa-f:.%\w]+\])(?::\d{1,5})?$")
_LIBVIRT_SSH = re.compile(r"^(?P<driver>[a-z]+)\+(?:ssh|libssh2?)://(?P<target>[^/?]+)/(?:system)?(?:\?.*)?$")


def parse_host(
    text: str,
    *,
    name: str | None = None,
    drivers: tuple[str, ...] = (),
    ssh_config: str | None = None,
    peer_uri: str | None = None,
) -> HostSpec:
    """Understand one host as a user types it.

    `local` is this machine; `user@host:port` or an alias of ~/.ssh/config goes over SSH, and so does `qemu+ssh://host/system`;
    anything else with a scheme is a plain libvirt URI. Raises ConfigError.
    """
    target = text.strip()
    libvirt_ssh = _LIBVIRT_SSH.match(target)
    if target in ("local", "localhost"):
        reach, target, shown = Reach.LOCAL, "", "local"
    elif libvirt_ssh:
        reach, target = Reach.SSH, libvirt_ssh["target"]
        drivers = drivers or (libvirt_ssh["driver"],)
        shown = _short(target)
    elif "://" in target:
        reach, shown = Reach.URI, _uri_name(target)
    elif _SSH_TARGET.match(target) and not target.startswith("-"):
        reach, shown = Reach.SSH, _short(target)
    else:
        raise ConfigError(
            f"not a host: {clean(text)!r}",
            hint="give user@host, an ssh alias, a libvirt URI such as qemu+tcp://host/system, or local",
        )
    return HostSpec(
        name=HostName(clean(name or shown, limit=64)),
        reach=reach,
        target=target,
        drivers=drivers,
        ssh_config=ssh_config,
        peer_uri=peer_uri,
    )


def _short(target: str) -> str:
    """`root@h1.example:2222` -> `h1.example`, as users speak of a host."""
    return re.sub(r":\d+$", "", target.rpartition("@")[2]).strip("[]")


def _uri_name(uri: str) -> str:
    """`qemu+tcp://h1/system` -> `h1`; a URI without a host goes by its scheme and path."""
    scheme, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    if authority:
        return _short(authority)
    leaf = path.split("?")[0].rstrip("/").rpartition("/")[2].removesuffix(".xml")
    return f"{scheme}-{leaf}" if leaf else scheme
