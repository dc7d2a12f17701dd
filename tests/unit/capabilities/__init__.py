"""What libvirt says of hosts of all kinds, in files; README.md says where each comes from."""

from __future__ import annotations

from pathlib import Path

from backends.hypervisor.domain_capabilities import DomainCapabilities, parse_domain_capabilities
from backends.hypervisor.driver_offer import DriverOffer
from backends.hypervisor.host_capabilities import parse_capabilities

_FOLDER = Path(__file__).parent
DOMAIN = ".domain.xml"
_NAMES = sorted(path.name for path in _FOLDER.glob("*.xml"))
HOSTS = [name.removesuffix(".xml") for name in _NAMES if not name.endswith(DOMAIN)]
EMULATORS = [name.removesuffix(DOMAIN) for name in _NAMES if name.endswith(DOMAIN)]


def form(name: str) -> str:
    """The text of one file."""
    return (_FOLDER / name).read_text()


def emulator(name: str) -> DomainCapabilities:
    """What an emulator says."""
    return parse_domain_capabilities(form(f"{name}{DOMAIN}"))


def offer(name: str, *emulators: str) -> DriverOffer:
    """What the driver of a host says; the driver is the name up to the dash: `xen4-x86_64` is Xen's."""
    driver = name.partition("-")[0].rstrip("34")
    told = parse_capabilities(form(f"{name}.xml"))
    return DriverOffer(driver, driver, told, tuple(emulator(each) for each in emulators))
