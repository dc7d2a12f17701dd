"""Who can take whose guests: from what hosts answer to what an operator is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import libvirt
import pytest

from backends.capabilities.baseline import common_arch, common_kind
from backends.capabilities.fits import Answers, Way, fit_of, fit_of_all, new_guest, obstacles, question_of
from backends.capabilities.readings import DriverReading, HostReading
from backends.errors import ActionError
from backends.hypervisor.connection import Connection
from backends.hypervisor.cpu import (
    CpuComparison,
    CpuMatch,
    CpuNeeds,
    compare_cpus,
    cpu_needs,
    missing_features,
)
from backends.hypervisor.guest_needs import GuestNeeds, parse_needs
from backends.hypervisor.host_model import GivenCpu, parse_cpu, parse_host_model, without_features
from backends.hypervisor.host_offers import EmulatorOffer, HostOffers, Offer
from backends.migration.checks.destination import cpu_verdict
from backends.model.comparison import Fit, Hurdle
from backends.model.host import Driver, HostName
from backends.model.move import Verdict

# What libvirt says ------------------------------------------------------------------------------

# From libvirt's tests/domaincapsdata: qemu_7.2.0-tcg.x86_64.xml, shortened; the last line but two is as in
# qemu_10.0.0.x86_64.xml
EMULATED = """<domainCapabilities>
  <path>/usr/bin/qemu-system-x86_64</path><domain>qemu</domain><machine>pc-i440fx-7.2</machine><arch>x86_64</arch>
  <cpu>
    <mode name='host-passthrough' supported='no'/>
    <mode name='host-model' supported='yes'>
      <model fallback='forbid'>EPYC</model>
      <vendor>AMD</vendor>
      <feature policy='require' name='la57'/>
      <feature policy='disable' name='sha-ni'/>
      <maxphysaddr mode='passthrough' limit='64'/>
      <feature policy='require' name='invtsc'/>
    </mode>
    <mode name='custom' supported='yes'><model usable='yes' vendor='unknown'>486-v1</model></mode>
  </cpu>
</domainCapabilities>"""
# As there: libxl-xenfv.xml and qemu_11.0.0.aarch64.xml
WITHOUT_HOST_MODEL = """<domainCapabilities><domain>{kind}</domain><machine>m</machine><arch>{arch}</arch>
  <cpu><mode name='host-passthrough' supported='no'/><mode name='host-model' supported='no'/></cpu>
</domainCapabilities>"""


def test_the_processor_of_a_new_guest_is_read_without_what_stays_on_its_host() -> None:
    found = parse_host_model(EMULATED)
    assert (found.arch, found.kind, found.model, found.trouble) == ("x86_64", "qemu", "EPYC", "")
    assert found.xml.startswith('<cpu mode="custom" match="exact">')
    assert "sha-ni" in found.xml and "<vendor>AMD</vendor>" in found.xml
    assert "invtsc" not in found.xml and "maxphysaddr" not in found.xml
    assert parse_cpu(found.xml).features == {"la57"}, "sha-ni is switched off"


@pytest.mark.parametrize(("kind", "arch"), [("xen", "x86_64"), ("kvm", "aarch64")])
def test_a_host_without_a_host_model_says_so(kind: str, arch: str) -> None:
    found = parse_host_model(WITHOUT_HOST_MODEL.format(kind=kind, arch=arch))
    assert not found.xml
    assert found.trouble == f"libvirt there knows no host-model for {kind} on {arch}"


PREFIX = "the CPU is incompatible with host CPU: "


# The words of virCPUx86Compare and x86Compute, libvirt's src/cpu/cpu_x86.c; the last but one of virCPUx86UpdateLive
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (f"{PREFIX}Host CPU does not provide required features: sha-ni, fsrm", ("fsrm", "sha-ni")),
        (
            f"{PREFIX}Host CPU does not provide required features: rtm, hle; try using 'Haswell-noTSX' CPU model",
            ("hle", "rtm"),
        ),
        (f"{PREFIX}Host CPU provides forbidden features: svm", ()),
        (f"{PREFIX}host CPU vendor does not match required CPU vendor Intel", ()),
        (
            "operation failed: guest CPU doesn't match specification: extra features: ht, missing features: vaes,npt",
            ("npt", "vaes"),
        ),
        (f"{PREFIX}Host CPU does not provide required features: \x1b[2J, avx", ("avx",)),
        ("this function is not supported by the connection driver: virConnectCompareHypervisorCPU", ()),
    ],
)
def test_missing_features_are_named(words: str, names: tuple[str, ...]) -> None:
    assert missing_features(words) == names


def test_a_feature_is_switched_off_whether_it_was_named_before_or_not() -> None:
    xml = "<cpu><model>EPYC</model><feature policy='require' name='la57'/></cpu>"
    assert parse_cpu(without_features(xml, ["la57", "sha-ni"])).features == set()
    assert without_features(xml, ["la57", "sha-ni"]).count("<feature") == 2


DOMAIN = "<domain type='qemu'><os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>{cpu}</domain>"


def needs(cpu: str = "") -> GuestNeeds:
    return parse_needs(DOMAIN.format(cpu=cpu))


def test_guests_with_equal_processors_need_one_comparison_whatever_their_topology() -> None:
    cpu = "<cpu mode='custom'><model>EPYC</model>{rest}</cpu>"
    small = cpu.format(rest="<topology sockets='1' dies='1' cores='2' threads='1'/>")
    large = cpu.format(rest="<numa><cell id='0' cpus='0-7' memory='1048576'/></numa>")
    assert cpu_needs(DOMAIN.format(cpu=small)) == cpu_needs(DOMAIN.format(cpu=large))
    assert cpu_needs(DOMAIN.format(cpu=small)) != cpu_needs(DOMAIN.format(cpu=cpu.format(rest="<x/>")))


class Asked:
    """Counts the comparisons that reach libvirt."""

    def __init__(self) -> None:
        self.processors: list[str] = []

    def compareHypervisorCPU(self, *asked: Any) -> int:  # noqa: N802 - libvirt's name
        self.processors.append(asked[4])
        return int(libvirt.VIR_CPU_COMPARE_SUPERSET)

    async def call_aside(self, operation: str, work: Callable[[Any], Any], *, deadline_s: float) -> Any:
        return work(self)


async def test_many_guests_with_two_processors_are_compared_twice() -> None:
    asked = Asked()
    two = [CpuNeeds("x86_64", "qemu", "custom", f"<cpu><model>{name}</model></cpu>") for name in ("a", "b")]
    without = CpuNeeds("x86_64", "qemu", "", "")
    answers = await compare_cpus(cast(Connection, asked), [*two * 500, without])
    assert len(asked.processors) == 2
    assert {answer.match for answer in answers.values()} == {CpuMatch.FITS}


# Verdicts ---------------------------------------------------------------------------------------

MACHINES = frozenset({"pc-i440fx-7.2", "pc-i440fx-6.2"})
OFFERS = HostOffers({"x86_64": Offer(frozenset({"qemu"}), MACHINES)})
MODEL = parse_host_model(EMULATED)
QEMU = Driver("qemu", "QEMU", "9.0.0", "10.0.2")
LXC = Driver("lxc", "LXC", "9.0.0", "", migrates=False)
FITS = CpuComparison(CpuMatch.FITS)
LACKS = CpuComparison(CpuMatch.MISSING, f"{PREFIX}features: vaes, fsrm", ("fsrm", "vaes"))
KNOWN, UNKNOWN_THERE = EmulatorOffer(), EmulatorOffer(trouble="unsupported: pc-i440fx-7.2")


def host(
    name: str, *drivers: str, offers: HostOffers = OFFERS, model: GivenCpu = MODEL, trouble: str = ""
) -> HostReading:
    reading = DriverReading(offers, model, ())
    return HostReading(HostName(name), dict.fromkeys(drivers or ("qemu",), reading), trouble)


def way(
    guest: GuestNeeds,
    cpu: CpuComparison = FITS,
    machine: EmulatorOffer = KNOWN,
    *,
    there: HostReading | None = None,
    here: HostReading | None = None,
    facts: tuple[Driver | None, Driver | None] = (QEMU, QEMU),
    driver: str = "qemu",
) -> Way:
    question = question_of(guest)
    answers = Answers({guest.cpu: cpu}, {question: machine} if question else {})
    return Way(driver, here or host("h1"), there or host("h3"), *facts, answers)


PLAIN = needs("<cpu mode='custom'><model>qemu64</model></cpu>")


def test_a_guest_fits_where_nothing_is_against_it() -> None:
    assert obstacles(PLAIN, way(PLAIN)) == ()
    assert fit_of(()) is Fit.YES


def test_missing_features_are_told_by_name_and_as_the_check_before_a_move_tells_them() -> None:
    (found,) = obstacles(PLAIN, way(PLAIN, LACKS))
    assert found.words == "h3 does not give fsrm, vaes"
    assert (found.hurdle, found.certain, found.missing) == (Hurdle.CPU, True, ("fsrm", "vaes"))
    check = cpu_verdict(LACKS, "custom", "h3")
    assert (check.evidence, check.mend, check.verdict) == (found.words, found.mend, Verdict.REFUSE)
    assert fit_of([found]) is Fit.NO


def test_a_new_guest_is_judged_by_its_processor_and_not_by_a_machine_type() -> None:
    guest = new_guest(MODEL)
    (found,) = obstacles(guest, way(guest, LACKS))
    assert found.hurdle is Hurdle.CPU
    assert obstacles(guest, way(guest)) == ()


@pytest.mark.parametrize("mode", ["host-passthrough", "maximum"])
def test_a_guest_that_sees_the_physical_processor_is_a_doubt(mode: str) -> None:
    guest = needs(f"<cpu mode='{mode}'/>")
    (found,) = obstacles(guest, way(guest, CpuComparison(CpuMatch.HOST_MODEL, f"mode {mode}")))
    assert not found.certain and mode in found.words
    assert fit_of([found]) is Fit.UNKNOWN


def test_a_guest_that_is_off_and_takes_any_hosts_processor_fits_without_a_comparison() -> None:
    guest = replace(needs("<cpu mode='host-model'/>"), active=False)
    assert obstacles(guest, replace(way(guest), answers=Answers({}, {}))) != (), (
        "the machine type is asked for"
    )
    assert obstacles(guest, way(guest, LACKS)) == ()


def test_an_unknown_machine_type_is_a_certain_no_and_the_nearest_is_named() -> None:
    guest = replace(PLAIN, machine="pc-i440fx-10.0")
    trouble = EmulatorOffer(trouble="the machine 'pc-i440fx-10.0' is not supported by emulator")
    (found,) = obstacles(guest, way(guest, machine=trouble))
    assert found.hurdle is Hurdle.MACHINE and found.certain
    assert "nearest that it knows is pc-i440fx-7.2" in found.words


@pytest.mark.parametrize(
    ("guest", "hurdle", "word"),
    [
        (replace(PLAIN, arch="aarch64"), Hurdle.ARCH, "aarch64"),
        (replace(PLAIN, kind="kvm"), Hurdle.KIND, "kvm"),
    ],
)
def test_another_architecture_and_another_kind_are_told_apart(
    guest: GuestNeeds, hurdle: Hurdle, word: str
) -> None:
    (found,) = obstacles(guest, way(guest))
    assert (found.hurdle, found.certain) == (hurdle, True)
    assert word in found.words


def test_an_older_host_is_a_doubt_and_never_a_no() -> None:
    older = replace(QEMU, hypervisor_version="7.2.22")
    (found,) = obstacles(PLAIN, way(PLAIN, facts=(QEMU, older)))
    assert (found.hurdle, found.certain) == (Hurdle.VERSION, False)
    assert "7.2.22 on h3 is older" in found.words
    (untold,) = obstacles(PLAIN, way(PLAIN, facts=(QEMU, None)))
    assert not untold.certain


def test_what_is_certain_is_told_before_what_is_a_doubt() -> None:
    older = replace(QEMU, hypervisor_version="7.2.22")
    found = obstacles(PLAIN, way(PLAIN, LACKS, facts=(QEMU, older)))
    assert [obstacle.certain for obstacle in found] == [True, False]


def test_a_container_that_runs_cannot_be_taken_by_any_host() -> None:
    container = parse_needs("<domain type='lxc'><os><type>exe</type></os></domain>")
    hosts = {"here": host("h1", "lxc"), "there": host("h3", "lxc"), "facts": (LXC, LXC), "driver": "lxc"}
    (found,) = obstacles(container, way(container, **hosts))  # type: ignore[arg-type]
    assert (found.hurdle, found.certain) == (Hurdle.DRIVER, True)
    assert found.words == "libvirt's lxc driver on h1 and h3 has no migration"


def test_a_missing_driver_is_a_no_and_one_that_does_not_answer_a_doubt() -> None:
    (missing,) = obstacles(PLAIN, way(PLAIN, there=host("h3", "lxc")))
    assert missing.certain and missing.words == "h3 has no libvirt driver qemu"
    (silent,) = obstacles(PLAIN, way(PLAIN, there=host("h3", "lxc", trouble="permission denied")))
    assert not silent.certain and "permission denied" in silent.words


def test_libvirts_test_driver_is_no_evidence_of_anything() -> None:
    there = host("t2", "test")
    (found,) = obstacles(PLAIN, way(PLAIN, there=there, here=host("t1", "test"), driver="test"))
    assert fit_of([found]) is Fit.UNKNOWN and "test driver" in found.words


@pytest.mark.parametrize(
    ("fits", "together"),
    [
        ([Fit.YES, Fit.YES], Fit.YES),
        ([Fit.YES, Fit.NO], Fit.PART),
        ([Fit.YES, Fit.UNKNOWN], Fit.PART),
        ([Fit.NO, Fit.NO], Fit.NO),
        ([Fit.NO, Fit.UNKNOWN], Fit.UNKNOWN),
        ([Fit.UNKNOWN], Fit.UNKNOWN),
    ],
)
def test_a_host_fits_as_far_as_a_new_guest_and_those_of_today_do(fits: list[Fit], together: Fit) -> None:
    assert fit_of_all(fits) is together


# What hosts have in common ----------------------------------------------------------------------


def with_kinds(name: str, *kinds: str, arch: str = "x86_64") -> HostReading:
    offers = HostOffers({arch: Offer(frozenset(kinds), MACHINES)})
    return host(name, offers=offers, model=replace(MODEL, arch=arch, kind=kinds[0]))


def test_a_host_without_kvm_makes_the_set_an_emulated_one() -> None:
    assert common_kind([with_kinds("h1", "kvm", "qemu"), with_kinds("h2", "kvm", "qemu")]) == "kvm"
    assert common_kind([with_kinds("h1", "kvm", "qemu"), with_kinds("h2", "qemu")]) == "qemu"


def test_hosts_without_a_kind_in_common_are_told_with_what_each_has() -> None:
    with pytest.raises(ActionError, match=r"h1: kvm; h2: xen") as caught:
        common_kind([with_kinds("h1", "kvm"), with_kinds("h2", "xen")])
    assert caught.value.hint


def test_hosts_of_different_architectures_have_no_processor_in_common() -> None:
    with pytest.raises(ActionError, match=r"h1, h3: x86_64; h2: aarch64") as caught:
        common_arch([host("h1"), with_kinds("h2", "kvm", arch="aarch64"), host("h3")])
    assert "one architecture" in caught.value.hint


def test_a_driver_that_tells_no_processor_is_named() -> None:
    silent = GivenCpu(trouble="this function is not supported by the connection driver")
    with pytest.raises(ActionError, match="not supported") as caught:
        common_arch([host("t1", "test", model=silent)])
    assert caught.value.host == "t1"
