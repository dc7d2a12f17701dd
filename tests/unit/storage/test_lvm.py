"""Volume groups, what they lie on and how they are locked.

REPORT, MISSING and what was said of a copy are what LVM 2.03.16 gave for two loop devices, with and without the second
one. The rest: attributes as in vgs(8) and lvs(8), lock types as in lvmlockd(8), health as in lvmraid(7) and lvmthin(7),
messages as hosts gave them.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from backends.model.storage import Access, Health, StorageKind
from backends.probes.storage import block, lvm
from backends.probes.storage.lvm import Group, Sharing
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Gap, Reading, Readings
from tests.unit.host_files import any_host, host
from tests.unit.storage.disks_of_hosts import ISCSI_DISK, broken, is_presentable

VG, BIG = "gkV1Gf-bL5k-o5cS-1NTQ-n1CJ-QmAY-3ck21A", "wQ2T0W-w8zQ-ZHPY-AL3Y-mQBq-uHCT-YrccKE"
REPORT = """
  {
      "report": [
          {
              "vg": [
                  {"vg_name":"vfs2", "vg_uuid":"gkV1Gf-bL5k-o5cS-1NTQ-n1CJ-QmAY-3ck21A", "vg_attr":"wz--n-", "vg_lock_type":"", "vg_lock_args":"", "vg_size":"306184192", "vg_free":"75497472", "vg_extent_size":"4194304", "vg_missing_pv_count":"0", "vg_systemid":""}
              ]
              ,
              "pv": [
                  {"pv_name":"/dev/loop0", "pv_uuid":"ghoqVh-rrBE-wTpi-dmR6-q0g0-dKoz-eveAOU", "pv_attr":"a--", "dev_size":"209715200", "pv_size":"205520896", "pv_free":"0", "pv_duplicate":""},
                  {"pv_name":"/dev/loop1", "pv_uuid":"Itueu7-25e7-lpGS-MtRS-Qs81-35T8-c7Owl7", "pv_attr":"a--", "dev_size":"104857600", "pv_size":"100663296", "pv_free":"75497472", "pv_duplicate":""}
              ]
              ,
              "lv": [
                  {"lv_name":"big", "lv_uuid":"wQ2T0W-w8zQ-ZHPY-AL3Y-mQBq-uHCT-YrccKE", "lv_attr":"-wi-XX----", "lv_size":"188743680", "data_percent":"", "metadata_percent":"", "pool_lv":"", "origin":"", "lv_health_status":""},
                  {"lv_name":"data", "lv_uuid":"XjexG5-Ok7V-AjWo-DtAx-Y4xN-uFct-cBtZxT", "lv_attr":"-wi-XX----", "lv_size":"41943040", "data_percent":"", "metadata_percent":"", "pool_lv":"", "origin":"", "lv_health_status":""}
              ]
              ,
              "pvseg": [
                  {"pvseg_start":"0"},
                  {"pvseg_start":"6"}
              ]
              ,
              "seg": [
                  {"lv_uuid":"XjexG5-Ok7V-AjWo-DtAx-Y4xN-uFct-cBtZxT", "segtype":"linear", "devices":"/dev/loop0(0)"},
                  {"lv_uuid":"wQ2T0W-w8zQ-ZHPY-AL3Y-mQBq-uHCT-YrccKE", "segtype":"linear", "devices":"/dev/loop0(10)"},
                  {"lv_uuid":"wQ2T0W-w8zQ-ZHPY-AL3Y-mQBq-uHCT-YrccKE", "segtype":"linear", "devices":"/dev/loop1(0)"}
              ]
          }
          ,
          {
              "pv": [
                  {"pv_name":"/dev/loop2", "pv_uuid":"pKKxJT-MZ2l-tBpC-0an7-GYOY-7JcA-jhUEws", "pv_attr":"---", "dev_size":"62914560", "pv_size":"62914560", "pv_free":"62914560", "pv_duplicate":""}
              ]
              ,
              "pvseg": [
                  {"pvseg_start":"0"}
              ]
          }
      ]
  }
"""  # noqa: E501 - as LVM writes it
MISSING = (
    REPORT.replace("wz--n-", "wz-pn-")
    .replace('"vg_missing_pv_count":"0"', '"vg_missing_pv_count":"1"')
    .replace('"/dev/loop1"', '"[unknown]"')
    .replace('"a--", "dev_size":"104857600"', '"a-m", "dev_size":"0"')
    .replace("/dev/loop1(0)", "[unknown](0)")
    .replace("-wi-XX----", "-wi-XX--p-", 1)
    .replace('"lv_health_status":""', '"lv_health_status":"partial"', 1)
)
COPIED = """  WARNING: Not using device /dev/loop3 for PV Itueu7-25e7-lpGS-MtRS-Qs81-35T8-c7Owl7.
  WARNING: PV Itueu7-25e7-lpGS-MtRS-Qs81-35T8-c7Owl7 prefers device /dev/loop1 because device name matches previous.
"""
LEAKED = "File descriptor 10 (/dev/null) leaked on lvm invocation. Parent PID 7895: sh\n"
SHARED_LUN = {
    block.CLASS: f"sdd/size:524288\nsdd/device/wwid:naa.6001405{'a' * 25}",
    block.LINKS: f"sdd -> {ISCSI_DISK}/sdd",
}


def told(text: str | Reading, **files: str) -> tuple[lvm.Lvm, tuple[Seen, ...]]:
    readings = host({lvm.REPORT.name: text, **files})
    found = lvm.read(readings)
    return found, lvm.seen(found, block.read(readings))


def report(*, lv: dict[str, str] | None = None, **vg: str) -> str:
    """The real one with some fields changed: of the group, and of its volume `big`."""
    answer: Any = json.loads(REPORT)
    answer["report"][0]["vg"][0] |= vg
    answer["report"][0]["lv"][0] |= lv or {}
    return json.dumps(answer)


def group(*, lv: dict[str, str] | None = None, **vg: str) -> Group:
    (found,) = told(report(lv=lv, **vg))[0].groups
    return found


def test_a_group_is_known_by_its_uuid_with_its_room_and_its_volumes() -> None:
    found, (seen,) = told(Reading(REPORT, said=LEAKED))
    (vfs2,) = found.groups
    assert (seen.kind, seen.key, seen.label) == (StorageKind.LVM, VG, "vfs2")
    assert seen.aliases == {f"vg:{VG}"}
    assert (seen.access, seen.health, seen.detail) == (Access.READ_WRITE, Health.GOOD, "")
    assert (seen.capacity_bytes, seen.available_bytes) == (306184192, 75497472)
    assert [(each.name, each.size_bytes) for each in vfs2.volumes] == [("big", 188743680), ("data", 41943040)]
    assert vfs2.volumes[0].devices == ("/dev/loop0", "/dev/loop1")
    assert (vfs2.extent_bytes, vfs2.sharing) == (4 << 20, Sharing.NONE)
    assert [(each.device, each.free_bytes) for each in found.unused] == [("/dev/loop2", 62914560)]
    assert found.trouble == ""


@pytest.mark.parametrize("path", ["/dev/vfs2/big", "/dev/mapper/vfs2-big", "vfs2/big"])
def test_a_volume_is_found_by_its_paths(path: str) -> None:
    found = told(REPORT)[0].volume_at(path)
    assert found is not None
    assert found[1].uuid == BIG
    assert told(REPORT)[0].volume_at("/dev/vfs2/nothing") is None


def test_hyphens_in_names_are_doubled_among_mapped_devices() -> None:
    found = told(report(vg_name="vg-fast", lv={"lv_name": "lv-1"}))[0]
    assert found.volume_at("/dev/mapper/vg--fast-lv--1") is not None
    assert found.volume_at("/dev/vg-fast/lv-1") is not None


def test_a_group_without_one_of_its_devices_is_broken() -> None:
    (seen,) = told(MISSING)[1]
    assert (seen.health, seen.detail) == (Health.BROKEN, "1 of its devices not there")
    (vfs2,) = told(MISSING)[0].groups
    assert [each.device for each in vfs2.devices] == ["/dev/loop0", ""]
    assert vfs2.volumes[0].devices == ("/dev/loop0", "unknown")


def test_a_copy_of_a_device_is_named() -> None:
    """As where a snapshot of a LUN is shown to the host that has the LUN: LVM may take the wrong one."""
    found, (seen,) = told(Reading(REPORT, said=COPIED))
    assert found.duplicates == (("Itueu7-25e7-lpGS-MtRS-Qs81-35T8-c7Owl7", "/dev/loop3"),)
    assert seen.health is Health.BROKEN
    assert "/dev/loop3 has the same UUID" in seen.detail


def test_older_lvm_says_it_in_other_words() -> None:
    said = "Found duplicate PV Itueu725e7lpGSMtRSQs8135T8c7Owl7: using /dev/sda5 not /dev/hda5"
    assert told(Reading(REPORT, said=said))[0].duplicates == (
        ("Itueu7-25e7-lpGS-MtRS-Qs81-35T8-c7Owl7", "/dev/hda5"),
    )


@pytest.mark.parametrize(
    ("attr", "lock_type", "sharing", "options"),
    [
        ("wz--n-", "", Sharing.NONE, ()),
        ("wz--n-", "none", Sharing.NONE, ()),
        ("wz--ns", "sanlock", Sharing.SANLOCK, ("sanlock",)),
        ("wz--ns", "dlm", Sharing.DLM, ("dlm",)),
        ("wz--ns", "", Sharing.UNKNOWN, ()),
        ("wz--nc", "", Sharing.CLUSTERED, ("clvmd",)),
        ("wz--nc", "clvm", Sharing.CLUSTERED, ("clvmd",)),
    ],
)
def test_how_hosts_are_kept_apart_is_told(
    attr: str, lock_type: str, sharing: Sharing, options: tuple[str, ...]
) -> None:
    text = report(vg_attr=attr, vg_lock_type=lock_type)
    assert told(text)[0].groups[0].sharing is sharing
    assert told(text)[1][0].options == options


def test_a_group_on_a_lun_lies_on_it_and_one_on_nameless_disks_is_the_host_s_own() -> None:
    """Hosts made as copies of each other have groups with the same UUID."""
    on_lun = REPORT.replace("/dev/loop1", "/dev/sdd")
    (far,), (near,) = told(on_lun, **SHARED_LUN)[1], told(REPORT, **SHARED_LUN)[1]
    assert far.under == {f"wwid:naa.6001405{'a' * 25}"}
    assert not far.is_own
    assert (near.under, near.is_own) == (frozenset(), True)


def test_one_host_s_own_and_exported_and_read_only_groups_say_so() -> None:
    (seen,) = told(report(vg_attr="rzx-n-", vg_systemid="h1"))[1]
    assert seen.options == ("system ID h1", "exported")
    assert (seen.health, seen.access) == (Health.DEGRADED, Access.READ_ONLY)


POOL = {"lv_name": "pool", "lv_attr": "twi-aotz--", "metadata_percent": "12.5"}


@pytest.mark.parametrize(
    ("fields", "health", "detail"),
    [
        ({**POOL, "data_percent": "79.99"}, Health.GOOD, ""),
        ({**POOL, "data_percent": "86.20"}, Health.DEGRADED, "the thin pool pool is 86 % full"),
        ({**POOL, "metadata_percent": "81.50"}, Health.DEGRADED, "the thin pool pool is 82 % full"),
        ({**POOL, "lv_health_status": "out_of_data"}, Health.BROKEN, "pool: out of data"),
        (
            {"lv_attr": "rwi-aor-r-", "lv_health_status": "refresh needed"},
            Health.DEGRADED,
            "big: refresh needed",
        ),
        ({"lv_attr": "swi-a-s---", "data_percent": "99.00"}, Health.GOOD, ""),
    ],
)
def test_what_is_full_or_ill_shows_on_the_group(fields: dict[str, str], health: Health, detail: str) -> None:
    assert lvm.health(group(lv=fields)) == (health, detail)


@pytest.mark.parametrize(
    ("attr", "is_active", "is_open"),
    [
        ("-wi-ao----", True, True),
        ("-wi-a-----", True, False),
        ("-wi-------", False, False),
        ("-wi-XX----", None, None),
        ("", None, None),
    ],
)
def test_whether_a_volume_is_used_now_is_known_or_not(
    attr: str, is_active: bool | None, is_open: bool | None
) -> None:
    volume = group(lv={"lv_attr": attr}).volumes[0]
    assert (volume.is_active, volume.is_open) == (is_active, is_open)


def test_lvm_too_old_for_json_is_unknown_with_the_reason() -> None:
    for said in ("No such command.  Try 'help'.", "lvm: unrecognized option '--reportformat'"):
        found, seen = told(Reading(gap=Gap.BROKEN, said=said))
        assert (found.groups, found.trouble, seen) == ((), lvm.TOO_OLD, ())


def test_without_permission_nothing_is_known_and_the_permission_is_named() -> None:
    """As LVM answers an ordinary account: an empty report, and status 5."""
    said = "  WARNING: Running as a non-root user. Functionality may be unavailable.\n  /run/lock/lvm/P_global:aux: "
    found, _ = told(Reading('{"report": []}', Gap.DENIED, f"{said}open failed: Permission denied"))
    assert (found.groups, found.trouble) == ((), "permission denied")
    assert found.mend == "log in as root: lvm needs it"


def test_what_could_be_read_stays_where_one_group_is_locked() -> None:
    found, _ = told(Reading(REPORT, Gap.BROKEN, "Can't get lock for other."))
    assert [each.name for each in found.groups] == ["vfs2"]
    assert found.trouble == "lvm: Can't get lock for other."


def test_a_host_without_lvm_has_no_groups() -> None:
    assert lvm.read(host({})) == lvm.Lvm()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"report": {}}', '{"report": [7, {"vg": 1, "lv": [2]}]}', "[" * 99_999]
)
def test_what_is_no_report_is_no_group(text: str) -> None:
    assert told(text)[0].groups == ()


@given(broken(REPORT, MISSING), broken(COPIED))
def test_broken_forms_are_never_a_crash(text: str, said: str) -> None:
    assert all(is_presentable(seen) for seen in told(Reading(text, said=said))[1])


@given(any_host(lvm.REPORT.name, block.CLASS))
def test_any_bytes_are_never_a_crash(readings: Readings) -> None:
    assert lvm.seen(lvm.read(readings), block.read(readings)) == ()
