"""Links to real hosts: what a user sees when a host freezes, loses its network, its power or its libvirt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from backends.api import Fleet, LinkError, open_fleet, parse_host
from backends.lab import keys
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.model.fleet import FleetState
from backends.model.guest import GuestAction, GuestKey, GuestState
from backends.model.host import HostName, Link
from backends.model.question import Question, QuestionKind
from tests.watching import all_up, guest_named, link_is, until

H1, H2, H3 = (HostName(name) for name in ("h1", "h2", "h3"))
STALE_WITHIN_S = 10
"""The promise: a frozen host is known to be silent after this long."""


async def test_three_hosts_come_up_with_their_drivers(fleet: Fleet) -> None:
    for view in fleet.state.hosts.values():
        assert view.facts is not None
        assert view.facts.hostname == view.spec.name
        names = {driver.name: driver.hypervisor for driver in view.facts.drivers}
        assert names == {"qemu": "QEMU", "lxc": "LXC"}
        assert view.facts.memory_bytes > 2**30


async def test_guests_appear_run_and_go_by_events(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="eve"))
    state = await until(fleet, lambda state: any(g.state is GuestState.RUNNING for g in state.guests()))
    guest = guest_named(state, "eve")
    assert guest.persistent
    await until(fleet, lambda state: (s := state.sample(guest.key)) is not None and s.cpu is not None)
    await fleet.act(guest.key, GuestAction.PAUSE)
    await until(fleet, lambda state: guest_named(state, "eve").state is GuestState.PAUSED)
    await fleet.act(guest.key, GuestAction.RESUME)
    await fleet.act(guest.key, GuestAction.SHUT_DOWN)
    await until(fleet, lambda state: guest_named(state, "eve").state is GuestState.OFF)


async def test_since_when_a_guest_runs_is_known_to_a_program_started_later(lab: Lab) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="old"))
    started = time.time()
    async with open_fleet(lab_specs(lab.layout)) as fleet:
        await until(fleet, all_up)
        since = guest_named(fleet.state, "old").since
        assert since is not None
        assert 0 <= started - since.timestamp() < 30


async def test_a_frozen_host_turns_stale_in_time_and_stops_no_other(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="on-h1"), host="h1")
    await asyncio.to_thread(lab.guest, GuestSpec(name="on-h2"), host="h2")
    await until(fleet, lambda state: len(list(state.guests())) == 2)
    await asyncio.to_thread(lab.freeze, "h1")
    frozen = time.monotonic()
    state = await until(fleet, link_is("h1", Link.STALE), STALE_WITHIN_S + 5)
    took = time.monotonic() - frozen
    assert took < STALE_WITHIN_S
    assert state.hosts[H1].link.reason
    assert guest_named(state, "on-h1").state is GuestState.RUNNING, "the last known state is kept"
    heard = state.hosts[H2].heard
    await until(fleet, lambda state: state.hosts[H2].heard != heard)
    await fleet.act(guest_named(state, "on-h2").key, GuestAction.PAUSE)
    await until(fleet, lambda state: guest_named(state, "on-h2").state is GuestState.PAUSED)
    assert fleet.state.hosts[H1].link.link is Link.STALE
    await asyncio.to_thread(lab.thaw, "h1")
    await until(fleet, link_is("h1", Link.UP), 25)


async def test_a_host_frozen_at_the_start_does_not_delay_the_others(lab: Lab) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="quick"), host="h2")

    async def first_sight() -> float:
        began = time.monotonic()
        async with open_fleet(lab_specs(lab.layout)) as fleet:
            await until(fleet, lambda state: any(g.name == "quick" for g in state.guests()))
            return time.monotonic() - began

    healthy = await first_sight()
    await asyncio.to_thread(lab.freeze, "h1")
    with_one_frozen = await first_sight()
    assert with_one_frozen < healthy + 1.0, f"{healthy:.2f} s healthy, {with_one_frozen:.2f} s with h1 frozen"


async def test_a_host_without_power_is_down_and_comes_back_with_its_guests(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="victim"), host="h3")
    await until(fleet, lambda state: any(g.name == "victim" for g in state.guests()))
    await asyncio.to_thread(lab.crash, "h3")
    state = await until(fleet, link_is("h3", Link.STALE, Link.DOWN), STALE_WITHIN_S + 5)
    assert guest_named(state, "victim")
    await asyncio.to_thread(lab.boot, "h3")
    await until(fleet, link_is("h3", Link.UP), 40)
    await until(fleet, lambda state: guest_named(state, "victim").state is GuestState.OFF)


async def test_a_cut_cable_is_told_and_healed(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.cut, "h2")
    await until(fleet, link_is("h2", Link.STALE), STALE_WITHIN_S + 5)
    await asyncio.to_thread(lab.heal, "h2")
    await until(fleet, link_is("h2", Link.UP), 40)


async def test_a_host_whose_libvirt_stopped_is_degraded_and_says_what_to_do(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="left-alone"), host="h3")
    await until(fleet, lambda state: any(g.name == "left-alone" for g in state.guests()))
    with stopped_libvirt(lab, "h3"):
        state = await until(fleet, link_is("h3", Link.DEGRADED), 20)
        assert "libvirt" in state.hosts[H3].link.hint
        assert guest_named(state, "left-alone"), "the last known guests stay"
        loaded = await until(fleet, lambda state: _load_known(state, H3))
        assert loaded.hosts[H3].link.link is Link.DEGRADED
    await until(fleet, link_is("h3", Link.UP), 40)


@contextmanager
def stopped_libvirt(lab: Lab, host: str) -> Iterator[None]:
    """As an administrator stops the service: what would start it again is held until the block ends."""
    node = lab.host(host)
    pid = node.exec("pidof", "libvirtd").stdout.strip()
    keeper = node.exec("ps", "-o", "ppid=", "-p", pid).stdout.strip()
    node.exec("kill", "-STOP", keeper)
    try:
        node.exec("kill", pid)
        yield
    finally:
        node.exec("kill", "-CONT", keeper)


def _load_known(state: FleetState, host: HostName) -> bool:
    load = state.hosts[host].load
    return load is not None and load.memory_used_bytes is not None


async def test_the_socket_of_a_modular_daemon_is_found(lab: Lab) -> None:
    """The distribution has no modular daemons; the same daemon answers under the name that virtqemud would have."""
    monolithic, modular = "/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"
    await asyncio.to_thread(lab.host("h3").exec, "mv", monolithic, modular)
    try:
        async with open_fleet(lab_specs(lab.layout)[2:]) as fleet:
            state = await until(fleet, all_up)
    finally:
        await asyncio.to_thread(lab.host("h3").exec, "mv", modular, monolithic)
    facts = state.hosts[H3].facts
    assert facts is not None
    assert [driver.name for driver in facts.drivers] == ["qemu"]


async def test_a_plain_libvirt_uri_works_without_ssh(lab: Lab) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="tcp-guest"), host="h1")
    spec = parse_host(f"qemu+tcp://{lab.layout.address('h1')}/system")
    async with open_fleet([spec]) as fleet:
        state = await until(fleet, lambda state: any(g.name == "tcp-guest" for g in state.guests()))
        assert guest_named(state, "tcp-guest").state is GuestState.RUNNING


# Host keys and logins -------------------------------------------------------------------------


@contextmanager
def other_config(lab: Lab, folder: Path, known_hosts: str) -> Iterator[str]:
    """The lab's ssh configuration with another known_hosts file."""
    (folder / "known_hosts").write_text(known_hosts)
    config = folder / "config"
    config.write_text(
        lab.layout.ssh_config.read_text().replace(str(lab.layout.known_hosts), str(folder / "known_hosts"))
    )
    yield str(config)


def answering(answer: str | None, heard: list[Question]) -> Callable[[Question], Awaitable[str | None]]:
    async def ask(question: Question) -> str | None:
        heard.append(question)
        return answer

    return ask


async def test_an_unknown_host_key_is_asked_about_with_its_fingerprint_and_remembered(
    lab: Lab, tmp_path: Path
) -> None:
    with other_config(lab, tmp_path, "") as config:
        spec = replace(lab_specs(lab.layout)[0], ssh_config=config)
        heard: list[Question] = []
        async with open_fleet([spec], asker=answering("yes", heard)) as fleet:
            await until(fleet, all_up)
        assert [question.kind for question in heard] == [QuestionKind.HOST_KEY]
        key = asyncssh.read_private_key(keys.host_key(lab.layout, "h1"))
        assert key.get_fingerprint() in heard[0].detail
        async with open_fleet([spec], asker=answering(None, heard)) as fleet:
            await until(fleet, all_up)
        assert len(heard) == 1, "an accepted key is not asked about again"


async def test_an_unknown_host_key_that_is_not_accepted_keeps_the_host_down(lab: Lab, tmp_path: Path) -> None:
    with other_config(lab, tmp_path, "") as config:
        spec = replace(lab_specs(lab.layout)[0], ssh_config=config)
        async with open_fleet([spec], asker=answering(None, [])) as fleet:
            state = await until(fleet, link_is("h1", Link.DOWN))
            assert "not accepted" in state.hosts[H1].link.reason
    assert (tmp_path / "known_hosts").read_text() == ""


async def test_a_changed_host_key_is_refused_with_both_fingerprints_and_never_asked_about(
    lab: Lab, tmp_path: Path
) -> None:
    wrong = asyncssh.generate_private_key("ssh-ed25519")
    line = f"h1,{lab.layout.address('h1')} {wrong.export_public_key().decode()}"
    with other_config(lab, tmp_path, line) as config:
        spec = replace(lab_specs(lab.layout)[0], ssh_config=config)
        heard: list[Question] = []
        async with open_fleet([spec], asker=answering("yes", heard)) as fleet:
            state = await until(fleet, link_is("h1", Link.DOWN))
            reason = state.hosts[H1].link.reason
            assert "CHANGED" in reason
            assert wrong.get_fingerprint() in reason
            assert reason.count("SHA256:") == 2
            with pytest.raises(LinkError):
                await fleet.act(GuestKey(H1, "qemu", "u"), GuestAction.START)
        assert not heard


async def test_a_refused_login_says_so_and_how_to_try_it(lab: Lab, tmp_path: Path) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "other_key")
    config = tmp_path / "config"
    config.write_text(
        lab.layout.ssh_config.read_text().replace(str(lab.layout.client_key), str(tmp_path / "other_key"))
    )
    spec = replace(lab_specs(lab.layout)[0], ssh_config=str(config))
    async with open_fleet([spec]) as fleet:
        state = await until(fleet, link_is("h1", Link.DOWN))
        assert "refused" in state.hosts[H1].link.reason
        assert "ssh" in state.hosts[H1].link.hint


async def test_a_passphrase_is_asked_for_only_when_it_is_needed(lab: Lab, tmp_path: Path) -> None:
    key = asyncssh.read_private_key(lab.layout.client_key)
    key.write_private_key(tmp_path / "locked_key", passphrase="sesame")  # noqa: S106 - made up for this test
    (tmp_path / "locked_key").chmod(0o600)
    config = tmp_path / "config"
    config.write_text(
        lab.layout.ssh_config.read_text().replace(str(lab.layout.client_key), str(tmp_path / "locked_key"))
    )
    spec = replace(lab_specs(lab.layout)[0], ssh_config=str(config))
    heard: list[Question] = []
    async with open_fleet([spec], asker=answering("sesame", heard)) as fleet:
        await until(fleet, all_up)
    assert [question.kind for question in heard] == [QuestionKind.PASSPHRASE]


@pytest.mark.parametrize("jumps", ["h2", "h3,h2"])
async def test_a_host_behind_jump_hosts_is_reached_as_ssh_would(lab: Lab, tmp_path: Path, jumps: str) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host h1\n  ProxyJump {jumps}\n{lab.layout.ssh_config.read_text()}")
    spec = replace(lab_specs(lab.layout)[0], ssh_config=str(config))
    async with open_fleet([spec]) as fleet:
        await until(fleet, all_up)
        peers = await asyncio.to_thread(
            lab.host("h1").exec,
            "sh",
            "-c",
            "cat /proc/net/tcp | awk '$2 ~ /:0016$/ && $4 == \"01\" {print $3}'",
        )
    h2 = lab.layout.address("h2").split(".")
    assert "".join(f"{int(part):02X}" for part in reversed(h2)) in peers.stdout, (
        "the connection comes from h2"
    )


async def test_jump_hosts_that_lead_in_a_circle_are_an_error_and_no_endless_loop(
    lab: Lab, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    circle = "Host h1\n  ProxyJump h2\nHost h2\n  ProxyJump h1\n"
    config.write_text(f"{circle}{lab.layout.ssh_config.read_text()}")
    spec = replace(lab_specs(lab.layout)[0], ssh_config=str(config))
    async with open_fleet([spec]) as fleet:
        state = await until(fleet, link_is("h1", Link.DOWN))
        assert "circle" in state.hosts[H1].link.reason
