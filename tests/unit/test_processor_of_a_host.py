"""A host's processor is named for what it is, on every architecture; what is not told is not made up."""

from __future__ import annotations

import pytest

from backends.model.capability import Fact
from backends.probes.survey.processor import processor_facts, span_count
from backends.probes.survey.readings import Readings
from tests.unit import processors
from tests.unit.processors import host

CPU = "/sys/devices/system/cpu"
NODE = "/sys/devices/system/node"


def facts(readings: Readings, machine: str) -> dict[str, Fact]:
    return {fact.id.removeprefix("processor."): fact for fact in processor_facts(readings, machine)}


@pytest.mark.parametrize(
    ("cpuinfo", "machine", "model", "vendor"),
    [
        (processors.XEON_E5_2670, "x86_64", "Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", "Intel"),
        (processors.EPYC_7502P, "x86_64", "AMD EPYC 7502P 32-Core Processor", "AMD"),
        (processors.XEON_NO_VT, "x86_64", "Intel(R) Xeon(TM) CPU 3.80GHz", "Intel"),
        (processors.ATHLON_XP, "i686", "AMD Athlon(TM) XP 2800+", "AMD"),
        (processors.XEN_L5420, "i686", "Intel(R) Xeon(R) CPU L5420 @ 2.50GHz", "Intel"),
        (processors.MOONSHOT, "aarch64", "X-Gene", "APM"),
        (processors.SNAPDRAGON, "aarch64", "Cortex-X1, Cortex-A78, Cortex-A55", "ARM"),
        (processors.RASPBERRY_PI, "armv6l", "ARM1176", "ARM"),
        (processors.POWER8, "ppc64le", "POWER8E (raw), altivec supported", "IBM"),
        (processors.POWER9_GUEST, "ppc64le", "POWER9 (architected), altivec supported", "IBM"),
        (processors.Z13, "s390x", "IBM z13 (2964)", "IBM"),
        (processors.RISCV_QEMU, "riscv64", "rv64imafdch_zicbom_zicboz_zihintpause_zbb_smaia_ssaia_sstc", ""),
        (processors.LOONGSON, "loongarch64", "Loongson-3A5000-HV", ""),
    ],
)
def test_the_processor_has_its_name(cpuinfo: str, machine: str, model: str, vendor: str) -> None:
    told = facts(host(cpuinfo), machine)
    assert (told["model"].value, told["vendor"].value) == (model, vendor)
    assert told["vendor"].known is bool(vendor)


def test_an_unknown_part_keeps_its_number() -> None:
    text = processors.MOONSHOT.replace("0x000", "0xfff").replace("0x50", "0x99")
    assert facts(host(text), "aarch64")["model"].value == "0x99 part 0xfff"


def test_features_that_matter_to_guests_come_first() -> None:
    told = facts(host(processors.XEON_E5_2670), "x86_64")["features"]
    assert told.number == len(processors.XEON_E5_2670.split("flags\t\t: ")[1].split("\n")[0].split())
    assert told.value.endswith("of which matter to guests: vmx ept vpid pae lm nx pdpe1gb x2apic aes")


def test_a_feature_of_some_cores_only_is_none_of_the_host() -> None:
    text = processors.MOONSHOT + "Features\t: fp asimd cpuid\n"
    assert facts(host(text), "aarch64")["features"].number == 3


@pytest.mark.parametrize(
    ("cpuinfo", "modes"),
    [
        (processors.XEON_E5_2670, "32-bit, PAE, 64-bit (long mode)"),
        (processors.CORE_DUO_T2400, "32-bit, PAE"),
        (processors.PENTIUM_M, "32-bit"),
    ],
)
def test_modes_are_told_apart(cpuinfo: str, modes: str) -> None:
    assert facts(host(cpuinfo), "i686")["modes"].value == modes


def test_addresses_are_as_wide_as_the_kernel_says() -> None:
    told = facts(host(processors.EPYC_7502P), "x86_64")["address_bits"]
    assert (told.value, told.number) == ("43 bits physical, 48 bits virtual", 43)
    old = facts(host(processors.CORE_DUO_T2400), "i686")["address_bits"]
    assert (old.value, old.number, old.known) == ("", None, False)


def test_cores_sockets_and_nodes_are_counted() -> None:
    files = {
        f"{CPU}/online": "0-127",
        "topology": "64 2",
        "processors": "4 2 1",
        f"{NODE}/node0/cpulist": "0-31,64-95",
        f"{NODE}/node1/cpulist": "32-63,96-127",
        f"{CPU}/smt/control": "on",
        f"{CPU}/smt/active": "1",
    }
    told = facts(host(processors.EPYC_7502P, files), "x86_64")
    assert [told[name].number for name in ("threads", "cores", "sockets", "numa")] == [128, 64, 2, 2]
    assert told["numa"].value == "2 nodes (node 0: 0-31,64-95; node 1: 32-63,96-127)"
    assert told["smt"].value == "on"


def test_an_old_kernel_without_topology_is_counted_by_its_cpuinfo() -> None:
    told = facts(host(processors.XEON_NO_VT, {"processors": "4 2 2", "topology": "0 0"}), "x86_64")
    assert [told[name].number for name in ("threads", "cores", "sockets")] == [4, 2, 2]
    assert told["cores"].source == "/proc/cpuinfo: core id"


@pytest.mark.parametrize(
    ("control", "active", "words"),
    [
        ("on", "0", "allowed, but no core has two threads on"),
        ("off", "0", "off"),
        ("forceoff", "0", "off, until the next start"),
        ("notsupported", "0", "the processor has none"),
        ("4", "1", "on, 4 threads of each core"),
    ],
)
def test_smt_is_told_in_words(control: str, active: str, words: str) -> None:
    readings = host(processors.POWER8, {f"{CPU}/smt/control": control, f"{CPU}/smt/active": active})
    assert facts(readings, "ppc64le")["smt"].value == words


def test_dom0_says_that_it_does_not_see_all_processors() -> None:
    files = {"/proc/xen/capabilities": "control_d", f"{CPU}/online": "0-1"}
    told = facts(host(processors.XEN_L5420, files), "i686")["threads"]
    assert told.value == "2 (of Xen's dom0; the machine may have more)"


def test_processors_with_different_microcode_are_noticed() -> None:
    text = processors.XEON_E5_2670 + "microcode\t: 0x714\n"
    assert facts(host(text), "x86_64")["microcode"].value == "0x718, 0x714: the processors differ"


def test_without_permission_each_fact_says_so() -> None:
    told = facts(host(denied=("/proc/cpuinfo",)), "x86_64")
    assert {told[name].trouble for name in ("model", "features", "microcode")} == {"permission denied"}
    assert "log in as root" in told["model"].mend


def test_nothing_told_is_nothing_known_on_any_architecture() -> None:
    for machine in ("x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "vax"):
        assert not any(fact.known for fact in processor_facts(host(), machine)), machine


def test_a_hostile_text_is_safe_to_show() -> None:
    text = processors.XEON_E5_2670.replace("Intel(R) Xeon(R)", "\x1b]52;c;AAAA\x07\u202eevil")
    assert facts(host(text), "x86_64")["model"].value.isprintable()


def test_spans_of_processors_are_counted() -> None:
    assert [span_count(text) for text in ("0", "0-3,8,10-11", "", "0-3,rubbish")] == [1, 7, 0, 4]
