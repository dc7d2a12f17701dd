"""What a driver offers, as facts for a host's page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from backends.hypervisor.domain_capabilities import DomainCapabilities, HostModel, Offered
from backends.hypervisor.driver_offer import EMULATED_KINDS, DriverOffer
from backends.hypervisor.host_capabilities import Capabilities, SecurityModel
from backends.hypervisor.offer_kinds import forms_of
from backends.model.capability import Fact, GuestKind, Section

_CAPABILITIES = "libvirt capabilities"
_EMULATOR = "libvirt domain capabilities"
_MOST_NAMED = 4
_DEVICES = (
    ("tpm", "backendModel", "TPM"),
    ("hostdev", "pciBackend", "PCI devices of the host"),
    ("filesystem", "driverType", "shared folders"),
    ("graphics", "type", "screens"),
)
"""Device, enum, and what it is called: those that decide whether a guest can live there."""
_PROTECTIONS = ("sev", "tdx", "sgx", "s390-pv")
_GUESTS_OF_SEV = (("maxGuests", "SEV guests"), ("maxESGuests", "SEV-ES guests"))
_MIB = 1 << 20


class _Facts:
    """Facts of one driver: `libvirt.qemu.guests`, with its name before each label."""

    def __init__(self, driver: str) -> None:
        self._driver = driver

    def known(
        self,
        id_: str,
        label: str,
        value: str,
        source: str,
        *,
        number: float | None = None,
        section: Section = Section.LIBVIRT,
    ) -> Fact:
        return Fact(self.id(id_), section, f"{self._driver}: {label}", value, source, number=number)

    def missing(self, id_: str, label: str, trouble: str, source: str, mend: str = "") -> Fact:
        return Fact(
            self.id(id_),
            Section.LIBVIRT,
            f"{self._driver}: {label}",
            source=source,
            trouble=trouble,
            mend=mend,
        )

    def id(self, id_: str) -> str:
        return f"libvirt.{self._driver}.{id_}"


def offer_facts(offer: DriverOffer) -> tuple[Fact, ...]:
    """What is not told at all makes one fact with the reason, not one for each thing that is missing."""
    facts = _Facts(offer.driver)
    if offer.trouble:
        return (facts.missing("guests", "guests", offer.trouble, _CAPABILITIES),)
    found = [*_guests(facts, offer), *_rules(facts, offer.capabilities), *_host(facts, offer.capabilities)]
    if offer.emulators:
        found += [*_processors(facts, offer.emulators[0]), *_machines(facts, offer)]
    elif forms_of(GuestKind.FULL, offer):  # a container has no processor of its own
        found.append(facts.missing("cpu_modes", "CPU modes", offer.emulators_trouble, _EMULATOR))
    if offer.unknown:
        source = f"{_CAPABILITIES}, {_EMULATOR}"
        words = ", ".join(offer.unknown)
        found.append(facts.known("unknown", "new to virt-ferry", words, source, number=len(offer.unknown)))
    return tuple(sorted(found, key=lambda fact: list(Section).index(fact.section)))


def _guests(facts: _Facts, offer: DriverOffer) -> Iterator[Fact]:
    if not offer.archs:
        yield facts.known("guests", "guests", "none", f"{_CAPABILITIES}: guest", number=0)
        return
    native = {arch: each for arch, each in offer.archs.items() if each.kinds - set(EMULATED_KINDS)}
    shown = native or {arch: each for arch, each in offer.archs.items() if arch == offer.arch}
    words = [f"{arch}: {', '.join(sorted(each.kinds))}" for arch, each in shown.items()]
    others = [arch for arch in offer.archs if arch not in shown]
    if others:
        named = ", ".join(others) if len(others) <= _MOST_NAMED else f"{len(others)} other architectures"
        words.append(f"{named}: emulated")
    yield facts.known(
        "guests", "guests", "; ".join(words), f"{_CAPABILITIES}: guest/arch", number=len(offer.archs)
    )
    forms = [form for form in offer.capabilities.forms if form.arch == offer.arch]
    machines = {machine.name: machine for form in forms for machine in form.machines}
    if machines:
        aliases = [f"{m.name} = {m.canonical}" for m in machines.values() if m.canonical]
        old = sum(machine.deprecated for machine in machines.values())
        count = f"{len(machines)} for {offer.arch}" + (f", {old} of them deprecated" if old else "")
        yield facts.known(
            "machines",
            "machine types",
            "; ".join([count, ", ".join(aliases)] if aliases else [count]),
            f"{_CAPABILITIES}: guest/arch/machine",
            number=len(machines),
        )


def _rules(facts: _Facts, told: Capabilities) -> Iterator[Fact]:
    models = "; ".join(_confinement(model) for model in told.security) or "none"
    yield facts.known("security", "confinement of guests", models, f"{_CAPABILITIES}: host/secmodel")
    source = f"{_CAPABILITIES}: host/migration_features"
    if not told.migrates:
        yield facts.known("migration", "moves between hosts", "none that this driver announces", source)
        return
    way = "live" if told.live else "not live"
    over = f", over {', '.join(told.transports)}" if told.transports else ""
    yield facts.known("migration", "moves between hosts", way + over, source)


def _confinement(model: SecurityModel) -> str:
    labels = dict.fromkeys(label for _, label in model.labels)
    return f"{model.name} ({', '.join(labels)})" if labels else model.name


def _host(facts: _Facts, told: Capabilities) -> Iterator[Fact]:
    """Of the machine below, as libvirt sees it. Other sources say more; their facts have other ids."""
    cpu, at = told.cpu, f"{_CAPABILITIES}: host"
    if cpu.model:
        extra = f", and {len(cpu.features)} features more" if cpu.features else ""
        model = f"{cpu.vendor} {cpu.model}".strip() + extra
        yield facts.known("cpu", "CPU model", model, f"{at}/cpu/model", section=Section.PROCESSOR)
    if cpu.switches:
        words = ", ".join(sorted(cpu.switches))
        yield facts.known("cpu_features", "CPU", words, f"{at}/cpu/features", section=Section.PROCESSOR)
    if cpu.microcode:
        yield facts.known(
            "microcode", "microcode", cpu.microcode, f"{at}/cpu/microcode", section=Section.PROCESSOR
        )
    if told.cells:
        yield from _memory(facts, told, f"{at}/topology")
    if cpu.page_kib:
        sizes = ", ".join(f"{size} KiB" for size in sorted(cpu.page_kib))
        yield facts.known("pages", "page sizes", sizes, f"{at}/cpu/pages", section=Section.MEMORY)
    if told.iommu is not None:
        words = "yes" if told.iommu else "no"
        yield facts.known("iommu", "IOMMU", words, f"{at}/iommu", section=Section.VIRTUALIZATION)
    if shared := _shared(told):
        yield facts.known(
            "resctrl", "shares of caches", shared, f"{at}/cache", section=Section.VIRTUALIZATION
        )
    if told.power:
        yield facts.known("power", "sleep", ", ".join(told.power), f"{at}/power_management")


def _memory(facts: _Facts, told: Capabilities, source: str) -> Iterator[Fact]:
    cores = {core for cell in told.cells for core in cell.cores}
    threads = len({cpu for cell in told.cells for cpu in cell.cpus})
    if cores:
        words = f"{_count(len({s for s, _, _ in cores}), 'socket')}, {_count(len(cores), 'core')}, "
        words += _count(threads, "thread")
        yield facts.known(
            "topology", "CPU topology", words, source, number=threads, section=Section.PROCESSOR
        )
    sizes = [cell.memory_bytes for cell in told.cells]
    told_sizes = ", ".join("size not told" if size is None else f"{size // _MIB} MiB" for size in sizes)
    yield facts.known(
        "numa",
        "NUMA nodes",
        f"{len(sizes)}: {told_sizes}",
        source,
        number=len(sizes),
        section=Section.MEMORY,
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _shared(told: Capabilities) -> str:
    levels = sorted({bank.level for bank in told.caches if bank.controlled})
    words = [f"level {level}" for level in levels]
    if told.bandwidth_nodes:
        words.append("memory bandwidth")
    if told.monitors:
        words.append(f"measured: {', '.join(told.monitors)}")
    return "; ".join(words)


def _processors(facts: _Facts, emulator: DomainCapabilities) -> Iterator[Fact]:
    source = f"{_EMULATOR} ({_which(emulator)}): cpu/mode"
    if emulator.cpu_modes:
        modes = [name for name, mode in emulator.cpu_modes.items() if mode.supported]
        yield facts.known("cpu_modes", "CPU modes", ", ".join(modes) or "none", source)
    if emulator.host_model:
        yield facts.known("host_model", "host-model", _model_in_words(emulator.host_model), source)
    if emulator.models:
        usable = [model for model in emulator.models if model.usable]
        unclear = sum(model.usable is None for model in emulator.models)
        words = f"{len(usable)} of {len(emulator.models)}"
        words += f", of {unclear} libvirt does not know" if unclear else ""
        yield facts.known("cpu_models", "usable CPU models", words, source, number=len(usable))
    if emulator.max_vcpus is not None:
        words = f"{emulator.max_vcpus}"
        yield facts.known(
            "vcpus", "most vCPUs of a guest", words, f"{_EMULATOR}: vcpu", number=emulator.max_vcpus
        )


def _which(emulator: DomainCapabilities) -> str:
    return " ".join(part for part in (emulator.arch, emulator.kind, emulator.machine) if part)


def _model_in_words(model: HostModel) -> str:
    words = f"{model.vendor} {model.model}".strip()
    if model.required:
        words += f" with {', '.join(model.required)}"
    return words + (f"; without {', '.join(model.disabled)}" if model.disabled else "")


def _machines(facts: _Facts, offer: DriverOffer) -> Iterator[Fact]:
    yield facts.known("firmware", "firmware", _firmware(offer.emulators), f"{_EMULATOR}: os")
    first = offer.emulators[0]
    if told := [
        _device(words, first.devices[name], enum) for name, enum, words in _DEVICES if name in first.devices
    ]:
        yield facts.known("devices", "devices", "; ".join(told), f"{_EMULATOR}: devices")
    if protections := _protections(offer.emulators):
        yield facts.known(
            "protection",
            "confidential guests",
            protections,
            f"{_EMULATOR}: features",
            section=Section.VIRTUALIZATION,
        )
    if hyperv := first.feature("hyperv").of("features"):
        yield facts.known("hyperv", "help for Windows", ", ".join(hyperv), f"{_EMULATOR}: features/hyperv")


def _firmware(emulators: Iterable[DomainCapabilities]) -> str:
    """All machine types together; secure boot is offered by some of them only."""
    emulators = tuple(emulators)
    told = [each.firmware for each in emulators if each.firmware is not None]
    chosen = dict.fromkeys(name for names in told for name in names)
    words = [{"efi": "UEFI", "bios": "BIOS"}.get(name, name) for name in chosen]
    if not words:
        loaders = dict.fromkeys(name for each in emulators for name in each.loader.of("type"))
        by_hand = f"a definition can name its own ({', '.join(loaders)})" if loaders else ""
        words = [by_hand or "not told"] if not told else ["libvirt finds none to choose", by_hand]
    secure = dict.fromkeys(each.machine or each.arch for each in emulators if each.secure_boot)
    if secure:
        words.append(f"secure boot: {', '.join(secure)}")
    return "; ".join(word for word in words if word)


def _device(words: str, device: Offered, enum: str) -> str:
    """A list that is there and empty is a no: no VFIO, no backend for a TPM."""
    if not device.supported:
        return f"{words}: no"
    return f"{words}: {', '.join(device.of(enum)) or ('no' if enum in device.choices else 'yes')}"


def _protections(emulators: Iterable[DomainCapabilities]) -> str:
    """`sev: no; tdx: yes`, with how many guests of AMD's; the newest word is launchSecurity's list."""
    told: dict[str, str] = {}
    for emulator in emulators:
        for name in _PROTECTIONS:
            offered = emulator.feature(name)
            if offered.supported is not None and not told.get(name, "").startswith("yes"):
                told[name] = f"yes{_limits(offered.details)}" if offered.supported else "no"
        for name in emulator.feature("launchSecurity").of("sectype"):
            told.setdefault(name, "yes")
    return "; ".join(f"{name}: {words}" for name, words in told.items())


def _limits(details: Mapping[str, str]) -> str:
    limits = [f"{details[name]} {words}" for name, words in _GUESTS_OF_SEV if name in details]
    return f" (at most {', '.join(limits)})" if limits else ""
