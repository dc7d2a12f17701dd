"""What a survey tells of a host of which a part does not answer."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from backends.capabilities import survey
from backends.errors import DeadlineError, FerryError
from backends.fleet.session import Session
from backends.hypervisor.connection import Connection
from backends.hypervisor.driver_offer import DriverOffer
from backends.model.host import HostName, HostSpec, Reach
from tests.unit.deaf import DeafShell


def behind_a_deaf_shell(monkeypatch: pytest.MonkeyPatch, answer: DriverOffer | FerryError) -> Session:
    """A host whose shell says nothing, and whose libvirt says this."""

    async def told(_connection: Connection, _driver: str) -> DriverOffer:
        if isinstance(answer, FerryError):
            raise answer
        return answer

    monkeypatch.setattr(survey, "read_offer", told)
    spec = HostSpec(HostName("h1"), Reach.SSH, "root@h1")
    session = Session(spec, DeafShell(), Path("unused"), listener=lambda _driver: lambda _event: None)
    session.connections = {"qemu": cast(Connection, "qemu")}
    return session


async def test_a_shell_that_does_not_answer_hides_nothing_of_what_libvirt_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = await survey.survey(behind_a_deaf_shell(monkeypatch, DriverOffer("qemu", "QEMU")))
    files = found.fact("machine.files")
    assert files and (files.trouble, files.mend) == ("no answer within 8 s", "is the host busy?")
    assert found.words("libvirt.qemu.guests") == "none"


async def test_a_host_of_which_nothing_answers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    session = behind_a_deaf_shell(monkeypatch, DeadlineError("the driver is silent"))
    with pytest.raises(DeadlineError, match="no answer within 8 s"):
        await survey.survey(session)
