"""The processes of guests: as whom each QEMU runs, how it is confined, and on which addresses it shows a screen.

From /proc/PID (proc(5)) and from QEMU's own arguments (qemu(1), -vnc and -spice), which libvirt writes without any
password: those it hands over by the monitor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backends.probes.survey.question import whole
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMESPACE = re.compile(r"^(?P<path>/proc/\d+/ns/mnt) -> (?P<id>mnt:\[\d+\])$", re.MULTILINE)
_ON = ("", "on", "yes", "true")
_FIRST_VNC_PORT = 5900
"""VNC's display 0 (qemu(1))."""


@dataclass(frozen=True, slots=True)
class ServedScreen:
    """One screen that a QEMU serves. Texts are safe to show."""

    kind: str
    """`VNC` or `SPICE`."""
    address: str
    """As QEMU was told; empty: every address of the host. Of no meaning for a unix socket."""
    port: str
    is_socket: bool = False
    """A unix socket, which no other machine reaches."""
    password: bool = False
    encrypted: bool = False
    """By TLS, all of it."""
    sasl: bool = False


@dataclass(frozen=True, slots=True)
class GuestProcess:
    """One guest's QEMU. None: not told to this account."""

    pid: int
    uid: int | None = None
    seccomp: int | None = None
    """2: filtered (proc(5): Seccomp)."""
    label: str | None = None
    """Of SELinux or AppArmor, as the kernel tells it; safe to show. Empty: neither is there."""
    own_mounts: bool | None = None
    """Has it a mount namespace of its own?"""
    screens: tuple[ServedScreen, ...] = ()


def guest_processes(readings: Readings) -> Mapping[str, GuestProcess]:
    """By the guest's UUID. Pure."""
    mounts = {match["path"]: match["id"] for match in _NAMESPACE.finditer(readings.text("namespaces"))}
    found = {}
    for name, reading in readings.under("guest ").items():
        pid = whole(name.partition(" ")[2])
        arguments = [line.partition(" ")[::2] for line in reading.text.splitlines()]
        uuid = next((value for option, value in arguments if option == "-uuid"), "")
        if not _UUID.fullmatch(uuid) or pid is None:
            continue
        status = readings.text("status")
        label = readings.reading(f"label {pid}")
        init, own = mounts.get("/proc/1/ns/mnt"), mounts.get(f"/proc/{pid}/ns/mnt")
        found[uuid] = GuestProcess(
            pid=pid,
            uid=_number(status, pid, "Uid"),
            seccomp=_number(status, pid, "Seccomp"),
            label=clean(label.text.strip()) if label.gap is None else None,
            own_mounts=init != own if init and own else None,
            screens=tuple(_screens(arguments)),
        )
    return found


def _number(status: str, pid: int, name: str) -> int | None:
    """The first: of the four `Uid`s the real one."""
    match = re.search(rf"^/proc/{pid}/status:{name}:\s+(\d{{1,10}})\b", status, re.MULTILINE)
    return int(match[1]) if match else None


def _screens(arguments: list[tuple[str, str]]) -> Iterator[ServedScreen]:
    for option, value in arguments:
        if option == "-vnc" and (screen := vnc_screen(value)):
            yield screen
        if option == "-spice" and (screen := spice_screen(value)):
            yield screen


def vnc_screen(argument: str) -> ServedScreen | None:
    """Pure. `ADDRESS:DISPLAY,OPTIONS`; None for one that does not listen."""
    head, *rest = _parts(argument)
    options = _options(rest)
    place = head.removeprefix("vnc=")
    if place == "none" or _is_on(options, "reverse"):
        return None
    address, _, display = place.rpartition(":")
    port = str(_FIRST_VNC_PORT + int(display)) if re.fullmatch(r"\d{1,5}", display) else ""
    return ServedScreen(
        "VNC",
        clean(address.strip("[]")),
        port,
        is_socket=place.startswith("unix:"),
        password=_is_on(options, "password") or "password-secret" in options,
        encrypted="tls-creds" in options or _is_on(options, "tls"),
        sasl=_is_on(options, "sasl"),
    )


def spice_screen(argument: str) -> ServedScreen | None:
    """Pure. None for one that does not listen. Without `disable-ticketing`, whoever connects needs a password."""
    parts = _parts(argument)
    options = _options(parts)
    plain, tls = (options.get(name, "").strip("0") and options[name] for name in ("port", "tls-port"))
    is_socket = _is_on(options, "unix")
    if not (plain or tls or is_socket):
        return None
    every_channel = "tls-channel=default" in parts and not any(
        p.startswith("plaintext-channel=") for p in parts
    )
    return ServedScreen(
        "SPICE",
        clean(options.get("addr", "").strip("[]")),
        clean("/".join(filter(None, (plain, tls))), limit=16),
        is_socket=is_socket,
        password=not _is_on(options, "disable-ticketing"),
        encrypted=bool(tls) and (not plain or every_channel),
        sasl=_is_on(options, "sasl"),
    )


def _parts(argument: str) -> list[str]:
    """QEMU doubles a comma that is meant as such."""
    return [part.replace("\0", ",") for part in argument.replace(",,", "\0").split(",")]


def _options(parts: list[str]) -> Mapping[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in parts)}


def _is_on(options: Mapping[str, str], name: str) -> bool:
    return options.get(name, "off") in _ON
