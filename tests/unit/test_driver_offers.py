"""From what the drivers of a host offer follows which guests it takes, and what its page says.

The forms are in tests/unit/capabilities/, whose README says where each comes from.
"""

from __future__ import annotations

import pytest

from backends.hypervisor.driver_offer import DriverOffer, emulator_questions
from backends.hypervisor.host_capabilities import parse_capabilities
from backends.hypervisor.offer_facts import offer_facts
from backends.hypervisor.offer_kinds import kind_support
from backends.model.capability import Fact, GuestKind, Section, Support
from tests.unit.capabilities import HOSTS, form, offer


def facts(of: DriverOffer) -> dict[str, Fact]:
    return {fact.id.removeprefix(f"libvirt.{of.driver}."): fact for fact in offer_facts(of)}


# Which guests a host takes


@pytest.mark.parametrize(
    ("host", "full", "para", "container"),
    [
        ("qemu-x86_64-kvm", Support.HARDWARE, Support.NO, Support.NO),
        ("qemu-x86_64-old", Support.HARDWARE, Support.YES, Support.NO),
        ("qemu-ppc64", Support.HARDWARE, Support.NO, Support.NO),
        ("qemu-s390x", Support.HARDWARE, Support.NO, Support.NO),
        ("qemu-aarch64", Support.HARDWARE, Support.NO, Support.NO),
        ("qemu-riscv64", Support.EMULATED, Support.NO, Support.NO),
        ("qemu-x86_64-resctrl", Support.NO, Support.NO, Support.NO),
        ("xen3-i686", Support.HARDWARE, Support.YES, Support.NO),
        ("xen3-x86_64-no-vt", Support.NO, Support.YES, Support.NO),
        ("xen4-x86_64", Support.HARDWARE, Support.YES, Support.NO),
        ("lxc-x86_64", Support.NO, Support.NO, Support.YES),
        ("bhyve-x86_64", Support.HARDWARE, Support.NO, Support.NO),
        ("vz-x86_64", Support.HARDWARE, Support.NO, Support.YES),
        ("esx-x86_64", Support.YES, Support.NO, Support.NO),
        ("test-i686", Support.YES, Support.YES, Support.NO),
    ],
)
def test_a_host_takes_the_kinds_of_guests_that_its_driver_offers(
    host: str, full: Support, para: Support, container: Support
) -> None:
    kinds = kind_support([offer(host)])
    assert [each.kind for each in kinds] == list(GuestKind)
    assert [each.support for each in kinds] == [full, para, container]
    assert all(each.detail for each in kinds)


def test_every_form_has_a_verdict_above() -> None:
    (mark,) = test_a_host_takes_the_kinds_of_guests_that_its_driver_offers.pytestmark  # type: ignore[attr-defined]
    assert sorted(case[0] for case in mark.args[1]) == HOSTS


def test_the_verdict_says_by_which_driver_and_form() -> None:
    full, para, _ = kind_support([offer("xen4-x86_64")])
    assert full.detail == "xen: xen (i686, x86_64)"
    assert para.detail == "xen: PV (x86_64), PVH (x86_64)"
    full, para, _ = kind_support([offer("qemu-x86_64-old")])
    assert full.detail == "qemu: kvm (x86_64), emulated (7 architectures), kqemu (x86_64)"
    assert para.detail == "qemu: kvm (x86_64)"


def test_two_drivers_of_one_host_are_taken_together() -> None:
    full, para, container = kind_support([offer("qemu-x86_64-kvm"), offer("lxc-x86_64")])
    assert (full.support, container.support) == (Support.HARDWARE, Support.YES)
    assert container.detail == "lxc: lxc (x86_64, i686)"
    assert para.detail.count("para-virtual") == 2, "each says that it has none"


def test_without_kvm_a_host_only_emulates() -> None:
    without = form("qemu-x86_64-kvm.xml").replace('<domain type="kvm"/>', "")
    (full, *_) = kind_support([DriverOffer("qemu", capabilities=parse_capabilities(without))])
    assert (full.support, full.detail) == (Support.EMULATED, "qemu: emulated (i686, x86_64)")


def test_nobody_who_answered_is_no_no() -> None:
    assert {each.support for each in kind_support([])} == {Support.UNKNOWN}
    silent = DriverOffer("lxc", trouble="access denied")
    full, para, container = kind_support([offer("qemu-x86_64-kvm"), silent])
    assert full.support is Support.HARDWARE
    assert (para.support, para.detail) == (Support.UNKNOWN, "lxc: access denied")
    assert container.support is Support.UNKNOWN


def test_the_drivers_guests_that_are_only_pretended_say_so() -> None:
    full, para, _ = kind_support([offer("test-i686")])
    assert "pretended" in full.detail and "pretended" in para.detail


# The facts of a host's page


def test_the_facts_of_a_kvm_host_read_as_an_operator_would_say_them() -> None:
    shown = facts(offer("qemu-x86_64-kvm", "qemu-x86_64-kvm"))
    assert shown["guests"].value == "i686: kvm, qemu; x86_64: kvm, qemu"
    assert shown["machines"].value == (
        "8 for x86_64, 1 of them deprecated; pc = pc-i440fx-7.2, q35 = pc-q35-7.2"
    )
    assert shown["migration"].value == "live, over tcp, rdma"
    assert shown["security"].value == "none; dac (+0:+0)"
    assert shown["topology"].value == "1 socket, 2 cores, 2 threads"
    assert shown["numa"].value == "1: 10073 MiB"
    assert shown["cpu_modes"].value == "host-passthrough, maximum, host-model, custom"
    assert shown["host_model"].value.startswith("Intel kvm64 with vme, ss, ")
    assert shown["host_model"].value.endswith("; without pni")
    assert (
        shown["firmware"].value == "libvirt finds none to choose; a definition can name its own (rom, pflash)"
    )
    assert "PCI devices of the host: no" in shown["devices"].value
    assert "unknown" not in shown
    assert all(fact.source.startswith("libvirt ") and fact.known for fact in shown.values())


def test_facts_come_by_section_and_each_once() -> None:
    found = offer_facts(offer("qemu-x86_64-kvm", "qemu-x86_64-kvm", "qemu-x86_64-tcg"))
    order = [list(Section).index(fact.section) for fact in found]
    assert order == sorted(order)
    assert len({fact.id for fact in found}) == len(found)


def test_secure_boot_names_the_machine_types_that_offer_it() -> None:
    shown = facts(offer("qemu-x86_64-kvm", "qemu-x86_64-kvm", "qemu-x86_64-sev"))
    assert shown["firmware"].value == "BIOS; UEFI; secure boot: pc-q35-10.0"
    assert shown["protection"].value == (
        "sev: yes (at most 59 SEV guests, 450 SEV-ES guests); sgx: no; tdx: no; sev-snp: yes"
    )


def test_a_container_has_no_processor_to_ask_for_but_a_machine_has() -> None:
    reason = "this function is not supported by the connection driver: virConnectGetDomainCapabilities"
    silent = DriverOffer("lxc", capabilities=offer("lxc-x86_64").capabilities, emulators_trouble=reason)
    assert "cpu_modes" not in facts(silent) and facts(silent)["guests"].value == "x86_64: lxc; i686: lxc"
    assert facts(silent)["migration"].value == "none that this driver announces"
    esx = DriverOffer("esx", capabilities=offer("esx-x86_64").capabilities, emulators_trouble=reason)
    assert (facts(esx)["cpu_modes"].value, facts(esx)["cpu_modes"].trouble) == ("", reason)


def test_a_driver_that_tells_nothing_makes_one_fact_with_the_reason() -> None:
    (fact,) = offer_facts(DriverOffer("qemu", trouble="access denied"))
    assert (fact.id, fact.trouble, fact.known) == ("libvirt.qemu.guests", "access denied", False)


def test_foreign_processors_are_counted_not_listed() -> None:
    assert facts(offer("qemu-x86_64-old"))["guests"].value == (
        "x86_64: kqemu, kvm, qemu; 6 other architectures: emulated"
    )


# What is asked of emulators


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("qemu-x86_64-kvm", [("x86_64", "kvm", ""), ("x86_64", "kvm", "q35"), ("i686", "kvm", "")]),
        ("qemu-x86_64-old", [("x86_64", "kvm", "")]),
        ("qemu-riscv64", [("riscv64", "qemu", "")]),
        (
            "xen4-x86_64",
            [
                ("x86_64", "xen", ""),
                ("x86_64", "xen", "xenfv"),
                ("x86_64", "xen", "xenpvh"),
                ("i686", "xen", ""),
            ],
        ),
        ("lxc-x86_64", [("x86_64", "lxc", "")]),
        ("qemu-x86_64-resctrl", []),
    ],
)
def test_only_emulators_of_the_hosts_own_processor_are_asked(
    host: str, asked: list[tuple[str, str, str]]
) -> None:
    questions = emulator_questions(offer(host).capabilities)
    assert [(each.arch, each.kind, each.machine) for each in questions] == asked
