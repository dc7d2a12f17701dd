"""What one emulator offers to guests of one machine type (formatdomaincaps.html). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from backends.hypervisor.known_elements import (
    attribute,
    elements,
    number,
    text_of,
    unknown_elements,
)
from backends.hypervisor.xml import parse
from backends.untrusted import clean

_KNOWN = {
    "": "path domain machine arch vcpu iothreads os cpu memoryBacking devices features",
    "os": "enum loader firmwareFeatures varstore",
    "os/enum": "value",
    "os/loader": "enum value",
    "os/loader/enum": "value",
    "os/firmwareFeatures": "enum",
    "os/firmwareFeatures/enum": "value",
    "cpu": "mode",
    "cpu/mode": "enum model vendor maxphysaddr feature blockers",
    "cpu/mode/enum": "value",
    "cpu/mode/blockers": "feature",
    "memoryBacking": "enum",
    "memoryBacking/enum": "value",
    "devices": "*",
    "devices/*": "enum",
    "devices/*/enum": "value",
    "features": "*",
    "features/*": "enum cbitpos reducedPhysBits maxGuests maxESGuests cpu0Id"
    " flc sgx1 sgx2 section_size sections defaults",
    "features/*/enum": "value",
    "features/*/sections": "section",
    "features/*/defaults": "*",
}
"""virDomainCapsFormat (src/conf/domain_capabilities.c) as of libvirt 11. New devices and features are kept by name."""


@dataclass(frozen=True, slots=True)
class Offered:
    """One kind of device or feature."""

    supported: bool | None = None
    """None: not told."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`backendModel` -> `emulator`, `passthrough`."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What else is said: `maxGuests` -> `509`."""

    def of(self, name: str) -> tuple[str, ...]:
        """The choices under this name; none where it is not supported."""
        return self.choices.get(name, ()) if self.supported is not False else ()


@dataclass(frozen=True, slots=True)
class CpuModelOffer:
    """One processor of libvirt's list."""

    name: str
    usable: bool | None
    """None: libvirt does not know, as on ppc64 and ARM."""
    vendor: str = ""
    canonical: str = ""
    blockers: tuple[str, ...] = ()
    """Features that it needs, and that guests cannot have here."""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class HostModel:
    """The processor that mode `host-model` gives."""

    model: str = ""
    vendor: str = ""
    required: tuple[str, ...] = ()
    """On top of the model."""
    disabled: tuple[str, ...] = ()
    """Of the model, and not to be had here."""


@dataclass(frozen=True, slots=True)
class DomainCapabilities:
    """The whole document. Safe to show."""

    emulator: str = ""
    kind: str = ""
    """libvirt's domain type: `kvm`, `qemu`, `xen`, `bhyve`."""
    arch: str = ""
    machine: str = ""
    max_vcpus: int | None = None
    iothreads: bool | None = None
    firmware: tuple[str, ...] | None = None
    """What libvirt picks by itself (`bios`, `efi`); None: this libvirt or driver does not tell."""
    loader: Offered = Offered()
    """Firmware that a definition names: `type` is `rom`, `pflash`."""
    secure_boot: bool | None = None
    cpu_modes: Mapping[str, Offered] = field(default_factory=dict)
    """`host-passthrough`, `host-model`, `maximum`, `custom`."""
    host_model: HostModel | None = None
    models: tuple[CpuModelOffer, ...] = ()
    """Of mode `custom`."""
    devices: Mapping[str, Offered] = field(default_factory=dict)
    features: Mapping[str, Offered] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    """Paths of elements that this program does not know."""

    def device(self, name: str) -> Offered:
        """What is said of `tpm`, `hostdev`, `filesystem`, `graphics`, ... ."""
        return self.devices.get(name, Offered())

    def feature(self, name: str) -> Offered:
        """What is said of `sev`, `sgx`, `hyperv`, `launchSecurity`, ... ."""
        return self.features.get(name, Offered())


def parse_domain_capabilities(xml: str) -> DomainCapabilities:
    """Any part may be missing, and new ones may be there. Raises ActionError for what is no XML."""
    root = parse(xml)
    firmware = root.find("os/enum[@name='firmware']")
    loader = _offered(root.find("os/loader"))
    return DomainCapabilities(
        emulator=text_of(root, "path"),
        kind=text_of(root, "domain"),
        arch=text_of(root, "arch"),
        machine=text_of(root, "machine"),
        max_vcpus=number(attribute(root.find("vcpu"), "max")),
        iothreads=_offered(root.find("iothreads")).supported,
        firmware=None if firmware is None else _values(firmware),
        loader=loader,
        secure_boot=_secure_boot(loader, _offered(root.find("os/firmwareFeatures"))),
        cpu_modes={attribute(mode, "name"): _offered(mode) for mode in root.iterfind("cpu/mode")},
        host_model=_host_model(root.find("cpu/mode[@name='host-model']")),
        models=tuple(_models(root.find("cpu/mode[@name='custom']"))),
        devices={clean(str(device.tag)): _offered(device) for device in elements(root.find("devices"))},
        features={clean(str(feature.tag)): _offered(feature) for feature in elements(root.find("features"))},
        unknown=unknown_elements(root, _KNOWN),
    )


def _values(enum: etree._Element) -> tuple[str, ...]:
    return tuple(text_of(value) for value in enum.iterfind("value"))


def _offered(element: etree._Element | None) -> Offered:
    if element is None:
        return Offered()
    supported = element.get("supported")
    return Offered(
        supported=None if supported is None else supported == "yes",
        choices={attribute(enum, "name"): _values(enum) for enum in element.iterfind("enum")},
        details={
            clean(str(child.tag)): text
            for child in elements(element)
            if child.tag not in ("enum", "value") and (text := text_of(child))
        },
    )


def _secure_boot(loader: Offered, firmware: Offered) -> bool | None:
    """By the newer words where they are there, else by those for the loader."""
    told = firmware.choices.get("secureBoot", loader.choices.get("secure"))
    return None if told is None else "yes" in told


def _host_model(mode: etree._Element | None) -> HostModel | None:
    if mode is None or mode.get("supported") != "yes":
        return None
    features = [(feature.get("policy"), attribute(feature, "name")) for feature in mode.iterfind("feature")]
    return HostModel(
        model=text_of(mode, "model"),
        vendor=text_of(mode, "vendor"),
        required=tuple(name for policy, name in features if policy in ("require", "force")),
        disabled=tuple(name for policy, name in features if policy in ("disable", "forbid")),
    )


def _models(mode: etree._Element | None) -> Iterator[CpuModelOffer]:
    if mode is None:
        return
    blockers = {
        blocked.get("model"): tuple(attribute(feature, "name") for feature in blocked.iterfind("feature"))
        for blocked in mode.iterfind("blockers")
    }
    for model in mode.iterfind("model"):
        yield CpuModelOffer(
            name=text_of(model),
            usable={"yes": True, "no": False}.get(model.get("usable", "")),
            vendor=attribute(model, "vendor"),
            canonical=attribute(model, "canonical"),
            blockers=blockers.get((model.text or "").strip(), ()),
            deprecated=model.get("deprecated") == "yes",
        )
