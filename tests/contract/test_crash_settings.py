"""What happens when a guest crashes is read and changed, and nothing else is (libvirt's test driver)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import libvirt
import pytest

from backends.embedded import node_xml
from backends.errors import ActionError, UnsupportedError
from backends.fleet.supervisor import Supervisor
from backends.guests.crash_setting import change, read_setting
from backends.hypervisor.definition_edit import same_but_for
from backends.model.crash_setting import CrashSetting, CrashWish, OnCrash, OnEnd
from backends.model.guest import Guest, GuestKey
from backends.model.host import HostName, HostSpec, Reach
from tests.supervised import Supervised, supervised

H1 = HostName("h1")
KEY = GuestKey(H1, "test", "00000001-0000-4000-8000-000000000000")
WHOLE = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE


class Host:
    """h1, on which web-100 runs: one of an architecture, with a password to be lost."""

    def __init__(self, hosts: Supervised) -> None:
        self.hosts = hosts

    @property
    def supervisor(self) -> Supervisor:
        """Of h1."""
        return self.hosts.supervisors[H1]

    @property
    def guest(self) -> Guest:
        """As the board has it."""
        found = self.hosts.board.state.guest(KEY)
        assert found
        return found

    async def domain(self, work: Callable[[Any], Any]) -> Any:
        """Call libvirt itself."""
        connection = self.supervisor.current().connection("test")
        return await connection.call("test", lambda conn: work(conn.lookupByUUIDString(KEY.uuid)))

    async def stored(self) -> str:
        """The whole definition, with its passwords."""
        return str(await self.domain(lambda domain: domain.XMLDesc(WHOLE)))

    async def read(self) -> CrashSetting:
        """As a user reads it."""
        return await read_setting(self.supervisor, self.guest)

    async def change(self, **wish: Any) -> str:
        """As a user changes it."""
        return await change(self.supervisor, self.guest, CrashWish(**wish))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    file = tmp_path / "h1.xml"
    text = node_xml(1, 1).replace("<type>hvm", "<type arch='x86_64'>hvm")
    text = text.replace("<devices>", "<devices><graphics type='vnc' port='-1' passwd='s3cret'/>")
    file.write_text(text)
    async with supervised([HostSpec(H1, Reach.URI, f"test://{file}")]) as hosts:
        yield Host(hosts)


async def test_a_guest_of_which_nothing_would_be_left_is_told(host: Host) -> None:
    setting = await host.read()
    assert (setting.on_crash, setting.on_reboot) == ("destroy", "restart")
    assert not setting.panic_devices
    assert "would leave nothing" in setting.findings[0].evidence


async def test_an_action_is_changed_at_once_and_for_each_start(host: Host) -> None:
    before = await host.stored()
    assert "from now on" in await host.change(on_crash=OnCrash.COREDUMP_RESTART)
    assert (await host.read()).on_crash == "coredump-restart"
    after = await host.stored()
    assert "<on_crash>coredump-restart</on_crash>" in after
    assert same_but_for(before, after, ("on_crash",))
    assert "so already" in await host.change(on_crash=OnCrash.COREDUMP_RESTART)


async def test_all_three_can_be_changed_together(host: Host) -> None:
    done = await host.change(on_crash=OnCrash.PRESERVE, on_poweroff=OnEnd.RESTART, on_reboot=OnEnd.DESTROY)
    assert "on_crash is preserve, on_poweroff is restart, on_reboot is destroy" in done
    setting = await host.read()
    assert (setting.on_crash, setting.on_poweroff, setting.on_reboot) == ("preserve", "restart", "destroy")


async def test_a_panic_device_comes_with_the_next_start_and_nothing_else_changes(host: Host) -> None:
    before = await host.stored()
    done = await host.change(panic_device=True)
    assert "isa" in done
    assert "from the next start" in done
    after = await host.stored()
    assert same_but_for(before, after, ("devices/panic",))
    assert "<panic model='isa'/>" in after
    assert "s3cret" in after
    assert "no panic device any more" in await host.change(panic_device=False)
    assert await host.stored() == before


async def test_a_driver_without_the_call_has_it_stored(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirt.virDomain, "setLifecycleAction", refuses(libvirt.VIR_ERR_NO_SUPPORT))
    before = await host.stored()
    assert "from the next start" in await host.change(on_crash=OnCrash.COREDUMP_DESTROY)
    after = await host.stored()
    assert "<on_crash>coredump-destroy</on_crash>" in after
    assert same_but_for(before, after, ("on_crash",))
    assert "s3cret" in after


async def test_what_the_process_cannot_take_any_more_is_stored_and_told(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """QEMU before 6.0, started with -no-reboot."""
    monkeypatch.setattr(libvirt.virDomain, "setLifecycleAction", only_stored)
    done = await host.change(on_reboot=OnEnd.DESTROY)
    assert "from the next start" in done
    assert "no-reboot" in done


async def test_what_the_driver_never_does_is_its_own_no(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirt.virDomain, "setLifecycleAction", refuses(libvirt.VIR_ERR_CONFIG_UNSUPPORTED))
    before = await host.stored()
    with pytest.raises(UnsupportedError, match="libvirt says no"):
        await host.change(on_reboot=OnEnd.PRESERVE)
    assert await host.stored() == before


async def test_actions_that_libvirt_takes_in_one_order_only_are_given_in_that(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """QEMU's driver refuses a pair of on_reboot and on_poweroff that would hold in between."""
    real = libvirt.virDomain.setLifecycleAction
    seen: list[int] = []

    def picky(self: Any, event: int, action: int, flags: int = 0) -> Any:
        if event == libvirt.VIR_DOMAIN_LIFECYCLE_POWEROFF and libvirt.VIR_DOMAIN_LIFECYCLE_REBOOT not in seen:
            raise error_of(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "libvirt says no")
        seen.append(event)
        return real(self, event, action, flags)

    monkeypatch.setattr(libvirt.virDomain, "setLifecycleAction", picky)
    await host.change(on_poweroff=OnEnd.RESTART, on_reboot=OnEnd.DESTROY)
    setting = await host.read()
    assert (setting.on_poweroff, setting.on_reboot) == ("restart", "destroy")


async def test_what_somebody_else_changes_in_between_is_kept(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = libvirt.virDomain.XMLDesc
    reads = 0

    def meddling(self: Any, flags: int = 0) -> Any:
        nonlocal reads
        if flags == WHOLE:
            reads += 1
            if reads == 2:  # after our first look, before our define
                text = real(self, WHOLE).replace("<vcpu placement='static'>1<", "<vcpu placement='static'>3<")
                self.connect().defineXML(text)
        return real(self, flags)

    with monkeypatch.context() as patch:
        patch.setattr(libvirt.virDomain, "XMLDesc", meddling)
        await host.change(panic_device=True)
    stored = await host.stored()
    assert ">3</vcpu>" in stored
    assert "<panic model='isa'/>" in stored


async def test_a_definition_that_never_rests_is_left_to_others(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = libvirt.virDomain.XMLDesc
    reads = 0

    def restless(self: Any, flags: int = 0) -> Any:
        nonlocal reads
        reads += 1
        text = real(self, flags)
        return text.replace("<name>", f"<title>{reads}</title><name>") if flags == WHOLE else text

    before = await host.stored()
    with monkeypatch.context() as patch:
        patch.setattr(libvirt.virDomain, "XMLDesc", restless)
        with pytest.raises(ActionError, match="at the same time"):
            await host.change(panic_device=True)
    assert await host.stored() == before


async def test_a_transient_guest_is_changed_as_long_as_it_runs_and_gets_no_device(host: Host) -> None:
    await host.domain(lambda domain: domain.undefine() and None)
    assert "transient" in await host.change(on_crash=OnCrash.PRESERVE)
    assert (await host.read()).on_crash == "preserve"
    with pytest.raises(ActionError, match="transient"):
        await host.change(panic_device=True)


async def test_a_guest_that_is_off_is_changed_for_its_next_start(host: Host) -> None:
    await host.domain(lambda domain: domain.destroy() and None)
    assert "from the next start" in await host.change(on_crash=OnCrash.COREDUMP_DESTROY, panic_device=True)
    setting = await host.read()
    assert setting.on_crash == "coredump-destroy"
    assert setting.panic_devices == ("isa",)


async def test_a_saved_state_goes_on_as_it_was_and_that_is_said(host: Host) -> None:
    await host.domain(lambda domain: domain.managedSave() and None)
    assert "saved state" in await host.change(on_crash=OnCrash.COREDUMP_DESTROY)
    assert any("saved state" in finding.evidence for finding in (await host.read()).findings)


async def test_a_machine_that_takes_none_says_so_and_nothing_is_done(tmp_path: Path) -> None:
    file = tmp_path / "h1.xml"
    file.write_text(node_xml(1, 1).replace("<type>hvm", "<type arch='sparc64' machine='sun4u'>hvm"))
    async with supervised([HostSpec(H1, Reach.URI, f"test://{file}")]) as hosts:
        host = Host(hosts)
        before = await host.stored()
        with pytest.raises(ActionError, match="no panic device"):
            await host.change(panic_device=True, on_crash=OnCrash.PRESERVE)
        assert await host.stored() == before


def error_of(code: int, words: str) -> libvirt.libvirtError:
    error = libvirt.libvirtError(words)
    error.err = (code, libvirt.VIR_FROM_QEMU, words, 2, "", None, None, 0, 0)
    return error


def refuses(code: int) -> Callable[..., Any]:
    """A call that always fails so."""

    def call(*_arguments: Any) -> Any:
        raise error_of(code, "libvirt says no")

    return call


def only_stored(_self: Any, _event: int, _action: int, flags: int = 0) -> int:
    """As libvirt answers for a process that it cannot tell any more."""
    if flags & libvirt.VIR_DOMAIN_AFFECT_LIVE:
        words = "cannot update lifecycle action because QEMU was started with incompatible -no-reboot setting"
        raise error_of(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, words)
    return 0
