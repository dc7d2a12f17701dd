"""DRBD's volumes, here and on the peers.

Forms: `drbdsetup status --json` of DRBD 9 as Salt's tests of its module drbd have it from a host, states as in
drbdsetup(8); `drbdadm status` and /proc/drbd in the form of the DRBD user's guides 9 and 8.4, "Status information".
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from backends.model.storage import Access, Health, StorageKind
from backends.probes.storage import block, drbd
from backends.probes.storage.drbd import Volume
from backends.probes.survey.readings import Gap, Reading, Readings
from tests.unit.host_files import any_host, host
from tests.unit.storage.disks_of_hosts import broken, is_presentable

BEIJING = """
[
{
  "name": "beijing",
  "node-id": 1,
  "role": "Primary",
  "suspended": false,
  "write-ordering": "flush",
  "devices": [
    {
      "volume": 0,
      "minor": 5,
      "disk-state": "UpToDate",
      "client": false,
      "quorum": true,
      "size": 307152,
      "read": 0,
      "written": 0,
      "upper-pending": 0,
      "lower-pending": 0
    } ],
  "connections": [
    {
      "peer-node-id": 2,
      "name": "salt-node3",
      "connection-state": "Connected",
      "congested": false,
      "peer-role": "Secondary",
      "peer_devices": [
        {
          "volume": 0,
          "replication-state": "Established",
          "peer-disk-state": "UpToDate",
          "peer-client": false,
          "resync-suspended": "no",
          "out-of-sync": 0,
          "has-sync-details": false,
          "percent-in-sync": 100.00
        } ]
    } ]
}
]
"""
STATUS = """home role:Secondary
  disk:UpToDate
  nina role:Secondary
    disk:UpToDate
  nino role:Secondary
    replication:SyncTarget peer-disk:Inconsistent done:19.40
  nono connection:Connecting

two role:Primary
  volume:0 disk:UpToDate
  volume:1 disk:Inconsistent
  nina role:Primary
    volume:0 peer-disk:UpToDate
    volume:1 peer-disk:UpToDate
"""
PROC = """version: 8.4.10-1 (api:1/proto:86-101)
GIT-hash: a4d5de01fffd7e4cde48a080e2c686f9e8cebf4c build by mockbuild@, 2017-09-15 14:23:22
 0: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----
    ns:3757056 nr:0 dw:0 dr:3759178 al:8 bm:0 lo:0 pe:1 ua:0 ap:0 ep:1 wo:f oos:3079892
\t[==========>.........] sync'ed: 55.1% (3004/6672)M
\tfinish: 0:05:53 speed: 8,696 (9,180) K/sec
 1: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----
    ns:0 nr:0 dw:0 dr:912 al:8 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:0
 2: cs:WFConnection ro:Secondary/Unknown ds:UpToDate/DUnknown C r-----
    ns:0 nr:0 dw:0 dr:0 al:0 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:0
 3: cs:Unconfigured
"""


def changed(**fields: Any) -> Volume:
    """The one volume, with fields of the resource, its `device`, its `connection` or its `peer` changed."""
    answer: Any = json.loads(BEIJING)
    resource = answer[0]
    resource["devices"][0].update(fields.pop("device", {}))
    resource["connections"][0].update(fields.pop("connection", {}))
    resource["connections"][0]["peer_devices"][0].update(fields.pop("peer", {}))
    resource.update(fields)
    (volume,) = drbd.parse_json(json.dumps(answer))
    return volume


def test_a_volume_is_the_same_on_all_its_hosts() -> None:
    """Its key holds the resource and all hosts that have it: other clusters may have an `r0` too."""
    here = drbd.seen(drbd.read(host({drbd.SETUP.name: BEIJING})), "salt-node1", block.Devices())
    there = drbd.seen(
        drbd.read(host({drbd.SETUP.name: BEIJING.replace("salt-node3", "salt-node1")})),
        "salt-node3",
        block.Devices(),
    )
    assert here[0].aliases == there[0].aliases == {"drbd:beijing/0 on salt-node1, salt-node3"}
    assert (here[0].kind, here[0].key) == (StorageKind.DRBD, "beijing/0 on salt-node1, salt-node3")
    assert here[0].way is not None
    assert (here[0].way.words, here[0].capacity_bytes) == ("/dev/drbd5", 307152 * 1024)
    assert (here[0].health, here[0].access, here[0].options) == (Health.GOOD, Access.READ_WRITE, ("Primary",))


def test_a_secondary_keeps_a_copy_that_it_may_not_write() -> None:
    text = BEIJING.replace('"role": "Primary"', '"role": "Secondary"', 1)
    (seen,) = drbd.seen(drbd.read(host({drbd.SETUP.name: text})), "h1", block.Devices())
    assert (seen.access, seen.options) == (Access.READ_ONLY, ("Secondary",))


@pytest.mark.parametrize(
    ("fields", "health"),
    [
        ({"peer": {"peer-disk-state": "Outdated"}}, Health.DEGRADED),
        ({"peer": {"replication-state": "SyncSource", "peer-disk-state": "Inconsistent"}}, Health.DEGRADED),
        ({"connection": {"connection-state": "StandAlone"}}, Health.DEGRADED),
        ({"device": {"disk-state": "Inconsistent"}}, Health.DEGRADED),
        (
            {"device": {"disk-state": "Failed"}, "connection": {"connection-state": "Connecting"}},
            Health.BROKEN,
        ),
        ({"device": {"quorum": False}}, Health.BROKEN),
        ({"suspended": True}, Health.BROKEN),
        ({"device": {"disk-state": "Diskless", "client": True}}, Health.GOOD),
        ({"device": {"disk-state": "Diskless", "client": False}}, Health.DEGRADED),
        ({"peer": {"peer-disk-state": "Diskless", "peer-client": True}}, Health.GOOD),
    ],
)
def test_lost_peers_and_old_data_show(fields: dict[str, Any], health: Health) -> None:
    assert changed(**fields).health is health


def test_two_hosts_that_may_write_it_are_named() -> None:
    assert changed(connection={"peer-role": "Primary"}).two_primaries
    assert not changed().two_primaries


def test_what_people_read_is_read_too() -> None:
    home, first, second = drbd.parse_status(STATUS)
    assert (home.resource, home.role, home.disk) == ("home", "Secondary", "UpToDate")
    assert [(each.name, each.connection, each.disk) for each in home.peers] == [
        ("nina", "Connected", "UpToDate"),
        ("nino", "Connected", "Inconsistent"),
        ("nono", "Connecting", "DUnknown"),
    ]
    assert home.peers[1].percent == 19.4
    assert home.health is Health.DEGRADED
    assert (first.number, first.health, first.two_primaries) == (0, Health.GOOD, True)
    assert (second.number, second.disk, second.health) == (1, "Inconsistent", Health.DEGRADED)


def test_drbd_8_is_told_by_its_table_and_stays_the_host_s_own() -> None:
    """It names neither resource nor peers there."""
    files: dict[str, str | Reading] = {
        drbd.PROC: PROC,
        drbd.SETUP.name: Reading(gap=Gap.BROKEN, said="unknown option --json"),
    }
    syncing, good, alone = drbd.seen(drbd.read(host(files)), "h1", block.Devices())
    assert (syncing.key, syncing.is_own, syncing.health) == ("/dev/drbd0", True, Health.DEGRADED)
    assert syncing.detail == "the peer SyncSource 55 %"
    assert (good.health, good.detail) == (Health.GOOD, "")
    assert (alone.health, alone.detail) == (Health.DEGRADED, "the peer WFConnection")


def test_a_host_that_may_not_be_asked_says_so() -> None:
    files: dict[str, str | Reading] = {
        drbd.PROC: "version: 9.0.6-1 (api:2/proto:86-112)",
        drbd.SETUP.name: Reading(gap=Gap.DENIED, said="must be root"),
    }
    found = drbd.read(host(files))
    assert (found.volumes, found.trouble) == ((), "permission denied")
    assert found.mend


def test_a_host_without_drbd_or_without_resources_has_none() -> None:
    assert drbd.read(host({})) == drbd.Drbd()
    assert drbd.read(host({drbd.PROC: "version: 9.0.6-1", drbd.SETUP.name: "[]"})) == drbd.Drbd()


@given(broken(BEIJING), broken(STATUS), broken(PROC))
def test_broken_forms_are_never_a_crash(setup: str, status: str, proc: str) -> None:
    for files in ({drbd.SETUP.name: setup}, {drbd.ADM.name: status}, {drbd.PROC: proc}):
        assert all(is_presentable(seen) for seen in drbd.seen(drbd.read(host(files)), "h1", block.Devices()))


@given(any_host(drbd.SETUP.name, drbd.ADM.name, drbd.PROC))
def test_any_bytes_are_never_a_crash(readings: Readings) -> None:
    assert all(is_presentable(seen) for seen in drbd.seen(drbd.read(readings), "\x1b", block.Devices()))
