"""Which paths to a disk work.

Forms: `multipath -ll` as Red Hat's DM Multipath guide (5.7 and the RHEL 5 one) shows it and as hosts gave it (insights-
core, insights/tests/parsers/test_multipath_v4_ll.py); `multipathd show maps json` as libmultipath/print.c writes it.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from backends.model.storage import Access, Health, StorageKind
from backends.probes.storage import block, multipath
from backends.probes.storage.multipath import Map
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Gap, Reading, Readings
from tests.unit.host_files import any_host, host
from tests.unit.storage.disks_of_hosts import FC_DISK, ISCSI_DISK, broken, is_presentable

DELL = "36f01faf000da360b0000033c528fea6d"
LISTED = f"""mpathg ({DELL}) dm-2 DELL,MD36xxi
size=54T features='3 queue_if_no_path pg_init_retries 50' hwhandler='1 rdac' wp=rw
|-+- policy='round-robin 0' prio=0 status=active
| |- 12:0:0:1 sdc 8:32   active ready running
| `- 17:0:0:1 sdv 65:80  active ready running
`-+- policy='round-robin 0' prio=0 status=enabled
  |- 13:0:0:1 sdf 8:80   active ghost running
  `- 18:0:0:1 sdx 65:112 failed faulty offline
mpathe (36f01faf000da3761000004323aa6fbce) dm-4 DELL,MD36xxi
size=54T features='0' hwhandler='1 rdac' wp=ro
`-+- policy='round-robin 0' prio=0 status=active
  |- 13:0:0:2 sdg 8:96   active faulty running
  `- 14:0:0:2 sdm 8:192  active shaky running
36001405b1629f80d52a4c898f8856e43 dm-5 LIO-ORG ,block0_sdb
size=2.0G features='0' hwhandler='0' wp=rw
`-+- policy='service-time 0' prio=1 status=active
  |- 3:0:0:0 sdc 8:32 active ready running
  `- 4:0:0:0 sdb 8:16 active i/o pending running
mpatha (1IET     00080001) dm-0 IET,VIRTUAL-DISK
size=16G features='0' hwhandler='0' wp=rw
|-+- policy='round-robin 0' prio=1 status=active
| `- 3:0:0:1 sdb 8:16 active ready running
`-+- policy='round-robin 0' prio=1 status=enabled
  `- 4:0:0:1 sdc 8:32 active ready running
mpathc (3600508b4000156d700012000000b0000) dm-1 uninitialized
size=10G features='0' hwhandler='0' wp=rw
"""
RHEL_5 = r"""*word = 1, len = 1
L004 (360060160ade32800f2e3baf47665e211) dm-9 DGC,RAID 5
[size=100G][features=1 queue_if_no_path][hwhandler=1 emc][rw]
\_ round-robin 0 [prio=1][active]
 \_ 3:0:1:4 sdk  8:160  [active][ready]
 \_ 5:0:0:4 sdp  8:240  [active][ready]
\_ round-robin 0 [prio=0][enabled]
 \_ 3:0:0:4 sdf  8:80   [failed][faulty]
"""
JSON = """{
   "major_version": 0,
   "minor_version": 1,
   "maps": [{
      "name" : "mpathp",
      "uuid" : "360050768029b8168e000000000006247",
      "sysfs" : "dm-3",
      "failback" : "immediate",
      "queueing" : "5 chk",
      "paths" : 1,
      "write_prot" : "rw",
      "dm_st" : "active",
      "features" : "1 queue_if_no_path",
      "hwhandler" : "0",
      "action" : "create",
      "path_faults" : 1,
      "vend" : "IBM     ",
      "prod" : "2145            ",
      "path_groups": [{
         "selector" : "round-robin 0",
         "pri" : 0,
         "dm_st" : "active",
         "group" : 1,
         "paths": [{
            "dev" : "sdb",
            "dev_t" : "8:16",
            "dm_st" : "failed",
            "dev_st" : "running",
            "chk_st" : "faulty",
            "checker" : "tur",
            "pri" : 50,
            "host_wwnn" : "[undef]",
            "target_wwnn" : "iqn.1986-03.com.ibm:2145.v7k60.node1",
            "host_wwpn" : "[undef]",
            "target_wwpn" : "[undef]",
            "host_adapter" : "9.115.240.253"
         },{
            "dev" : "sdc",
            "dev_t" : "8:32",
            "dm_st" : "active",
            "dev_st" : "running",
            "chk_st" : "ready",
            "checker" : "tur"
         }]
      }]
   }]
}"""


def told(files: dict[str, str | Reading]) -> tuple[multipath.Maps, tuple[Seen, ...]]:
    readings = host(files)
    devices = block.read(readings)
    maps = multipath.read(readings, devices)
    return maps, multipath.seen(maps, devices)


def by_name(maps: tuple[Map, ...]) -> dict[str, Map]:
    return {each.name: each for each in maps}


def test_a_disk_that_has_lost_a_path_is_degraded_and_says_how_many_are_left() -> None:
    _, seen = told({multipath.LISTED.name: LISTED})
    first = seen[0]
    assert (first.label, first.key) == ("mpathg", "naa.6f01faf000da360b0000033c528fea6d")
    assert first.aliases == {"wwid:naa.6f01faf000da360b0000033c528fea6d"}
    assert (first.health, first.detail) == (Health.DEGRADED, "3 of 4 paths")
    assert first.options == ("queue_if_no_path",)


def test_a_disk_without_a_path_that_works_is_broken() -> None:
    maps = by_name(multipath.parse_listed(LISTED))
    assert maps["mpathe"].health is Health.BROKEN
    assert maps["mpathc"].health is Health.BROKEN, "it has no path at all"
    assert (maps["mpathe"].queues, maps["mpathe"].read_only) == (False, True)


def test_a_path_whose_check_has_not_ended_leaves_the_health_open() -> None:
    lio = by_name(multipath.parse_listed(LISTED))["36001405b1629f80d52a4c898f8856e43"]
    assert [path.works for path in lio.paths] == [True, None]
    assert (lio.dm, lio.health) == ("dm-5", Health.UNKNOWN)


def test_iet_s_names_which_all_its_machines_share_make_no_alias() -> None:
    _, seen = told({multipath.LISTED.name: LISTED})
    (iet,) = (each for each in seen if each.label == "mpatha")
    assert (iet.health, iet.aliases, iet.is_own) == (Health.GOOD, frozenset(), True)


def test_the_form_of_rhel_5_is_read_too() -> None:
    (found,) = multipath.parse_listed(RHEL_5)
    assert (found.name, found.wwid, found.dm) == ("L004", "naa.60060160ade32800f2e3baf47665e211", "dm-9")
    assert [(path.device, path.works) for path in found.paths] == [
        ("sdk", True),
        ("sdp", True),
        ("sdf", False),
    ]
    assert (found.queues, found.health) == (True, Health.DEGRADED)


def test_the_daemon_s_own_words_are_preferred() -> None:
    maps, (seen,) = told({multipath.DAEMON.name: JSON, multipath.LISTED.name: LISTED})
    assert [each.name for each in maps.maps] == ["mpathp"]
    assert (seen.label, seen.health, seen.detail) == ("mpathp", Health.DEGRADED, "1 of 2 paths")
    assert seen.key == "naa.60050768029b8168e000000000006247"


SYSFS: dict[str, str | Reading] = {
    block.CLASS: "\n".join(
        (
            "dm-2/size:2097152",
            "dm-2/ro:0",
            "dm-2/dm/name:mpathg",
            f"dm-2/dm/uuid:mpath-{DELL}",
            "sdc/size:2097152",
            "sdc/device/state:running",
            "sdd/size:2097152",
            "sdd/device/state:offline",
        )
    ),
    block.LINKS: f"sdc -> {ISCSI_DISK}/sdc\nsdd -> {ISCSI_DISK}/sdd",
    block.SLAVES: "dm-2/slaves/sdc\ndm-2/slaves/sdd",
}


def test_without_the_right_to_ask_sysfs_tells_what_there_is_and_which_permission_more_would_need() -> None:
    denied = Reading(gap=Gap.DENIED, said="need to be root")
    maps, (seen,) = told({**SYSFS, multipath.DAEMON.name: denied})
    assert (seen.key, seen.capacity_bytes) == ("naa.6f01faf000da360b0000033c528fea6d", 2097152 * 512)
    assert (seen.health, seen.access, seen.kind) == (Health.DEGRADED, Access.READ_WRITE, StorageKind.ISCSI)
    assert (maps.trouble, maps.mend) == ("permission denied", "log in as root: multipathd needs it")
    assert seen.detail.startswith("0 of 2 paths, 1 not known (permission denied)")


def test_the_way_of_its_paths_is_the_kind_of_the_disk() -> None:
    links = f"sdc -> {FC_DISK}/sdc\nsdd -> {FC_DISK}/sdd"
    _, (seen,) = told({**SYSFS, block.LINKS: links})
    assert seen.kind is StorageKind.FIBRE_CHANNEL


def test_a_host_without_multipath_has_none() -> None:
    assert told({}) == (multipath.Maps(), ())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"maps": 7}', '{"maps": [7, null, {}]}', "[" * 100_000])
def test_what_is_no_answer_is_none(text: str) -> None:
    assert all(not each.name for each in multipath.parse_json(text))


def test_a_line_without_end_does_not_hang() -> None:
    assert multipath.parse_listed("a" + " " * 1_000_000) == ()


@given(broken(LISTED, RHEL_5), broken(JSON))
def test_broken_forms_are_never_a_crash(listed: str, told_json: str) -> None:
    for files in ({multipath.LISTED.name: listed}, {multipath.DAEMON.name: told_json}):
        assert all(is_presentable(seen) for seen in told({**SYSFS, **files})[1])


@given(any_host(multipath.DAEMON.name, multipath.LISTED.name, block.CLASS, block.SLAVES))
def test_any_bytes_are_never_a_crash(readings: Readings) -> None:
    devices = block.read(readings)
    assert all(is_presentable(seen) for seen in multipath.seen(multipath.read(readings, devices), devices))


def test_numbers_in_the_place_of_words_are_never_a_crash() -> None:
    answer = json.loads(JSON)
    answer["maps"][0] |= {
        "name": 1,
        "uuid": None,
        "sysfs": [],
        "features": {},
        "path_groups": [{"paths": [1, {}]}],
    }
    (found,) = multipath.parse_json(json.dumps(answer))
    assert found.health is Health.UNKNOWN
