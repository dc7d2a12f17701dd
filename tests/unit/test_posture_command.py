"""`virt-ferry posture`: what scripts and terminals are told (a scripted fleet)."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from backends.model.posture import Finding, Posture, Severity
from tests.tui.scripted import NOW, ScriptedFleet
from tests.unit.answered import ANY, H1, H2, MAIL, WEB, answered_by, fits_80_columns, objects, two_of_three
from tui.headless import posture as posture_module
from tui.headless.exits import Exit
from tui.headless.posture import posture

OPEN_TCP = Finding(
    "libvirt.tcp", "libvirt listens on plain TCP", Severity.HIGH, "auth_tcp is none", "use TLS", "ss"
)
POSTURE = Posture(
    H1,
    NOW,
    (
        OPEN_TCP,
        *(
            Finding(
                "guests.confinement",
                "no label confines it",
                Severity.MEDIUM,
                "seclabel none",
                "switch AppArmor on",
                guest=each.key,
                name=each.name,
            )
            for each in (WEB, MAIL)
        ),
        Finding("kernel.taint", "the kernel is not tainted", Severity.GOOD, "0", source="/proc/sys/kernel"),
    ),
)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """Two hosts that have answered and one that is down."""
    scripted = two_of_three()
    answered_by(monkeypatch, scripted, posture_module)
    return scripted


async def test_findings_come_worst_first_and_guests_that_share_one_together(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.postures["h1"] = replace(POSTURE, findings=tuple(reversed(POSTURE.findings)))
    await posture(ANY, everything=False, json=False)
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "h1: 1 high, 2 medium, 1 good"
    words = " ".join(out.split())
    high = words.index("high libvirt listens on plain TCP auth_tcp is none mend: use TLS")
    assert high < words.index("medium no label confines it guests: mail, web seclabel none mend: switch")
    assert "tainted" not in words
    assert fits_80_columns(out)


async def test_what_is_as_it_should_be_is_shown_on_demand(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.postures["h1"] = POSTURE
    await posture(ANY, everything=True, json=False)
    assert "good     the kernel is not tainted" in capsys.readouterr().out
    await posture(ANY, everything=True, json=True)
    assert [line.get("severity") for line in objects(capsys)] == ["high", "medium", "medium", "good", None]


async def test_scripts_get_a_line_for_each_finding_and_the_sum_of_each_host(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.postures["h1"] = POSTURE
    await posture(ANY, everything=False, json=True)
    tcp, web, _, end = objects(capsys)
    assert tcp == {
        "event": "finding", "host": "h1", "id": "libvirt.tcp", "title": "libvirt listens on plain TCP",
        "severity": "high", "evidence": "auth_tcp is none", "mend": "use TLS", "source": "ss",
        "guest": None, "uuid": None, "driver": None,
    }  # fmt: skip
    assert (web["guest"], web["uuid"], web["driver"]) == ("web", WEB.key.uuid, "qemu")
    assert (end["event"], end["host"], end["worst"]) == ("posture", "h1", "high")
    assert end["counts"] == {"high": 1, "medium": 2, "low": 0, "unknown": 0, "good": 1}


@pytest.mark.parametrize(
    ("one", "other", "status"),
    [
        (Severity.GOOD, Severity.MEDIUM, Exit.SUCCEEDED),
        (Severity.GOOD, Severity.UNKNOWN, Exit.SUCCEEDED),
        (Severity.GOOD, Severity.HIGH, Exit.REFUSED),
        (Severity.GOOD, None, Exit.FAILED),
        (Severity.HIGH, None, Exit.REFUSED),
        (None, None, Exit.FAILED),
    ],
)
async def test_the_status_says_that_all_were_looked_at_and_none_is_high(
    monkeypatch: pytest.MonkeyPatch, one: Severity | None, other: Severity | None, status: Exit
) -> None:
    fleet = ScriptedFleet("h1", "h2")
    answered_by(monkeypatch, fleet, posture_module)
    for host, worst in ((H1, one), (H2, other)):
        fleet.up(host)
        if worst:
            fleet.postures[host] = Posture(host, NOW, (replace(OPEN_TCP, severity=worst),))
    assert await posture(ANY, everything=False, json=True) == status


async def test_a_host_that_is_down_is_not_called_safe(fleet: ScriptedFleet) -> None:
    for host in (H1, H2):
        fleet.postures[host] = Posture(host, NOW, (replace(OPEN_TCP, severity=Severity.GOOD),))
    assert await posture(ANY, everything=False, json=True) == Exit.FAILED


async def test_nothing_but_text_goes_into_a_pipe(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not sys.stdout.isatty()
    fleet.postures["h1"] = POSTURE
    await posture(ANY, everything=True, json=False)
    assert "\x1b" not in capsys.readouterr().out
