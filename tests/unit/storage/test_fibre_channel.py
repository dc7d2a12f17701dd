"""Disks behind Fibre Channel.

Forms: /sys/class/fc_host and fc_remote_ports as the kernel's scsi_transport_fc.c writes them (fc_port_state_names).
"""

from __future__ import annotations

import pytest
from hypothesis import given

from backends.model.storage import Health, StorageKind
from backends.probes.storage import block, fibre_channel
from backends.probes.storage.seen import Seen
from tests.unit.host_files import host
from tests.unit.storage.disks_of_hosts import FC_DISK, broken, is_presentable

EMC = "6006016098b03000eaae95b256d4e211"
PORT = "rport-1:0-2/port_name:0x50060160c4603569\nrport-1:0-2/port_state:Online\nrport-1:0-2/roles:FCP Target"
HOSTS = "host1/port_name:0x21000024ff45a1b2\nhost1/port_state:Online\nhost1/speed:16 Gbit"
DISKS = f"sdc/size:2097152\nsdc/ro:0\nsdc/device/state:running\nsdc/device/wwid:naa.{EMC}"


def told(ports: str = PORT, disks: str = DISKS) -> tuple[Seen, ...]:
    readings = host({fibre_channel.FC_PORTS: ports, block.CLASS: disks, block.LINKS: f"sdc -> {FC_DISK}/sdc"})
    return fibre_channel.seen(fibre_channel.read_ports(readings), block.read(readings))


def test_a_disk_is_known_by_its_wwid_and_shown_with_the_port_that_brings_it() -> None:
    (seen,) = told()
    assert (seen.kind, seen.key) == (StorageKind.FIBRE_CHANNEL, f"naa.{EMC}")
    assert seen.aliases == {f"wwid:naa.{EMC}"}
    assert seen.way is not None
    assert (seen.way.words, seen.way.path) == ("/dev/sdc through 0x50060160c4603569", "/dev/sdc")
    assert (seen.health, seen.capacity_bytes) == (Health.GOOD, 2097152 * 512)


def test_the_same_port_and_lun_do_not_make_two_hosts_disks_one() -> None:
    """A storage box shows each host its own disks, and calls the first of them LUN 0 everywhere."""
    (seen,) = told(disks="sdc/size:8")
    assert (seen.is_own, seen.aliases, seen.label) == (True, frozenset(), "0x50060160c4603569 LUN 4")


@pytest.mark.parametrize(
    ("state", "health"),
    [
        ("Blocked", Health.DEGRADED),
        ("Marginal", Health.DEGRADED),
        ("Not Present", Health.BROKEN),
        ("Linkdown", Health.BROKEN),
    ],
)
def test_a_lost_port_shows_on_its_disks(state: str, health: Health) -> None:
    (seen,) = told(PORT.replace("Online", state))
    assert (seen.health, seen.detail) == (health, f"the port 0x50060160c4603569 is {state}")


def test_the_host_s_own_ports_are_told_with_their_speed() -> None:
    (port,) = fibre_channel.read_hosts(host({fibre_channel.FC_HOSTS: HOSTS}))
    assert (port.name, port.wwpn, port.state, port.speed) == (
        "host1",
        "0x21000024ff45a1b2",
        "Online",
        "16 Gbit",
    )


@given(broken(PORT, HOSTS), broken(DISKS))
def test_broken_forms_are_never_a_crash(ports: str, disks: str) -> None:
    assert all(is_presentable(seen) for seen in told(ports, disks))
    fibre_channel.read_hosts(host({fibre_channel.FC_HOSTS: ports}))
