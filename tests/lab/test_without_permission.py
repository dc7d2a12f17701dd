"""An account without rights on real hosts: what it may know is told, and for the rest which permission it needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from backends.api import ActionError, Fleet, LinkError, open_fleet
from backends.lab.configuration import ACCOUNT
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.model.capability import Fact, GuestKind, Section, Support
from backends.model.guest import GuestAction, GuestKey
from backends.model.host import HostName, HostSpec, Link
from backends.model.posture import Severity
from backends.probes.survey.script import ask
from backends.remote.ssh import SshShell
from tests.watching import all_up, link_is, until

H1, H2, H3 = (HostName(name) for name in ("h1", "h2", "h3"))


@pytest.fixture
async def joe(lab: Lab) -> AsyncIterator[Fleet]:
    """The lab's hosts as somebody sees them who may log in and nothing more."""
    async with open_fleet(lab_specs(lab.layout, user=ACCOUNT)) as opened:
        for host in (H1, H2, H3):
            await until(opened, link_is(host, Link.DEGRADED))
        yield opened


async def test_who_may_not_use_libvirt_is_told_which_socket_and_which_group(lab: Lab, joe: Fleet) -> None:
    link = joe.state.hosts[H1].link
    assert link.reason == "permission denied: /run/libvirt/libvirt-sock"
    assert "group libvirt" in link.hint


async def test_who_may_not_use_libvirt_sees_the_load_and_can_do_nothing_to_guests(
    lab: Lab, joe: Fleet
) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), wait=False)
    state = await until(
        joe, lambda state: (load := state.hosts[H1].load) is not None and load.cpu is not None
    )
    load = state.hosts[H1].load
    assert load is not None
    assert load.memory_used_bytes
    assert list(state.guests()) == []
    with pytest.raises((ActionError, LinkError), match="permission denied"):
        await joe.act(GuestKey(H1, "qemu", "00000000-0000-0000-0000-000000000000"), GuestAction.START)


@contextmanager
def in_the_group(lab: Lab) -> Iterator[HostSpec]:
    """While the block lasts, joe of h1 is in the group that may use libvirt."""
    group = lab.host("h1").exec("cat", "/etc/group").stdout
    joined = group.replace("libvirt:x:64056:\n", f"libvirt:x:64056:{ACCOUNT}\n")
    assert joined != group
    try:
        lab.host("h1").exec("tee", "/etc/group", stdin=joined)
        yield lab_specs(lab.layout, user=ACCOUNT)[0]
    finally:
        lab.host("h1").exec("tee", "/etc/group", stdin=group)


async def test_the_hint_is_right_who_is_in_the_group_sees_the_guests(lab: Lab) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), wait=False)
    with in_the_group(lab) as spec:
        async with open_fleet([spec]) as fleet:
            state = await until(fleet, link_is("h1", Link.UP))
            assert [guest.name for guest in state.guests()] == ["web"]


async def test_who_may_use_libvirt_and_not_read_its_settings_is_told_which_file(lab: Lab) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), wait=False)
    with in_the_group(lab) as spec:
        async with open_fleet([spec]) as fleet:
            await until(fleet, link_is("h1", Link.UP))
            found = (await fleet.posture(H1)).findings
            survey = await fleet.survey(H1)
    (clear_text,) = (finding for finding in found if finding.id == "libvirt.migration")
    assert clear_text.severity is Severity.UNKNOWN
    assert "/etc/libvirt/qemu.conf" in clear_text.mend
    assert "user is root" not in " ".join(finding.evidence for finding in found), "that stands in qemu.conf"
    assert survey.support(GuestKind.FULL).support is Support.EMULATED
    assert survey.fact("libvirt.answers") is None


# What can be known all the same ---------------------------------------------------------------


def told(facts: tuple[Fact, ...]) -> dict[str, str]:
    """What is known, but for what changes by itself."""
    passing = ("machine.clock", "machine.uptime", "memory.available", "memory.swap")
    return {fact.id: fact.value for fact in facts if fact.known and fact.id not in passing}


async def test_what_everybody_may_read_is_told_and_what_root_alone_learns_names_the_permission(
    lab: Lab, joe: Fleet
) -> None:
    async with open_fleet(lab_specs(lab.layout)[:1]) as fleet:
        await until(fleet, all_up)
        full = await fleet.survey(H1)
    found = await joe.survey(H1)
    known, known_to_root = told(found.facts), told(full.facts)
    assert known.items() <= known_to_root.items(), "nothing is invented"
    assert len(known) > 20
    missing = known_to_root.keys() - known.keys()
    assert missing
    assert {Section(fact.section) for fact in full.facts if fact.id in missing} >= {Section.LIBVIRT}
    own = {fact.id: fact for fact in found.facts}
    for id_ in missing:
        reason = own.get(id_) or own["libvirt.answers"]
        assert id_ in own or id_.startswith("libvirt."), id_
        assert "permission denied" in reason.trouble, reason
        assert reason.mend, reason


async def test_without_libvirt_nothing_is_said_of_kinds_of_guests(joe: Fleet) -> None:
    found = await joe.survey(H1)
    assert {found.support(kind).support for kind in GuestKind} == {Support.UNKNOWN}
    fact = found.fact("libvirt.answers")
    assert fact is not None
    assert fact.trouble == "permission denied: /run/libvirt/libvirt-sock"
    assert "group libvirt" in fact.mend


UNREADABLE = """
mkdir -p /dev/cpu/0
printf '\\5\\0\\0\\0\\0\\0\\0\\0' >/dev/cpu/0/msr
cp /dev/cpu/0/msr /dev/kvm
chmod 600 /dev/cpu/0/msr /dev/kvm
"""


async def test_the_kernels_files_that_are_roots_alone_are_there_and_denied(lab: Lab) -> None:
    """The lab's hosts have neither device: plain files with their names and modes stand in for a moment."""
    h3 = lab.host("h3")
    await asyncio.to_thread(h3.exec, "sh", "-c", UNREADABLE)
    try:
        shell = await SshShell.open(lab_specs(lab.layout, user=ACCOUNT)[2], None)
        try:
            readings = await ask(shell)
        finally:
            await shell.close()
    finally:
        await asyncio.to_thread(h3.exec, "rm", "-r", "/dev/cpu", "/dev/kvm")
    assert (readings.account, readings.is_root) == (ACCOUNT, False)
    denied, mend = readings.trouble("/dev/cpu/0/msr 0x3a")
    assert denied == "permission denied"
    assert "CAP_SYS_RAWIO" in mend
    assert readings.text("/dev/kvm") == "-", "it is there, and joe may do nothing with it"
    if readings.text("/proc/sys/kernel/dmesg_restrict") == "1":
        denied, mend = readings.trouble("dmesg")
        assert denied == "permission denied"
        assert "CAP_SYSLOG" in mend
    assert readings.text("/proc/meminfo")
