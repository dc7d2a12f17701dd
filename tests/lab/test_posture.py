"""How safe real hosts are set up: the lab's own openness is found as bad as it is, and nothing else is invented."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from backends.api import Fleet, open_fleet
from backends.lab.configuration import ACCOUNT
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.model.host import HostName, Link
from backends.model.posture import Finding, Severity
from backends.remote.shell import COMMAND_DEADLINE_S, Answer
from backends.remote.ssh import SshShell
from tests.lab.seeding import KEPT, setting, sh, start, xml
from tests.watching import link_is, until

H1 = HostName("h1")
HIGH, MEDIUM, LOW, UNKNOWN, GOOD = Severity
PASSWORD = "sesame12"
LIBVIRTD_CONF = "/etc/libvirt/libvirtd.conf"


async def findings(fleet: Fleet) -> tuple[Finding, ...]:
    return (await fleet.posture(H1)).findings


def the(found: Sequence[Finding], id_: str) -> Finding:
    (one,) = (finding for finding in found if finding.id == id_)
    return one


def of_the_lab(found: Sequence[Finding], *severities: Severity) -> set[tuple[str, str]]:
    """Without what the machine below decides: its processor, its kernel, and what it runs under."""
    return {(f.id, f.name) for f in found if f.severity in severities and not f.id.startswith("host.")}


def screen(address: str, name: str, *, password: str = "") -> str:
    """A guest with VNC on this address."""
    secret = f" passwd='{password}'" if password else ""
    graphics = (
        f"<graphics type='vnc' autoport='yes' listen='{address}'{secret}/><video><model type='vga'/></video>"
    )
    return xml(graphics, name=name, uuid=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)))


async def test_the_labs_own_settings_are_found_as_bad_as_they_are_and_nothing_else(
    lab: Lab, fleet: Fleet
) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), wait=False)
    found = await findings(fleet)
    assert of_the_lab(found, HIGH) == {("libvirt.tcp", "")}
    assert of_the_lab(found, MEDIUM) == {
        ("guests.confinement", ""),
        ("guests.user", ""),
        ("libvirt.migration", ""),
    }
    assert of_the_lab(found, LOW) == {("guests.definitions", ""), ("guests.devices", "")}
    assert of_the_lab(found, GOOD) >= {("guests.screens", ""), ("libvirt.tls", ""), ("libvirt.socket", "")}
    assert of_the_lab(found, UNKNOWN) == set()
    assert f"{lab.layout.address('h1')}:16509" in the(found, "libvirt.tcp").evidence
    assert 'security_driver = "none"' in the(found, "guests.confinement").evidence
    assert "web" in the(found, "guests.user").evidence
    assert the(found, "guests.seccomp").severity is GOOD, "its QEMU was started with -sandbox on"
    order = list(Severity)
    assert [f.severity for f in found] == sorted((f.severity for f in found), key=order.index)
    assert all(f.mend for f in found if f.severity in (HIGH, MEDIUM))
    assert all(f.source for f in found)


async def test_a_screen_on_the_hosts_address_is_open_to_all_unless_it_wants_a_password(
    lab: Lab, fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    address = lab.layout.address("h1")
    await start(lab, screen(address, "open"))
    await start(lab, screen(address, "asks", password=PASSWORD))
    await start(lab, screen("127.0.0.1", "local"))
    found = await findings(fleet)
    screens = {f.name: f for f in found if f.id == "guests.screens"}
    assert {name: finding.severity for name, finding in screens.items()} == {
        "open": HIGH,
        "asks": MEDIUM,
        "": GOOD,
    }
    assert address in screens["open"].evidence and "local" in screens[""].evidence
    key = screens["open"].guest
    assert key and key in fleet.state.hosts[H1].guests, "a key that leads to the guest"
    assert PASSWORD not in repr(found) + caplog.text


@asynccontextmanager
async def restarted_with(lab: Lab, line: str) -> AsyncIterator[None]:
    """libvirtd of h1 with this line before all others of its configuration; as before afterwards."""
    faults = lab.host("h1").faults
    kept = f"{LIBVIRTD_CONF}.kept"
    await sh(
        lab, "h1", f"cp {LIBVIRTD_CONF} {kept}; printf '%s\\n' '{line}' | cat - {kept} > {LIBVIRTD_CONF}"
    )
    try:
        await asyncio.to_thread(faults.kill_daemon)
        await asyncio.to_thread(lab.host("h1").wait_served)
        yield
    finally:
        await sh(lab, "h1", f"mv {kept} {LIBVIRTD_CONF}")
        await asyncio.to_thread(faults.kill_daemon)
        await asyncio.to_thread(lab.host("h1").wait_ready)


async def test_a_daemon_that_no_longer_listens_is_seen_by_its_sockets(lab: Lab) -> None:
    async with restarted_with(lab, "listen_tcp = 0"), open_fleet(lab_specs(lab.layout)[:1]) as fleet:
        await until(fleet, link_is("h1", Link.UP))
        found = the(await findings(fleet), "libvirt.tcp")
        assert (found.severity, found.evidence) == (GOOD, "does not listen")


async def test_what_is_written_down_and_not_in_force_yet_is_not_taken_for_closed(
    lab: Lab, fleet: Fleet
) -> None:
    """The socket is the proof: the file says that nothing listens, and libvirtd has not read it since."""
    await sh(
        lab,
        "h1",
        f"cp {LIBVIRTD_CONF} {LIBVIRTD_CONF}.kept; sed -i 's/^listen_tcp.*/listen_tcp = 0/' {LIBVIRTD_CONF}",
    )
    try:
        assert the(await findings(fleet), "libvirt.tcp").severity is HIGH
    finally:
        await sh(lab, "h1", f"mv {LIBVIRTD_CONF}.kept {LIBVIRTD_CONF}")


async def test_no_password_of_the_hosts_settings_is_brought_here(
    lab: Lab, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Answer] = []
    run = SshShell.run

    async def heard(
        shell: SshShell, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        answer = await run(shell, argv, stdin=stdin, deadline_s=deadline_s)
        if "sh" in argv:
            answers.append(answer)
        return answer

    monkeypatch.setattr(SshShell, "run", heard)
    await sh(lab, "h1", setting(f'vnc_password = "{PASSWORD}"'))
    try:
        found = await findings(fleet)
    finally:
        await sh(lab, "h1", KEPT)
    assert len(answers) == 2, "one command for the machine, one for what it lets in"
    assert any("vnc_password" in answer.out for answer in answers)
    assert PASSWORD not in repr(answers) + repr(found)


async def test_an_account_without_rights_is_told_what_it_may_see_and_which_permission_the_rest_needs(
    lab: Lab,
) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), wait=False)
    async with open_fleet(lab_specs(lab.layout, user=ACCOUNT)[:1]) as joe:
        await until(joe, link_is("h1", Link.DEGRADED))
        found = await findings(joe)
    denied = the(found, "libvirt.answers")
    assert denied.severity is UNKNOWN
    assert "permission denied" in denied.evidence and "group libvirt" in denied.mend
    assert the(found, "libvirt.tcp").severity is HIGH, "what every account sees is told"
    assert not [f for f in found if f.id.startswith("guests.")], "and of guests nothing is guessed"
