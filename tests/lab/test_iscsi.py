"""Targets of the lab's storage node: found, logged in to with and without CHAP, and out again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from backends.api import Fleet
from backends.errors import ActionError, FerryError
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab
from backends.lab.layout import ISCSI_PORT, STORAGE
from backends.lab.storage_node import TARGET
from backends.model.host import HostName
from backends.model.storage import IscsiLogin
from tests.lab.moving import make
from tests.watching import until

H1 = HostName("h1")
USER, SECRET, WRONG = "ferry", "correct-horse1", "wrong-horse-12"


def portal(lab: Lab) -> str:
    return f"{lab.layout.address(STORAGE)}:{ISCSI_PORT}"


@pytest.fixture
async def guarded(lab: Lab, fleet: Fleet) -> AsyncIterator[Lab]:
    """The target asks for a CHAP user while a test runs."""
    account = ("--mode", "account", "--user", USER)
    await asyncio.to_thread(lab.storage.tgt, "--op", "new", *account, "--password", SECRET)
    await asyncio.to_thread(lab.storage.tgt, "--op", "bind", "--tid", "1", *account)
    yield lab
    await asyncio.to_thread(lab.storage.tgt, "--op", "unbind", "--tid", "1", *account)
    await asyncio.to_thread(lab.storage.tgt, "--op", "delete", *account)
    del fleet


def kept(lab: Lab) -> str:
    """What libvirt has of it on h1, as virsh and the files tell."""
    return lab.host("h1").exec("sh", "-c", "virsh pool-list --all --name; virsh secret-list").stdout


async def test_a_target_is_found_logged_in_to_and_left_without_a_trace(lab: Lab, fleet: Fleet) -> None:
    login = IscsiLogin(TARGET, portal(lab))
    (before,) = await fleet.iscsi_targets(H1, lab.layout.address(STORAGE))
    await fleet.iscsi_login(H1, login)
    await fleet.iscsi_login(H1, login)  # one that is in stays in
    (during,) = await fleet.iscsi_targets(H1, portal(lab))
    await fleet.iscsi_logout(H1, login)
    (after,) = await fleet.iscsi_targets(H1, portal(lab))
    assert [each.logged_in for each in (before, during, after)] == [False, True, False]
    assert before.iqn == TARGET and before.portals == (portal(lab),)
    assert "unit:0:0:1" in during.luns
    assert TARGET not in kept(lab)
    with pytest.raises(ActionError, match="not logged in"):
        await fleet.iscsi_logout(H1, login)


async def test_a_target_that_asks_for_a_user_says_so(guarded: Lab, fleet: Fleet) -> None:
    with pytest.raises(ActionError, match="asks for a CHAP user") as refused:
        await fleet.iscsi_login(H1, IscsiLogin(TARGET, portal(guarded)))
    assert "name the CHAP user" in refused.value.hint
    assert TARGET not in kept(guarded)


async def test_the_right_secret_opens_and_the_wrong_one_does_not_and_neither_is_ever_shown(
    guarded: Lab, fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = IscsiLogin(TARGET, portal(guarded), USER, WRONG)
    right = IscsiLogin(TARGET, portal(guarded), USER, SECRET)
    with pytest.raises(ActionError, match="turned the user or the secret down") as refused:
        await fleet.iscsi_login(H1, wrong)
    assert TARGET not in kept(guarded), "what failed is taken back"
    await fleet.iscsi_login(H1, right)
    (target,) = await fleet.iscsi_targets(H1, portal(guarded))
    defined = guarded.host("h1").exec("virsh", "pool-dumpxml", TARGET).stdout
    commands = guarded.host("h1").exec("ps", "-eo", "args").stdout
    await fleet.iscsi_logout(H1, right)
    assert target.logged_in and target.chap
    assert TARGET not in kept(guarded), "the secret went with the pool"
    audit = await fleet.audit()
    assert any("log h1 in" in line.what for line in audit)
    words = (repr(wrong), repr(right), str(refused.value), refused.value.hint, caplog.text, defined, commands)
    for secret in (SECRET, WRONG):
        assert all(secret not in text for text in (*words, repr(audit), repr(refused.value.__cause__)))


async def test_nobody_is_logged_out_under_a_guest(lab: Lab, fleet: Fleet) -> None:
    login = IscsiLogin(TARGET, portal(lab))
    await fleet.iscsi_login(H1, login)
    await make(lab, fleet, GuestSpec(name="web", disk=Disk.ISCSI))
    await until(fleet, lambda state: any(g.name == "web" and g.disks for g in state.guests()))
    with pytest.raises(ActionError, match=r"in use by web \(vda\)"):
        await fleet.iscsi_logout(H1, login)
    await asyncio.to_thread(lab.host("h1").virsh, "destroy", "web")
    await until(fleet, lambda state: not any(g.state.active for g in state.guests()))
    await fleet.iscsi_logout(H1, login)


async def test_a_portal_where_nothing_listens_is_a_trouble_with_words(lab: Lab, fleet: Fleet) -> None:
    with pytest.raises(FerryError, match="look for storage"):
        await fleet.iscsi_targets(H1, f"{lab.layout.address(STORAGE)}:3261")
    with pytest.raises(ActionError, match="is no portal"):
        await fleet.iscsi_targets(H1, "-o new")
