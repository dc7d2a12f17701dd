"""Which kinds of guests a host takes, by what its drivers offer. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.hypervisor.driver_offer import EMULATED_KINDS, HARDWARE_KINDS, DriverOffer
from backends.hypervisor.host_capabilities import GuestForm
from backends.model.capability import GuestKind, KindSupport, Support

SOURCE = "libvirt capabilities: guest/os_type, guest/arch/domain"
_MOST_NAMED = 4
"""Architectures that are named; of more there is the number."""
_OS_TYPES = {
    "hvm": GuestKind.FULL,
    "xen": GuestKind.PARA,
    "xenpvh": GuestKind.PARA,
    "linux": GuestKind.PARA,
    "uml": GuestKind.PARA,
    "exe": GuestKind.CONTAINER,
}
"""formatcaps.html and virDomainOSType; `linux` is the old word for `xen`, and PowerVM's."""
_WHOSE = {
    GuestKind.FULL: "whole machines",
    GuestKind.PARA: "para-virtual guests (they are Xen's)",
    GuestKind.CONTAINER: "containers (they are those of LXC, OpenVZ and Virtuozzo)",
}


def kind_support(offers: Sequence[DriverOffer]) -> tuple[KindSupport, ...]:
    """One for each GuestKind, in its order. NO only where every driver has answered."""
    return tuple(_support(kind, offers) for kind in GuestKind)


def _support(kind: GuestKind, offers: Sequence[DriverOffer]) -> KindSupport:
    found = [(offer.driver, forms_of(kind, offer)) for offer in offers]
    taking = [(driver, forms) for driver, forms in found if forms]
    if taking:
        describe = _machines_in_words if kind is GuestKind.FULL else _forms_in_words
        detail = "; ".join(f"{driver}: {describe(forms)}" for driver, forms in taking)
        return KindSupport(kind, _how([form for _, forms in taking for form in forms], kind), detail, SOURCE)
    if silent := [offer for offer in offers if offer.trouble]:
        detail = "; ".join(f"{offer.driver}: {offer.trouble}" for offer in silent)
        return KindSupport(kind, Support.UNKNOWN, detail, SOURCE)
    if not offers:
        return KindSupport(kind, Support.UNKNOWN, "no libvirt answered")
    return KindSupport(kind, Support.NO, "; ".join(_why_not(kind, offer) for offer in offers), SOURCE)


def forms_of(kind: GuestKind, offer: DriverOffer) -> list[GuestForm]:
    """What the driver offers of this kind."""
    return [form for form in offer.capabilities.forms if _OS_TYPES.get(form.os_type) is kind]


def _how(forms: Sequence[GuestForm], kind: GuestKind) -> Support:
    """Drivers of old hypervisors do not say whether they need the extension; that is YES."""
    if kind is not GuestKind.FULL:
        return Support.YES
    kinds = {each for form in forms for each in form.kinds}
    if kinds.intersection(HARDWARE_KINDS):
        return Support.HARDWARE
    return Support.EMULATED if kinds <= set(EMULATED_KINDS) else Support.YES


def _why_not(kind: GuestKind, offer: DriverOffer) -> str:
    if not offer.capabilities.forms:
        return f"{offer.driver}: offers no guests at all"
    return f"{offer.driver}: offers no {_WHOSE[kind]}"


def _machines_in_words(forms: Sequence[GuestForm]) -> str:
    """`kvm (x86_64, i686), emulated (x86_64, i686, aarch64)`."""
    return ", ".join(_by_kind(forms))


def _by_kind(forms: Sequence[GuestForm]) -> Iterator[str]:
    kinds = dict.fromkeys(each for form in forms for each in form.kinds)
    for each in sorted(kinds, key=lambda one: (one in EMULATED_KINDS, one not in HARDWARE_KINDS)):
        archs = dict.fromkeys(form.arch for form in forms if each in form.kinds)
        word = {"qemu": "emulated", "test": "test (guests are pretended)"}.get(each, each)
        named = ", ".join(archs) if len(archs) <= _MOST_NAMED else f"{len(archs)} architectures"
        yield f"{word} ({named})" if each != "test" else word


def _forms_in_words(forms: Sequence[GuestForm]) -> str:
    """`PV (x86_64, i686), PVH (x86_64)`."""
    words: dict[str, dict[str, None]] = {}
    for form in forms:
        words.setdefault(_word(form), {})[form.arch] = None
    return ", ".join(f"{word} ({', '.join(archs)})" for word, archs in words.items())


def _word(form: GuestForm) -> str:
    """What operators call it."""
    if "test" in form.kinds:
        return "test, pretended"
    if form.os_type == "xenpvh" or any(machine.name == "xenpvh" for machine in form.machines):
        return "PVH"
    if form.os_type == "uml":
        return "user-mode Linux"
    if "xen" in form.kinds:
        return "PV"
    return ", ".join(form.kinds) or form.os_type
