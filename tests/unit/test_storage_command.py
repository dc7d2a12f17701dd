"""`virt-ferry storage`: what scripts and terminals are told (a scripted fleet)."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from backends.model.posture import Finding, Severity
from backends.model.storage import (
    Access,
    Commitment,
    DiskUse,
    Health,
    Level,
    PoolUse,
    Sighting,
    Storage,
    StorageId,
    StorageKind,
    StorageMap,
    Way,
    WayKind,
)
from tests.tui.scripted import GIB, NOW, ScriptedFleet
from tests.unit.answered import (
    ANY,
    H1,
    H2,
    H3,
    MAIL,
    WEB,
    answered_by,
    fits_80_columns,
    objects,
    two_of_three,
)
from tui.headless import storage as storage_module
from tui.headless.exits import Exit
from tui.headless.storage import storage

NO_LOCKS = Finding(
    "storage.local-locks",
    "locks hold on one host only",
    Severity.HIGH,
    "nolock on h2",
    "mount it without nolock",
)
IN_ORDER = Finding("storage.group-locks", "locks of the volume group", Severity.GOOD, "lockd on h1, h2")
CACHED = Finding(
    "storage.cache.kept",
    "unsafe to move",
    Severity.MEDIUM,
    "cache=writeback",
    "cache=none",
    guest=WEB.key,
    name="web",
)
ALSO_CACHED = replace(CACHED, guest=MAIL.key, name="mail")
EXPORT = Storage(
    StorageId(StorageKind.NFS, "nas.example:/export/images"),
    "nas.example:/export/images",
    {
        H1: Sighting(
            H1,
            Access.READ_WRITE,
            (Way(WayKind.MOUNT, "/srv/images", "/srv/images"),),
            Health.GOOD,
            options=("NFS 4.2",),
            capacity_bytes=200 * GIB,
            available_bytes=80 * GIB,
        ),
        H2: Sighting(H2, Access.READ_ONLY, health=Health.GOOD, options=("NFS 3", "nolock")),
    },
    pools=(PoolUse(H1, "qemu", "images", "dir", True, 200 * GIB, 120 * GIB, 80 * GIB, 12),),
    disks=(
        DiskUse(
            WEB.key, "web", True, "vda", "/srv/images/web.qcow2", "qcow2", False, 300 * GIB, 90 * GIB, True
        ),
    ),
    commitment=Commitment(
        200 * GIB, 80 * GIB, 300 * GIB, 1e6, NOW + timedelta(days=1), Level.ALARM, "full soon"
    ),
    findings=(IN_ORDER, CACHED, ALSO_CACHED, NO_LOCKS),
)
LUN = Storage(
    StorageId(StorageKind.ISCSI, "iqn.2026-11.example.storage:disks/1"),
    "iqn.2026-11.example.storage:disks/1",
    {
        H1: Sighting(H1, Access.READ_WRITE, health=Health.DEGRADED, detail="2 of 4 paths"),
        H2: Sighting(H2, Access.UNKNOWN, detail="multipathd does not answer"),
    },
    findings=(replace(NO_LOCKS, id="storage.degraded", title="paths are lost", severity=Severity.LOW),),
)
EXPORT_ID = ("NFS", "nas.example:/export/images")
SEEN = StorageMap(NOW, (H1, H2), (EXPORT, LUN), {H3: "connection refused"})


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """Two hosts that have answered and one that is down."""
    scripted = two_of_three()
    scripted.storage_map = SEEN
    answered_by(monkeypatch, scripted, storage_module)
    return scripted


@pytest.mark.usefixtures("fleet")
async def test_a_wide_terminal_shows_a_row_for_each_storage_and_how_each_host_sees_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    assert await storage(ANY, json=False) == Exit.SUCCEEDED
    titles, nfs, lun, *_ = capsys.readouterr().out.splitlines()
    assert titles.split() == ["KIND", "STORAGE", "SIZE", "USED", "PROMISED", "LEVEL", "FINDINGS", "HOSTS"]
    assert " ".join(nfs.split()) == (
        "NFS nas.example:/export/images 200 G 120 G 300 G (150%) alarm 3 h1 rw, h2 ro"
    )
    assert " ".join(lun.split()) == (
        "iSCSI iqn.2026-11.example.storage:disks/1 - - - unknown 1 h1 rw (degraded), h2 ?"
    )
    assert nfs.index("h1 rw") == titles.index("HOSTS")


@pytest.mark.usefixtures("fleet")
async def test_a_usual_terminal_shows_the_same_as_paragraphs(capsys: pytest.CaptureFixture[str]) -> None:
    await storage(ANY, json=False)
    out = capsys.readouterr().out
    assert fits_80_columns(out)
    assert out.splitlines()[:6] == [
        "NFS    nas.example:/export/images",
        "       120 G of 200 G used, 300 G (150%) promised: alarm",
        "       h1 rw, h2 ro",
        "       3 findings",
        "iSCSI  iqn.2026-11.example.storage:disks/1",
        "       h1 rw (degraded), h2 ?",
    ]


@pytest.mark.usefixtures("fleet")
async def test_findings_of_all_storages_come_worst_first_with_what_mends_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await storage(ANY, json=False)
    words = " ".join(capsys.readouterr().out.split())
    high = words.index(
        "high locks hold on one host only on: nas.example:/export/images nolock on h2 mend: mount it without"
    )
    medium = words.index(
        "medium unsafe to move on: nas.example:/export/images guests: web, mail cache=writeback mend: cache=none"
    )
    assert high < medium < words.index("low paths are lost on: iqn.2026-11.example.storage:disks/1")
    assert "locks of the volume group" not in words


@pytest.mark.usefixtures("fleet")
async def test_scripts_get_each_storage_what_belongs_to_it_and_the_hosts_that_answered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await storage(ANY, json=True) == Exit.SUCCEEDED
    lines = objects(capsys)
    assert [line["event"] for line in lines] == [
        "storage", "sighting", "sighting", "pool", "disk", "finding", "finding", "finding", "finding",
        "storage", "sighting", "sighting", "finding", "storage_map",
    ]  # fmt: skip
    assert all((line["kind"], line["key"]) == EXPORT_ID for line in lines[:9])
    first, on_h1, on_h2, pool, disk, worst, *_ = lines
    assert (first["ratio"], first["level"], first["seen_by"]) == (1.5, "alarm", ["h1", "h2"])
    assert (first["capacity_bytes"], first["available_bytes"]) == (200 * GIB, 80 * GIB)
    assert (on_h1["host"], on_h1["access"], on_h1["health"]) == ("h1", "rw", "good")
    assert on_h1["ways"] == [{"kind": "mounted on", "words": "/srv/images"}]
    assert (on_h2["access"], on_h2["options"]) == ("ro", ["NFS 3", "nolock"])
    assert (pool["name"], pool["type"], pool["active"], pool["volumes"]) == ("images", "dir", True, 12)
    assert (disk["guest"], disk["host"], disk["target"]) == ("web", "h1", "vda")
    assert (disk["virtual_bytes"], disk["out_of_space"]) == (300 * GIB, True)
    assert (worst["id"], worst["severity"], worst["guest"]) == ("storage.local-locks", "high", None)
    assert lines[-1]["hosts"] == ["h1", "h2"]
    assert lines[-1]["left_out"] == [{"host": "h3", "reason": "connection refused"}]


async def test_a_host_that_answers_libvirt_but_not_this_question_is_told_on_standard_error(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.storage_map = replace(SEEN, left_out={H2: "no answer within 20 s", H3: "connection refused"})
    await storage(ANY, json=True)
    err = capsys.readouterr().err
    assert err == "virt-ferry: h2 is left out: no answer within 20 s\n"


async def test_nobody_wonders_that_a_local_folder_is_not_seen_by_others_but_that_a_lun_is_not(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    own = StorageId(StorageKind.FILE_SYSTEM, "h1:/dev/vda1")
    on_h1 = {H1: Sighting(H1, Access.READ_WRITE), H2: Sighting(H2, Access.NOT_SEEN)}
    local, lun = Storage(own, "/", on_h1), replace(LUN, sightings=on_h1, findings=())
    fleet.storage_map = replace(SEEN, storages=(local, lun))
    await storage(ANY, json=False)
    _, local_row, lun_row = capsys.readouterr().out.splitlines()
    assert local_row.endswith("0  h1 rw")
    assert lun_row.endswith("0  h1 rw, h2 -")


async def test_where_no_host_answers_the_command_fails(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.storage_map = StorageMap(NOW, left_out={H1: "silent", H2: "silent", H3: "connection refused"})
    assert await storage(ANY, json=False) == Exit.FAILED
    assert capsys.readouterr().out == "no host answers\n"


async def test_hosts_without_storage_are_an_answer(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.storage_map = StorageMap(NOW, (H1,))
    assert await storage(ANY, json=False) == Exit.SUCCEEDED
    assert capsys.readouterr().out == "no storage is seen\n"


@pytest.mark.usefixtures("fleet")
async def test_nothing_but_text_goes_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stdout.isatty()
    await storage(ANY, json=False)
    assert "\x1b" not in capsys.readouterr().out
