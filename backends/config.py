"""The user's configuration: a TOML file, and hosts as they are typed on the command line."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Sequence
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
        """The hosts in the order of the file. Raises ConfigError, never for a configuration that `load_config` took."""
        return tuple(_spec(name, entry) for name, entry in self.hosts.items())


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
    _check_hosts(entries, where, text)
    return msgspec.structs.replace(config, hosts=entries)


def _spec(name: str, entry: HostEntry) -> HostSpec:
    return parse_host(
        entry.target or name,
        name=name,
        drivers=entry.drivers,
        ssh_config=entry.ssh_config,
        peer_uri=entry.peer_uri,
    )


def _check_hosts(entries: dict[str, HostEntry], where: Path, text: str) -> None:
    """Every host must be understood, and have a name of its own. Raises ConfigError with file, line and key."""
    specs: list[HostSpec] = []
    for name, entry in entries.items():
        keys = ["hosts", name, "peer_uri"]
        try:
            _check_peer_uri(entry.peer_uri)
            keys[2:] = ["drivers"]
            _check_drivers(entry.drivers)
            keys[2:] = ["target"] if entry.target else []
            specs.append(_spec(name, entry))
            require_unique(specs)
        except ConfigError as error:
            raise ConfigError(_at(where, text, keys, error.cause), hint=error.hint) from error


def require_unique(specs: Sequence[HostSpec]) -> None:
    """A name stands for one host. Raises ConfigError that names both hosts which share one."""
    seen: dict[HostName, HostSpec] = {}
    for spec in specs:
        if other := seen.get(spec.name):
            both = " and ".join(clean(one.target) or "this machine" for one in (other, spec))
            raise ConfigError(
                f"two hosts go by the name {spec.name}: {both}",
                hint="name each host once; tables [hosts.NAME] in the configuration give hosts other names",
            )
        seen[spec.name] = spec


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
    return _at(where, text, keys, message.partition(" - at ")[0])


def _at(where: Path, text: str, keys: list[str], message: str) -> str:
    line = _line_of(text, keys)
    place = f"{where}:{line}" if line else f"{where}"
    return clean(f"{place}: {'.'.join(keys)}: {message}", limit=1024)


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


_USER = r"(?:[\w.+\\-]+@)?"
_SSH_NAME = re.compile(rf"(?P<user>{_USER})(?P<host>[\w.-]+)(?P<port>:[0-9]{{1,5}})?")
_SSH_IPV6 = re.compile(rf"(?P<user>{_USER})\[(?P<host>[^\[\]]+)\](?P<port>:[0-9]{{1,5}})?")
_SSH_BARE_IPV6 = re.compile(rf"(?P<user>{_USER})(?P<host>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)")
_MAX_PORT = 65535
_SCHEME = re.compile(r"(?P<driver>[a-z]+)\+(?:ssh|libssh2?)", re.IGNORECASE)
_SYSTEM_PATHS = ("", "/", "/system")
_HARMLESS = ("no_tty",)
"""Parameters of https://libvirt.org/uri.html#ssh-transport that are as we do it anyway."""

_HOST_HINT = "give user@host, an ssh alias, a libvirt URI such as qemu+tcp://host/system, or local"


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
    target = _visible(text.strip(" \t\r\n"))
    _check_peer_uri(peer_uri)
    scheme, is_uri, rest = target.partition("://")
    if target in ("local", "localhost"):
        reach, target, shown = Reach.LOCAL, "", "local"
    elif is_uri and (over_ssh := _SCHEME.fullmatch(scheme)):
        reach, target = Reach.SSH, _ssh_uri_target(text, rest)
        drivers = drivers or (over_ssh["driver"].lower(),)
        shown = _short(target)
    elif is_uri:
        reach, shown = Reach.URI, _uri_name(target)
    else:
        reach, target = Reach.SSH, _ssh_target(target)
        shown = _short(target)
    _check_drivers(drivers)
    return HostSpec(
        name=HostName(clean(name or shown, limit=64)),
        reach=reach,
        target=target,
        drivers=drivers,
        ssh_config=ssh_config,
        peer_uri=peer_uri,
    )


def _visible(text: str) -> str:
    """The same text. Raises ConfigError where it holds what no terminal shows: it might not be what it seems."""
    if not text.isprintable():
        raise ConfigError(
            f"not a host: {clean(text)}: it has characters that cannot be seen", hint=_HOST_HINT
        )
    return text


def _ssh_target(text: str) -> str:
    """The target in the one form that HostSpec has: a bare IPv6 address gets its brackets. Raises ConfigError."""
    if not text.startswith("-"):
        bare = _SSH_BARE_IPV6.fullmatch(text)
        if bare and _is_ipv6(bare["host"]):
            return f"{bare['user']}[{bare['host']}]"
        bracketed = _SSH_IPV6.fullmatch(text)
        match = bracketed if bracketed and _is_ipv6(bracketed["host"]) else _SSH_NAME.fullmatch(text)
        if (
            match
            and not match["host"].startswith("-")
            and int((match["port"] or ":1")[1:]) in range(1, _MAX_PORT + 1)
        ):
            return text
    raise ConfigError(f"not a host: {clean(text)!r}", hint=_HOST_HINT)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _ssh_uri_target(text: str, rest: str) -> str:
    """`user@host:port` of `DRIVER+ssh://user@host:port/system`. Raises ConfigError for what SSH alone cannot keep.

    Such a URI is never handed to libvirt as it is: libvirt would start an ssh of its own, which asks on the terminal.
    """
    before, question, query = rest.partition("?")
    authority, slash, path = before.partition("/")
    if slash + path not in _SYSTEM_PATHS:
        raise ConfigError(
            f"{clean(text)}: only /system is reached over SSH, not /{clean(path)}",
            hint=f"{_WITHOUT_SSH}; /session belongs to the user on the host itself",
        )
    names = [part.partition("=")[0] for part in re.split(r"[&;]", query)] if question else []
    if dropped := [name for name in names if name not in _HARMLESS]:
        raise ConfigError(
            f"{clean(text)}: {', '.join(clean(name) for name in dropped)} would be ignored",
            hint=f"write it into ~/.ssh/config (IdentityFile, ProxyCommand, ...), or {_WITHOUT_SSH}",
        )
    return _ssh_target(authority)


_WITHOUT_SSH = "give a URI of another transport, such as qemu+tls://host/system"


def _check_peer_uri(uri: str | None) -> None:
    if uri is not None and not (uri.isprintable() and "://" in uri):
        raise ConfigError(f"not a libvirt URI: {clean(uri)!r}", hint="such as qemu+ssh://root@host/system")


def _check_drivers(drivers: tuple[str, ...]) -> None:
    for driver in drivers:
        if not re.fullmatch(r"[a-z]+", driver):
            raise ConfigError(f"not a libvirt driver: {clean(driver)!r}", hint="such as qemu, xen or lxc")


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
