"""What is thought of the way between two hosts: closed only if the network says so."""

from __future__ import annotations

import pytest

from backends.migration.checks.clock import skew_verdict
from backends.migration.checks.files import Presence, Room
from backends.migration.checks.locks import locks_verdict
from backends.migration.checks.mtu import Side, links, mtu_verdict, side_of_address, side_of_route
from backends.migration.checks.ports import Attempt, Way, best, judge, openness_verdict, ports_verdict
from backends.migration.checks.state_files import files_verdict, room_verdict
from backends.model.move import Verdict
from backends.probes.clock import Reading
from backends.probes.qemu_conf import FIRST_PORT, LAST_PORT, QemuConf, parse
from backends.remote.shell import Answer

OK, NOTE, UNKNOWN, WARNING, REFUSE = Verdict
NOT_THERE = "No such file or directory"


@pytest.mark.parametrize(
    ("answer", "way"),
    [
        (Answer(0, "", ""), Way.OPEN),
        (
            Answer(1, "", "bash: connect: Connection refused\nbash: /dev/tcp/h2/49152: Connection refused\n"),
            Way.REFUSED,
        ),
        (
            Answer(1, "", "bash: connect: No route to host\nbash: /dev/tcp/h2/49152: No route to host\n"),
            Way.PROHIBITED,
        ),
        (
            Answer(1, "", "bash: connect: Permission denied\nbash: /dev/tcp/h2/1: Permission denied\n"),
            Way.PROHIBITED,
        ),
        (Answer(124, "", ""), Way.SILENT),
        (
            Answer(1, "", "bash: h2: Name or service not known\nbash: /dev/tcp/h2/1: Invalid argument\n"),
            Way.NO_NAME,
        ),
        (Answer(127, "", "env: 'timeout': No such file or directory\n"), Way.UNKNOWN),
        (Answer(1, "", f"bash: /dev/tcp/h2/1: {NOT_THERE}\n"), Way.UNKNOWN),
    ],
)
def test_a_port_is_closed_only_if_the_network_says_so(answer: Answer, way: Way) -> None:
    assert judge(49152, answer).way is way


def test_an_address_that_leads_nowhere_does_not_close_the_way_by_another() -> None:
    nowhere, listening = Attempt(49152, Way.PROHIBITED), Attempt(49152, Way.REFUSED)
    assert best([listening, nowhere]) == best([nowhere, listening]) == listening
    assert best([nowhere, Attempt(49152, Way.SILENT)]).way is Way.SILENT


@pytest.mark.parametrize(
    ("ways", "verdict"),
    [
        ([Way.REFUSED, Way.REFUSED], OK),
        ([Way.OPEN, Way.REFUSED], OK),
        ([Way.PROHIBITED, Way.PROHIBITED], REFUSE),
        ([Way.PROHIBITED, Way.REFUSED], WARNING),
        ([Way.SILENT, Way.SILENT], WARNING),
        ([Way.NO_NAME, Way.NO_NAME], WARNING),
        ([Way.UNKNOWN, Way.UNKNOWN], UNKNOWN),
    ],
)
def test_migration_ports_are_refused_only_when_all_are_certainly_closed(
    ways: list[Way], verdict: Verdict
) -> None:
    attempts = [Attempt(port, way, way.value) for port, way in zip((49152, 49215), ways, strict=True)]
    check = ports_verdict(attempts, "h2", "h1", "h2")
    assert check.verdict is verdict
    if verdict in (WARNING, REFUSE):
        assert "migration_host" in check.mend


def test_the_way_of_the_memory_is_told_and_a_host_that_forces_tls_refuses() -> None:
    open_way = openness_verdict("h2", [], copies=True)
    assert open_way.verdict is NOTE and "disks" in open_way.evidence and "to h2" in open_way.evidence
    assert openness_verdict("h2", ["h2"], copies=False).verdict is REFUSE


@pytest.mark.parametrize(
    ("text", "conf"),
    [
        ("", QemuConf(True)),
        ('#migration_host = "no"\nmigration_host = "h2.lan"\n', QemuConf(True, migration_host="h2.lan")),
        (
            "migration_port_min = 50000\nmigration_port_max=50010",
            QemuConf(True, first_port=50000, last_port=50010),
        ),
        ('lock_manager = "sanlock"', QemuConf(True, lock_manager="sanlock")),
        ('user = "root"\nnamespaces = []', QemuConf(True, user="root", namespaces=False)),
        ('namespaces = [ "mount" ]', QemuConf(True)),
        ("migrate_tls_force = 1", QemuConf(True, tls_forced=True)),
        ("migration_port_min = 0", QemuConf(True)),
    ],
)
def test_the_configuration_of_qemu_is_read_with_its_defaults(text: str, conf: QemuConf) -> None:
    assert parse(Answer(0, text, "")) == conf


def test_a_configuration_that_is_not_there_leaves_the_defaults_and_one_that_is_shut_is_not_known() -> None:
    assert parse(Answer(1, "", f"cat: /etc/libvirt/qemu.conf: {NOT_THERE}\n")) == QemuConf(True)
    shut = parse(Answer(1, "", "cat: /etc/libvirt/qemu.conf: Permission denied\n"))
    assert shut == QemuConf(False, first_port=FIRST_PORT, last_port=LAST_PORT)


def test_a_saved_state_needs_root_and_room_on_both_hosts() -> None:
    assert files_verdict("", "h1", "h2").verdict is OK
    refused = files_verdict("ops", "h1", "h2")
    assert refused.verdict is REFUSE and "as root" in refused.mend
    small, large = Room(Presence.THERE, 10, 99), Room(Presence.THERE, 50, 99)
    tight = room_verdict(40, [small, Room(Presence.MISSING)], "h2")
    assert tight is not None and tight.verdict is WARNING
    fits = room_verdict(40, [small, large], "h2")
    assert fits is not None and fits.verdict is OK
    assert room_verdict(40, [Room(Presence.UNKNOWN)], "h2") is None


def test_lock_managers_must_be_alike() -> None:
    sanlock, none = QemuConf(True, lock_manager="sanlock"), QemuConf(True)
    different = locks_verdict(sanlock, none, "h1", "h2")
    assert different is not None and different.verdict is WARNING
    alike = locks_verdict(sanlock, sanlock, "h1", "h2")
    assert alike is not None and alike.verdict is OK
    assert locks_verdict(sanlock, QemuConf(False), "h1", "h2") is None


@pytest.mark.parametrize(
    ("ahead_s", "exact_to_s", "verdict"),
    [(0.0, 0.01, OK), (1.9, 0.01, OK), (-5.0, 0.01, NOTE), (90.0, 0.01, WARNING), (5.0, 2.0, OK)],
)
def test_clocks_that_disagree_are_told_by_how_much(
    ahead_s: float, exact_to_s: float, verdict: Verdict
) -> None:
    check = skew_verdict(Reading(0.0, exact_to_s), Reading(ahead_s, exact_to_s), "h2")
    assert check.verdict is verdict
    assert skew_verdict(None, Reading(0, 0), "h2").verdict is NOTE


IP_LINK = (
    "2: eth0@if5: <BROADCAST,UP> mtu 9000 qdisc x\\ link/ether aa\n"
    "3: br0: <UP> mtu 1500 qdisc x\\ link/ether bb\n"
)
IP_ADDR = (
    "2: eth0    inet 10.0.0.2/24 scope global eth0\\ valid\n3: br0    inet6 fe80::1/64 scope link\\ valid\n"
)


def test_packet_sizes_are_compared_on_the_interfaces_that_the_way_uses() -> None:
    mtus = links(IP_LINK)
    assert mtus == {"eth0": 9000, "br0": 1500}
    here = side_of_route("10.0.0.2 dev br0 src 10.0.0.1 uid 0 \\    cache\n", mtus)
    there = side_of_address(IP_ADDR, "10.0.0.2", mtus)
    assert (here, there) == (Side("br0", 1500), Side("eth0", 9000))
    assert mtu_verdict(here, there, "h1", "h2").verdict is WARNING
    assert mtu_verdict(here, here, "h1", "h2").verdict is OK
    assert mtu_verdict(None, there, "h1", "h2").verdict is NOTE
    assert side_of_address(IP_ADDR, "", mtus) is None
