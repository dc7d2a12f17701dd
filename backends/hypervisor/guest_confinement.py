"""How libvirt keeps its guests apart: security models, and of each guest its labels and screens.

formatcaps.html (secmodel) and formatdomain.html (seclabel, graphics, launchSecurity). No password is asked for:
libvirt tells those only to who sets VIR_DOMAIN_XML_SECURE, which would carry them over the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from backends.errors import ActionError
from backends.hypervisor.connection import Connection
from backends.hypervisor.definition import read_definition
from backends.hypervisor.host_capabilities import SecurityModel, parse_capabilities
from backends.hypervisor.inventory import DEFINITIONS_DEADLINE_S
from backends.hypervisor.xml import parse
from backends.untrusted import clean

MANDATORY = ("selinux", "apparmor")
"""The models by which the kernel confines a process whatever its user may do."""
_OWNERSHIP = "dac"
"""The model of plain users and groups."""


@dataclass(frozen=True, slots=True)
class SecurityLabel:
    """What one model does with one guest. Texts are safe to show."""

    model: str
    """Empty: all of them."""
    kind: str
    """`dynamic`, `static`, or `none`: the guest is not confined."""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen as libvirt tells it. Texts are safe to show."""

    kind: str
    """`VNC`, `SPICE`, `RDP`."""
    addresses: tuple[str, ...]
    """On which it listens; none: on none, or on a unix socket."""


@dataclass(frozen=True, slots=True)
class GuestConfinement:
    """One guest, by its definition in force. Texts are safe to show."""

    uuid: str
    name: str
    active: bool
    labels: tuple[SecurityLabel, ...] = ()
    screens: tuple[Screen, ...] = ()
    launch_security: str = ""
    """`sev`, `sev-snp`, `tdx`, `s390-pv`; empty without."""
    secure_boot: bool = False
    """Does its firmware take signed loaders only (loader secure, or the feature secure-boot)?"""

    @property
    def uid(self) -> int | None:
        """As which user its process runs, as libvirt tells it; None where it does not."""
        found = (uid_of(label.label) for label in self.labels if label.model == _OWNERSHIP)
        return next((uid for uid in found if uid is not None), None)


@dataclass(frozen=True, slots=True)
class DriverConfinement:
    """One driver of one host, and all of its guests."""

    models: tuple[SecurityModel, ...]
    guests: tuple[GuestConfinement, ...] = ()
    unread: tuple[str, ...] = ()
    """Guests whose definitions could not be read, by name; safe to show."""

    @property
    def mandatory(self) -> tuple[str, ...]:
        """Those models that confine; empty: nothing but users and groups does."""
        return tuple(model.name for model in self.models if model.name in MANDATORY)

    @property
    def default_uid(self) -> int | None:
        """As which user a guest runs that says nothing else; None where libvirt does not tell."""
        return next((uid_of(model.default) for model in self.models if model.name == _OWNERSHIP), None)


async def read_confinement(connection: Connection) -> DriverConfinement:
    """One call on a lane, aside: a round trip a guest. Raises FerryError."""
    return await connection.call_aside("read security labels", _read, deadline_s=DEFINITIONS_DEADLINE_S)


def _read(conn: Any) -> DriverConfinement:
    models = parse_capabilities(conn.getCapabilities()).security
    found = [guest_or_name(domain) for domain in conn.listAllDomains(0)]
    guests = tuple(each for each in found if isinstance(each, GuestConfinement))
    return DriverConfinement(models, guests, tuple(each for each in found if isinstance(each, str)))


def guest_or_name(domain: Any) -> GuestConfinement | str | None:
    """On a lane. Its name where its definition cannot be read; None where it is gone meanwhile."""
    definition = read_definition(domain)
    if definition is None:
        return None
    try:
        return read_guest(definition.xml, active=domain.ID() >= 0)
    except ActionError:  # also for an empty one
        return clean(domain.name())


def read_guest(xml: str, *, active: bool) -> GuestConfinement:
    """Pure. Raises ActionError for what is no XML."""
    root = parse(xml)
    security = root.find("launchSecurity")
    return GuestConfinement(
        uuid=clean(root.findtext("uuid") or ""),
        name=clean(root.findtext("name") or ""),
        active=active,
        labels=tuple(_label(element) for element in root.iterfind("seclabel")),
        screens=tuple(_screens(root)),
        launch_security=clean(security.get("type", "")) if security is not None else "",
        secure_boot=_boots_securely(root),
    )


def _label(element: etree._Element) -> SecurityLabel:
    return SecurityLabel(
        clean(element.get("model", "")),
        clean(element.get("type", "")),
        clean(element.findtext("label") or ""),
    )


def _screens(root: etree._Element) -> Iterator[Screen]:
    """An old libvirt tells the address beside the type alone, and a new one in elements as well."""
    for element in root.iterfind("devices/graphics"):
        kind = element.get("type", "").upper()
        if kind not in ("VNC", "SPICE", "RDP"):
            continue  # sdl, egl-headless, dbus: nothing listens
        listens = element.findall("listen")
        found = [
            listen.get("address", "") for listen in listens if listen.get("type") in ("address", "network")
        ]
        if not listens:
            found = [element.get("listen", "")]
        yield Screen(kind, tuple(clean(address) for address in found if address))


def _boots_securely(root: etree._Element) -> bool:
    loader = root.find("os/loader")
    features = root.iterfind("os/firmware/feature")
    return (loader is not None and loader.get("secure") == "yes") or any(
        feature.get("name") == "secure-boot" and feature.get("enabled") == "yes" for feature in features
    )


def uid_of(label: str) -> int | None:
    """The user of a label of the model dac: `+UID:+GID`, or `UID:GID`; None for a name."""
    user = label.partition(":")[0].removeprefix("+")
    return int(user) if user.isascii() and user.isdigit() and len(user) < 11 else None
