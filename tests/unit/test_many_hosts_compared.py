"""Comparing many hosts: which questions reach libvirt, and what becomes of one that fails in the middle of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import libvirt
import pytest

from backends.capabilities.baseline import find_baseline
from backends.capabilities.compare import compare_hosts
from backends.errors import ActionError, LinkError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.errors import translated
from backends.model.comparison import Baseline, Comparison, Fit
from backends.model.fleet import FleetState, HostView
from backends.model.host import Driver, HostFacts, HostName, HostSpec, Reach

CAPABILITIES = """<capabilities><host><cpu><arch>x86_64</arch></cpu></host><guest><os_type>hvm</os_type>
<arch name='x86_64'><machine maxCpus='255'>pc-i440fx-7.2</machine><domain type='qemu'/></arch></guest></capabilities>"""
EMULATORS = """<domainCapabilities><domain>qemu</domain><arch>x86_64</arch><cpu><mode name='host-model' supported='yes'>
<model fallback='forbid'>EPYC</model><feature policy='require' name='{name}'/></mode></cpu></domainCapabilities>"""
DOMAIN = """<domain type='qemu'><os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>
<cpu mode='custom'><model>{model}</model></cpu></domain>"""


class Refusal(libvirt.libvirtError):  # type: ignore[misc]
    """An error as libvirt raises it."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.err = (code, libvirt.VIR_FROM_CPU, words, libvirt.VIR_ERR_ERROR, None, None, None, -1, -1)


@dataclass
class Domain:
    """A guest as libvirt's binding has it."""

    number: int
    model: str

    def UUIDString(self) -> str:  # noqa: N802 - libvirt's name
        return str(self.number)

    def name(self) -> str:
        return f"guest-{self.number}"

    def ID(self) -> int:  # noqa: N802 - libvirt's name
        return self.number

    def XMLDesc(self, flags: int) -> str:  # noqa: N802 - libvirt's name
        return DOMAIN.format(model=self.model)


@dataclass
class Host:
    """A supervisor, its session, its connection and libvirt itself, all in one; `asked` is what reached libvirt."""

    name: HostName
    domains: tuple[Domain, ...] = ()
    gives: frozenset[str] = frozenset()
    """Features beside those of any model."""
    baseline: str = ""
    """What it answers as common processor."""
    dies_at_comparison: bool = False
    asked: list[str] = field(default_factory=list)
    trouble: str = ""

    def current(self) -> Host:
        return self

    @property
    def connections(self) -> dict[str, Host]:
        return {"qemu": self}

    def connection(self, driver: str) -> Host:
        return self

    async def call(self, operation: str, work: Callable[[Any], Any]) -> Any:
        return work(self)

    async def call_aside(self, operation: str, work: Callable[[Any], Any], *, deadline_s: float) -> Any:
        if self.dies_at_comparison and operation == "compare processors":
            raise LinkError("no answer to keepalive messages", host=self.name)
        with translated(self.name, operation):
            return work(self)

    def getCapabilities(self) -> str:  # noqa: N802 - libvirt's name
        return CAPABILITIES

    def getDomainCapabilities(self, *asked: Any) -> str:  # noqa: N802 - libvirt's name
        if asked[2]:
            self.asked.append(f"machine {asked[2]}")
        return EMULATORS.format(name=min(self.gives, default="sse2"))

    def listAllDomains(self, flags: int) -> tuple[Domain, ...]:  # noqa: N802 - libvirt's name
        return self.domains

    def compareHypervisorCPU(self, *asked: Any) -> int:  # noqa: N802 - libvirt's name
        self.asked.append(f"cpu {asked[4]}")
        wanted = re.findall(r"policy=.require. name=.([\w-]+)", asked[4])
        lacking = [name for name in wanted if name not in self.gives]
        if lacking:
            words = f"Host CPU does not provide required features: {', '.join(lacking)}"
            raise Refusal(libvirt.VIR_ERR_CPU_INCOMPATIBLE, words)
        return int(libvirt.VIR_CPU_COMPARE_SUPERSET)

    def baselineHypervisorCPU(self, *asked: Any) -> str:  # noqa: N802 - libvirt's name
        if not self.baseline:
            raise Refusal(libvirt.VIR_ERR_OPERATION_FAILED, "CPU vendors do not match")
        return self.baseline


def state_of(*hosts: Host, libvirts: tuple[str, ...] = ()) -> FleetState:
    views = {}
    for host, version in zip(hosts, libvirts or ("9.0.0",) * len(hosts), strict=True):
        facts = HostFacts("", "", "x86_64", "", 1, 1, (Driver("qemu", "QEMU", version, "10.0.2"),))
        spec = HostSpec(host.name, Reach.LOCAL, "")
        views[host.name] = HostView(spec, cast(Any, SimpleNamespace()), facts=facts)
    return FleetState(hosts=views)


async def compared(*hosts: Host) -> Comparison:
    return await compare_hosts([cast(Supervisor, host) for host in hosts], state_of(*hosts))


async def common(*hosts: Host, libvirts: tuple[str, ...] = ()) -> Baseline:
    supervisors = [cast(Supervisor, host) for host in hosts]
    return await find_baseline(supervisors, state_of(*hosts, libvirts=libvirts))


async def test_a_host_is_asked_once_for_each_different_processor_however_many_guests_there_are() -> None:
    guests = tuple(Domain(number, "EPYC" if number % 2 else "qemu64") for number in range(200))
    gives = frozenset({"sse2"})
    hosts = [Host(HostName(f"h{number}"), guests, gives) for number in range(1, 5)]
    found = await compared(*hosts)
    assert len(found.fits) == 12 and {fit.fit for fit in found.fits} == {Fit.YES}
    assert {fit.fitting for fit in found.fits} == {200}
    for host in hosts:
        assert sorted(question[:3] for question in host.asked) == ["cpu", "cpu", "cpu", "mac"]


async def test_a_host_that_falls_silent_in_the_middle_is_left_out_and_the_rest_is_answered() -> None:
    gives = frozenset({"sse2"})
    hosts = [Host(HostName(name), (Domain(1, "EPYC"),), gives) for name in ("h1", "h2", "h3")]
    hosts[1].dies_at_comparison = True
    found = await compared(*hosts)
    assert found.hosts == ("h1", "h3")
    assert found.left_out == (("h2", "no answer to keepalive messages"),)
    assert [(fit.source, fit.destination) for fit in found.fits] == [("h1", "h3"), ("h3", "h1")]


BOTH = """<cpu mode='custom' match='exact'><model>EPYC</model><feature policy='require' name='aes'/>
<feature policy='require' name='fsrm'/></cpu>"""


async def test_what_one_host_lacks_is_switched_off_in_the_common_processor() -> None:
    rich = Host(HostName("h1"), gives=frozenset({"aes", "fsrm"}), baseline=BOTH)
    poor = Host(HostName("h2"), gives=frozenset({"aes"}), baseline=BOTH)
    found = await common(rich, poor)
    assert '<feature policy="disable" name="fsrm"/>' in found.xml.replace("'", '"')
    assert '<feature policy="require" name="aes"/>' in found.xml.replace("'", '"')


async def test_the_oldest_libvirt_is_asked_first_and_another_where_it_cannot() -> None:
    gives = frozenset({"aes", "fsrm"})
    newer = Host(HostName("h1"), gives=gives, baseline=BOTH.replace("EPYC", "EPYC-Rome"))
    older = Host(HostName("h2"), gives=gives, baseline=BOTH)
    assert (await common(newer, older, libvirts=("11.3.0", "9.0.0"))).model == "EPYC"
    older.baseline = ""
    assert (await common(newer, older, libvirts=("11.3.0", "9.0.0"))).model == "EPYC-Rome"


async def test_processors_of_different_makers_have_none_in_common_and_libvirts_reason_is_told() -> None:
    hosts = [Host(HostName(name), gives=frozenset({"aes"})) for name in ("h1", "h2")]
    with pytest.raises(ActionError, match="CPU vendors do not match") as caught:
        await common(*hosts)
    assert "one maker" in caught.value.hint
