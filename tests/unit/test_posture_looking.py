"""What becomes of a host's posture when a part of the host does not answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from backends.capabilities import posture
from backends.capabilities.posture import looking
from backends.errors import DeadlineError, FerryError, LinkError
from backends.fleet.session import Session
from backends.hypervisor.connection import Connection
from backends.hypervisor.guest_confinement import DriverConfinement, GuestConfinement
from backends.hypervisor.host_capabilities import SecurityModel
from backends.model.fleet import HostView
from backends.model.host import HostName, HostSpec, Link, LinkStatus, Reach
from backends.model.posture import Finding, Posture, Severity
from backends.remote.local import LocalShell
from tests.unit.deaf import DeafShell

DENIED = LinkStatus(
    Link.DEGRADED, datetime.now(UTC), "permission denied: /run/libvirt/libvirt-sock", "the group"
)
CONFINED = DriverConfinement((SecurityModel("apparmor"),), (GuestConfinement("u", "web", active=True),))


async def read(shell: LocalShell | DeafShell | None, *drivers: str, link: LinkStatus = DENIED) -> Posture:
    spec = HostSpec(HostName("h1"), Reach.SSH, "root@h1")
    session = Session(spec, shell, Path("unused"), listener=lambda _driver: lambda _event: None)
    session.connections = {driver: cast(Connection, driver) for driver in drivers}
    return await posture.read(session, HostView(spec, link))


def answering(monkeypatch: pytest.MonkeyPatch, answer: DriverConfinement | FerryError) -> None:
    async def told(_connection: Connection) -> DriverConfinement:
        if isinstance(answer, FerryError):
            raise answer
        return answer

    monkeypatch.setattr(looking, "read_confinement", told)


def the(found: Posture, id_: str) -> Finding:
    (one,) = (finding for finding in found.findings if finding.id == id_)
    return one


async def test_a_host_without_libvirt_for_this_account_tells_of_itself_and_which_permission_is_needed() -> (
    None
):
    found = await read(LocalShell())
    denied = the(found, "libvirt.answers")
    assert (denied.severity, denied.mend) == (Severity.UNKNOWN, "the group")
    assert "permission denied" in denied.evidence
    assert {finding.id for finding in found.findings} >= {"host.taint", "libvirt.tcp"}


async def test_a_host_that_is_reached_by_libvirt_alone_tells_of_its_guests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, CONFINED)
    found = await read(None, "qemu")
    assert (
        the(found, "host.files").severity is Severity.UNKNOWN and "user@host" in the(found, "host.files").mend
    )
    assert the(found, "guests.confinement").name == "web"
    assert not [finding for finding in found.findings if finding.id in ("host.taint", "libvirt.tcp")]


async def test_a_shell_that_does_not_answer_hides_nothing_of_what_libvirt_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, CONFINED)
    shell = DeafShell()
    found = await read(shell, "qemu")
    assert shell.asked == 2
    assert the(found, "host.files").evidence == "no answer within 8 s"
    assert the(found, "host.files").severity is Severity.UNKNOWN
    assert the(found, "host.settings").mend == "is the host busy?"
    assert the(found, "guests.confinement").severity is Severity.MEDIUM


async def test_a_driver_that_does_not_answer_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, DeadlineError("the driver is silent"))
    found = await read(LocalShell(), "qemu")
    assert the(found, "libvirt.answers").evidence == "the driver is silent"


async def test_guests_that_cannot_be_read_are_said_to_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, replace(CONFINED, unread=("db", "mail")))
    left_out = the(await read(LocalShell(), "qemu"), "guests.unread")
    assert left_out.severity is Severity.UNKNOWN and "db, mail" in left_out.evidence


async def test_a_host_of_which_nothing_answers_has_no_posture(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, LinkError("gone"))
    with pytest.raises(FerryError):
        await read(DeafShell(), "qemu")


async def test_a_made_up_host_is_not_judged() -> None:
    found = await read(None, "test")
    assert [(finding.id, finding.severity) for finding in found.findings] == [
        ("libvirt.answers", Severity.UNKNOWN)
    ]
    assert found.worst is Severity.UNKNOWN
