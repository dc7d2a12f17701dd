"""What the checks of the two hosts make of their answers: good hosts are not troubled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.hypervisor.cpu import CpuComparison, CpuMatch
from backends.hypervisor.guest_needs import (
    GuestNeeds,
    Plug,
    parse_needs,
)
from backends.hypervisor.host_offers import EmulatorOffer, HostOffers, Offer
from backends.hypervisor.networks import NetworkState
from backends.migration.checks.destination import cpu_verdict, driver_verdicts, identity_verdict
from backends.migration.checks.machine import architecture_verdict, machine_verdict, nearest
from backends.migration.checks.networks import (
    Interface,
    interface_verdict,
    network_verdict,
    parse_interfaces,
)
from backends.migration.checks.pages import node_verdicts, pages_verdict, pin_verdicts
from backends.migration.checks.postcopy import Permission, permission_verdict
from backends.migration.checks.screens import listen_verdict
from backends.migration.checks.versions import numbers, versions_verdicts
from backends.model.host import Driver, HostFacts
from backends.model.move import MoveMode, Verdict
from backends.probes.qemu_conf import QemuConf
from backends.remote.shell import Answer

OK, NOTE, UNKNOWN, WARNING, REFUSE = Verdict
LIVE, PAUSED, SAVED, OFFLINE = MoveMode
GIB = 2**30
NOT_THERE = "No such file or directory"
NOTHING = parse_needs("<domain type='kvm'/>")

# The hosts --------------------------------------------------------------------------------------


def facts(name: str, uuid: str) -> HostFacts:
    return HostFacts(name, uuid, "x86_64", "", 2, GIB)


@pytest.mark.parametrize(
    ("source", "destination", "by_libvirt", "verdict"),
    [
        (facts("h1", "a"), facts("h2", "b"), True, OK),
        (facts("h1", "a"), facts("h2", "a"), True, REFUSE),
        (facts("h1", "a"), facts("h2", "a"), False, REFUSE),
        (facts("h", "a"), facts("h", "b"), True, REFUSE),
        (facts("h", "a"), facts("h", "b"), False, OK),
        (facts("h1", ""), facts("h2", ""), True, UNKNOWN),
        (None, facts("h2", "b"), True, UNKNOWN),
    ],
)
def test_one_host_under_two_names_is_found_out(
    source: HostFacts | None, destination: HostFacts | None, by_libvirt: bool, verdict: Verdict
) -> None:
    assert identity_verdict(source, destination, by_libvirt=by_libvirt).verdict is verdict


@pytest.mark.parametrize(
    ("mode", "name", "migrates", "verdict"),
    [
        (LIVE, "qemu", True, OK),
        (LIVE, "test", False, REFUSE),
        (PAUSED, "lxc", False, REFUSE),
        (SAVED, "test", False, OK),
        (SAVED, "lxc", False, REFUSE),
        (SAVED, "parallels", False, UNKNOWN),
        (OFFLINE, "lxc", False, OK),
    ],
)
def test_a_driver_is_asked_only_for_what_the_mode_needs(
    mode: MoveMode, name: str, migrates: bool, verdict: Verdict
) -> None:
    driver = Driver(name, name.upper(), "9.0.0", "", migrates)
    checks = driver_verdicts(mode, name, (("h1", driver), ("h2", driver)))
    assert {check.verdict for check in checks} == {verdict}


HERE = Driver("qemu", "QEMU", "9.0.0", "10.0.2")


@pytest.mark.parametrize(
    ("there", "id_", "verdict", "word"),
    [
        (HERE, "host.versions", OK, "10.0.2"),
        (replace(HERE, hypervisor_version="10.1.0"), "host.versions", OK, "10.1.0"),
        (replace(HERE, hypervisor_version="7.2.22"), "host.versions", WARNING, "QEMU 7.2.22 on h2 is older"),
        (replace(HERE, libvirt_version="8.9.1"), "host.versions", WARNING, "libvirt 8.9.1"),
        (replace(HERE, libvirt_version="10.0.0"), "host.versions", OK, "10.0.0"),
        (replace(HERE, hypervisor="Xen"), "host.hypervisor", REFUSE, "Xen"),
        (replace(HERE, hypervisor_version=""), "host.versions", OK, "9.0.0"),
    ],
)
def test_an_older_destination_warns_and_another_hypervisor_refuses(
    there: Driver, id_: str, verdict: Verdict, word: str
) -> None:
    (check,) = versions_verdicts(HERE, there, "h1", "h2")
    assert (check.id, check.verdict) == (id_, verdict)
    assert word in check.evidence


def test_versions_are_compared_as_numbers() -> None:
    assert numbers("9.10.0") > numbers("9.9.9")
    assert numbers("") == numbers("unknown") == ()


MACHINES = frozenset({"pc", "pc-i440fx-7.2", "pc-i440fx-6.2", "pc-q35-7.2", "pc-q35-10.0", "isapc"})
OFFERS = HostOffers(
    {"x86_64": Offer(frozenset({"qemu"}), MACHINES)}, frozenset({4, 2048}), frozenset({0}), frozenset({0, 1})
)
WANTS = replace(NOTHING, kind="qemu", arch="x86_64", machine="pc-i440fx-9.2", emulator="/usr/bin/q")


@pytest.mark.parametrize(
    ("machine", "trouble", "verdict", "word"),
    [
        ("pc-i440fx-7.2", "", OK, "known on h2"),
        (
            "pc-i440fx-9.2",
            "the machine 'pc-i440fx-9.2' is not supported",
            REFUSE,
            "nearest that it knows is pc-i440fx-7.2",
        ),
        ("virt-8.0", "machine 'virt-8.0' is not supported", REFUSE, "does not know virt-8.0"),
        ("virt-8.0", "permission denied", UNKNOWN, "permission denied"),
        ("pc-i440fx-7.2", f"Cannot check QEMU binary /usr/bin/q: {NOT_THERE}", REFUSE, "/usr/bin/q"),
        ("pc-i440fx-7.2", "something else", UNKNOWN, "something else"),
    ],
)
def test_a_machine_type_that_is_not_in_the_list_is_refused_with_the_nearest(
    machine: str, trouble: str, verdict: Verdict, word: str
) -> None:
    check = machine_verdict(replace(WANTS, machine=machine), OFFERS, EmulatorOffer(trouble), "h2")
    assert check.verdict is verdict
    assert word in check.evidence


@pytest.mark.parametrize(
    ("machine", "near"),
    [
        ("pc-q35-9.0", "pc-q35-7.2"),
        ("pc-q35-11.0", "pc-q35-10.0"),
        ("pc-q35-2.4", "pc-q35-7.2"),
        ("pc-i440fx-7.0", "pc-i440fx-6.2"),
        ("virt-9.0", ""),
    ],
)
def test_the_nearest_machine_is_of_the_same_family_and_not_newer_if_it_can_be(
    machine: str, near: str
) -> None:
    assert nearest(machine, MACHINES) == near


@pytest.mark.parametrize(
    ("needs", "word"),
    [
        (replace(WANTS, arch="aarch64"), "aarch64"),
        (replace(WANTS, kind="kvm"), "kvm"),
        (WANTS, None),
        (replace(WANTS, arch=""), None),
    ],
)
def test_a_host_without_the_architecture_or_without_kvm_is_refused(
    needs: GuestNeeds, word: str | None
) -> None:
    check = architecture_verdict(needs, OFFERS, "h2")
    assert (
        (check is None)
        if word is None
        else (check is not None and check.verdict is REFUSE and word in check.evidence)
    )


@pytest.mark.parametrize(
    ("wanted", "is_warned"),
    [(["10.0.0.1"], True), (["10.0.0.2"], False), (["::"], False), (["127.0.0.1"], False), ([], False)],
)
def test_a_screen_on_an_address_of_the_old_host_is_warned_of(wanted: list[str], is_warned: bool) -> None:
    check = listen_verdict(wanted, ["10.0.0.2", "fe80::1"], "h2")
    assert (check is not None and check.verdict is WARNING) is is_warned
    assert listen_verdict(wanted, [], "h2") is None, "a host that tells no addresses"


@pytest.mark.parametrize(
    ("match", "mode", "verdict"),
    [
        (CpuMatch.FITS, "custom", OK),
        (CpuMatch.MISSING, "custom", REFUSE),
        (CpuMatch.HOST_MODEL, "host-passthrough", WARNING),
        (CpuMatch.FITS, "host-model", NOTE),
        (CpuMatch.UNKNOWN, "custom", UNKNOWN),
    ],
)
def test_a_processor_is_refused_only_for_features_that_are_missing(
    match: CpuMatch, mode: str, verdict: Verdict
) -> None:
    check = cpu_verdict(CpuComparison(match, "avx512f"), mode, "h2")
    assert check.verdict is verdict
    if verdict is REFUSE:
        assert "avx512f" in check.evidence and check.mend


@pytest.mark.parametrize(
    ("size", "free", "verdict"),
    [(2048, 512, OK), (2048, 511, WARNING), (2048, None, UNKNOWN), (1048576, 1, REFUSE), (0, None, UNKNOWN)],
)
def test_huge_pages_are_counted_by_their_size(size: int, free: int | None, verdict: Verdict) -> None:
    assert pages_verdict(size, 1024 * 1024, free, OFFERS, "h2").verdict is verdict


def test_a_guest_bound_to_nodes_or_processors_that_are_not_there_is_refused() -> None:
    bound = replace(NOTHING, numa_nodes=frozenset({0, 1}), pinned_cpus=(frozenset({1, 9}), frozenset({8})))
    assert [check.verdict for check in node_verdicts(bound, OFFERS, "h2")] == [REFUSE]
    (pinned,) = pin_verdicts(bound, OFFERS, "h2")
    assert "8" in pinned.evidence and "9" not in pinned.evidence
    fits = replace(NOTHING, numa_nodes=frozenset({0}), pinned_cpus=(frozenset({1, 9}),))
    assert not [*node_verdicts(fits, OFFERS, "h2"), *pin_verdicts(fits, OFFERS, "h2")]


@pytest.mark.parametrize(
    ("permission", "conf", "qemu", "verdict"),
    [
        (Permission(True, False), QemuConf(True), (7, 2), OK),
        (Permission(False, True), QemuConf(True, user="root", namespaces=False), (10, 0), OK),
        (Permission(False, True), QemuConf(True, user="root", namespaces=False), (7, 2), UNKNOWN),
        (Permission(False, True), QemuConf(True, user="root"), (10, 0), UNKNOWN),
        (Permission(False, False), QemuConf(True, user="qemu"), (10, 0), UNKNOWN),
        (Permission(None, False), QemuConf(False), (), UNKNOWN),
    ],
)
def test_post_copy_is_a_doubt_where_no_permission_is_seen(
    permission: Permission, conf: QemuConf, qemu: tuple[int, ...], verdict: Verdict
) -> None:
    assert permission_verdict(permission, conf, qemu, "h2").verdict is verdict


# Networks ---------------------------------------------------------------------------------------

SYSFS = "/sys/class/net"


@pytest.mark.parametrize(
    ("out", "found"),
    [
        (f"{SYSFS}/lo/flags:0x9\n{SYSFS}/br0/flags:0x1003\n{SYSFS}/br0/bridge/stp_state:0\n", Interface.UP),
        (f"{SYSFS}/lo/flags:0x9\n{SYSFS}/br0/flags:0x1002\n{SYSFS}/br0/bridge/stp_state:0\n", Interface.DOWN),
        (f"{SYSFS}/lo/flags:0x9\n{SYSFS}/br0/flags:0x1003\n", Interface.NO_BRIDGE),
        (f"{SYSFS}/lo/flags:0x9\n", Interface.MISSING),
        ("", Interface.UNKNOWN),
    ],
)
def test_a_bridge_is_missing_only_if_the_host_lists_its_interfaces_without_it(
    out: str, found: Interface
) -> None:
    assert parse_interfaces(Answer(2, out, ""), ["br0"]) == {"br0": found}


@pytest.mark.parametrize(
    ("plug", "state", "verdict"),
    [
        (Plug("bridge", "br0"), Interface.UP, OK),
        (Plug("bridge", "br0"), Interface.MISSING, REFUSE),
        (Plug("bridge", "br0"), Interface.NO_BRIDGE, REFUSE),
        (Plug("bridge", "br0"), Interface.DOWN, WARNING),
        (Plug("bridge", "br0"), Interface.UNKNOWN, UNKNOWN),
        (Plug("bridge", "ovs", openvswitch=True), Interface.MISSING, UNKNOWN),
        (Plug("bridge", "ovs", openvswitch=True), Interface.NO_BRIDGE, OK),
        (Plug("direct", "eth1"), Interface.NO_BRIDGE, OK),
        (Plug("direct", "eth1"), Interface.MISSING, REFUSE),
    ],
)
def test_a_card_is_refused_only_where_it_could_not_be_plugged_in(
    plug: Plug, state: Interface, verdict: Verdict
) -> None:
    check = interface_verdict(plug, state, "h2")
    assert (check.id, check.verdict) == (f"net.{plug.name}", verdict)


@pytest.mark.parametrize(
    ("state", "verdict", "mend"),
    [
        (NetworkState.ACTIVE, OK, ""),
        (NetworkState.INACTIVE, REFUSE, "net-start lan"),
        (NetworkState.MISSING, REFUSE, "net-dumpxml lan"),
        (NetworkState.UNKNOWN, UNKNOWN, ""),
    ],
)
def test_a_network_must_be_there_and_active(state: NetworkState, verdict: Verdict, mend: str) -> None:
    check = network_verdict("lan", state, "h2")
    assert check.verdict is verdict and mend in check.mend
