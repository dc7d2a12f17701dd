"""Which widths of guests a host's processor allows, and how much memory each can address."""

from __future__ import annotations

import pytest

from backends.model.capability import GuestWidth
from backends.probes.survey.readings import Readings
from backends.probes.survey.widths import PAE, PLAIN, WIDE, widths
from tests.unit import processors
from tests.unit.processors import host

GIB = 1 << 30
NOTHING: frozenset[str] = frozenset()
BOTH = frozenset({"i686", "x86_64"})
XEN_CAPS = "/sys/hypervisor/properties/capabilities"


def of(
    readings: Readings,
    machine: str = "x86_64",
    features: frozenset[str] = NOTHING,
    archs: frozenset[str] = BOTH,
) -> dict[str, GuestWidth]:
    return {width.label: width for width in widths(readings, machine, features, archs)}


def test_a_processor_of_today_takes_all_three() -> None:
    found = of(host(processors.EPYC_7502P))
    assert [(width.allowed, width.memory_limit_bytes) for width in found.values()] == [
        (True, 4 * GIB),
        (True, 64 * GIB),
        (True, 1 << 43),
    ]
    assert "43 bits" in found[PAE].reason
    assert list(found) == [PLAIN, PAE, WIDE]


def test_a_pae_only_processor_takes_no_64_bit_guests_by_hardware() -> None:
    """The address sizes of a kernel before 2.6.27 are not told: PAE's first processors have 36 bits."""
    found = of(host(processors.CORE_DUO_T2400), "i686", archs=frozenset({"i686"}))
    assert (found[PAE].allowed, found[PAE].memory_limit_bytes) == (True, 64 * GIB)
    assert (found[WIDE].allowed, found[WIDE].memory_limit_bytes) == (False, None)
    assert "no long mode" in found[WIDE].reason


def test_emulated_64_bit_guests_are_called_emulated() -> None:
    found = of(host(processors.ATHLON_XP), "i686")
    assert found[WIDE].allowed is True
    assert "not by hardware" in found[WIDE].reason
    assert "emulated" in found[WIDE].reason


def test_a_processor_that_shows_no_pae_takes_plain_ones_only() -> None:
    found = of(host(processors.PENTIUM_M), "i686", archs=frozenset({"i686"}))
    assert [width.allowed for width in found.values()] == [True, False, False]
    assert "no pae flag" in found[PAE].reason


def test_a_32_bit_system_also_runs_in_a_64_bit_machine() -> None:
    found = of(host(processors.EPYC_7502P), archs=frozenset({"x86_64"}))
    assert (found[PLAIN].allowed, found[PAE].allowed) == (True, True)


def test_what_libvirt_does_not_offer_is_not_allowed() -> None:
    found = of(host(processors.EPYC_7502P), archs=frozenset({"i686"}))
    assert found[WIDE].allowed is False
    assert "libvirt offers no x86_64 guests" in found[WIDE].reason


@pytest.mark.parametrize(
    ("capabilities", "plain", "pae", "wide"),
    [
        ("xen-3.0-x86_64 xen-3.0-x86_32p hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ", True, True, True),
        ("xen-3.0-x86_32p ", False, True, False),
        ("xen-3.0-x86_32p hvm-3.0-x86_32 hvm-3.0-x86_32p ", True, True, False),
        ("xen-3.0-x86_32 ", True, False, False),
        ("xen-3.0-x86_64 xen-3.0-x86_32p ", False, True, True),
    ],
)
def test_a_para_virtual_guest_s_pae_must_be_xen_s(
    capabilities: str, plain: bool, pae: bool, wide: bool
) -> None:
    """xen_caps of Xen 4, of Xen 3.3 without and with VT, and of one built without PAE (libvirt, xen_hypervisor.c)."""
    dom0 = {"/proc/xen/capabilities": "control_d", XEN_CAPS: capabilities}
    found = of(host(processors.XEN_L5420, dom0), "i686", archs=NOTHING)
    assert [width.allowed for width in found.values()] == [plain, pae, wide]
    assert {width.source for width in found.values()} == {XEN_CAPS}


def test_a_32_bit_xen_on_a_64_bit_processor_says_that_the_processor_could() -> None:
    dom0 = {"/proc/xen/capabilities": "control_d", XEN_CAPS: "xen-3.0-x86_32p "}
    assert "the processor could" in of(host(processors.XEN_L5420, dom0), "i686")[WIDE].reason


def test_a_host_reached_by_libvirt_alone_is_judged_by_libvirt() -> None:
    found = of(host(), features=frozenset({"pae", "lm", "vmx"}))
    assert [width.allowed for width in found.values()] == [True, True, True]
    assert found[WIDE].memory_limit_bytes is None
    by_archs = of(host(), features=NOTHING)
    assert (by_archs[PAE].allowed, by_archs[WIDE].allowed) == (None, True)


def test_nothing_told_is_nothing_known() -> None:
    assert [width.allowed for width in of(host(), archs=NOTHING).values()] == [None, None, None]


@pytest.mark.parametrize(
    ("machine", "archs", "plain", "wide"),
    [
        ("aarch64", frozenset({"aarch64", "armv7l"}), True, True),
        ("s390x", frozenset({"s390x"}), False, True),
        ("ppc64le", NOTHING, None, None),
        ("riscv64", frozenset({"riscv64", "x86_64"}), False, True),
    ],
)
def test_elsewhere_pae_is_not_spoken_of(
    machine: str, archs: frozenset[str], plain: bool | None, wide: bool | None
) -> None:
    found = of(host(), machine, archs=archs)
    assert {label: width.allowed for label, width in found.items()} == {PLAIN: plain, WIDE: wide}
