"""`virt-ferry prove`: what is said before, what was found, and the status for scripts (a scripted fleet)."""

from __future__ import annotations

import pytest

from backends.api import ActionError
from backends.model.host import HostName, Link
from backends.model.storage import HostProof, Sharing, SharingProof
from tests.tui.scripted import NOW, ScriptedFleet
from tests.unit.answered import ANY, H1, H2, H3, answered_by, fits_80_columns, objects
from tui.headless import prove as prove_module
from tui.headless.exits import Exit, UsageError
from tui.headless.prove import prove

SEEN = HostProof(H2, Sharing.PROVED, "what h1 wrote was read on h2", locks=True)
IMAGES = "/srv/images"


def proof(*others: HostProof) -> SharingProof:
    """Written through h1."""
    return SharingProof(IMAGES, H1, NOW, others)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """Three hosts that have answered."""
    scripted = ScriptedFleet("h1", "h2", "h3")
    for host in ("h1", "h2", "h3"):
        scripted.up(host)
    answered_by(monkeypatch, scripted, prove_module)
    return scripted


@pytest.mark.parametrize("json", [False, True])
async def test_what_will_be_written_is_said_before_anything_is(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str], json: bool
) -> None:
    fleet.proof = ActionError("no host has it")
    with pytest.raises(ActionError):
        await prove(ANY, IMAGES, json=json)
    said = " ".join(capsys.readouterr().out.split())
    assert "/srv/images" in said
    assert "a small marker file is written there" in said
    assert "and removed; a LUN or a device is only read" in said


async def test_each_host_has_its_evidence_and_whether_locks_hold(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    other = HostProof(H3, Sharing.SAME_PATH, "the folder has no such file on h3", locks=False)
    fleet.proof = proof(SEEN, other)
    await prove(ANY, IMAGES, json=False)
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert "/srv/images, compared with h1 h2 proved, locks hold what h1 wrote was read on h2" in words
    assert "h3 only the same path, but locks do not hold the folder has no such file on h3" in words
    assert fits_80_columns(out)


async def test_locks_that_were_not_tried_are_not_spoken_of(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.proof = proof(HostProof(H2, Sharing.SAME_IDENTITY, "both have naa.6001"))
    await prove(ANY, "naa.6001", json=False)
    assert "h2  same identity\n" in capsys.readouterr().out


async def test_scripts_get_a_line_for_each_host_and_the_sum(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.proof = proof(SEEN)
    assert await prove(ANY, IMAGES, json=True) == Exit.INDETERMINATE
    proving, on_h2, end = objects(capsys)
    assert (proving["event"], proving["subject"], proving["hosts"]) == ("proving", IMAGES, ["h1", "h2", "h3"])
    assert on_h2 == {
        "event": "host_proof", "subject": IMAGES, "writer": "h1", "host": "h2", "sharing": "proved",
        "evidence": "what h1 wrote was read on h2", "locks": True,
    }  # fmt: skip
    assert (end["event"], end["writer"], end["shared"], end["untried"]) == ("proof", "h1", None, ["h3"])


@pytest.mark.parametrize(
    ("on_h2", "on_h3", "status", "shared"),
    [
        (Sharing.PROVED, Sharing.PROVED, Exit.SUCCEEDED, True),
        (Sharing.PROVED, Sharing.SAME_IDENTITY, Exit.SUCCEEDED, True),
        (Sharing.PROVED, Sharing.SAME_PATH, Exit.FAILED, False),
        (Sharing.PROVED, Sharing.DIFFERENT, Exit.FAILED, False),
        (Sharing.PROVED, Sharing.UNKNOWN, Exit.INDETERMINATE, None),
        (Sharing.UNKNOWN, Sharing.DIFFERENT, Exit.FAILED, False),
        (Sharing.PROVED, None, Exit.INDETERMINATE, None),
        (Sharing.DIFFERENT, None, Exit.FAILED, False),
        (None, None, Exit.INDETERMINATE, None),
    ],
)
async def test_the_status_is_good_only_when_every_host_that_is_meant_has_shown_it(
    fleet: ScriptedFleet,
    capsys: pytest.CaptureFixture[str],
    on_h2: Sharing | None,
    on_h3: Sharing | None,
    status: Exit,
    shared: bool | None,
) -> None:
    found = [HostProof(host, sharing, "") for host, sharing in ((H2, on_h2), (H3, on_h3)) if sharing]
    fleet.proof = proof(*found)
    assert await prove(ANY, IMAGES, json=True) == status
    assert objects(capsys)[-1]["shared"] is shared


async def test_a_host_that_does_not_answer_is_told_as_not_tried(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.link("h3", Link.DOWN, "connection refused")
    fleet.proof = proof(SEEN)
    assert await prove(ANY, IMAGES, json=False) == Exit.INDETERMINATE
    assert "h3  not tried: it does not answer" in capsys.readouterr().out


async def test_one_host_alone_is_a_usage_error_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = ScriptedFleet("h1")
    alone.up(HostName("h1"))
    answered_by(monkeypatch, alone, prove_module)
    with pytest.raises(UsageError, match="one host alone"):
        await prove(ANY, IMAGES, json=False)
    assert capsys.readouterr().out == ""
    assert not alone.asked
