"""`virt-ferry iscsi`: targets, logging in and out, and where the secret comes from (a scripted fleet)."""

from __future__ import annotations

import os

import pytest

from backends.api import ActionError
from backends.model.storage import IscsiLogin, IscsiTarget
from tests.tui.scripted import ScriptedFleet
from tests.unit.answered import ANY, H1, answered_by, objects
from tui.headless import chap as chap_module
from tui.headless import iscsi as iscsi_module
from tui.headless.chap import ChapOptions, read_secret
from tui.headless.exits import Exit, UsageError
from tui.headless.iscsi import log_in, log_out, rescan, targets

IQN, PORTAL = "iqn.2026-11.example:disks", "10.0.0.1:3260"
SECRET = "correct horse"


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """One host, and nobody who could type."""
    scripted = ScriptedFleet("h1")
    scripted.up("h1")
    answered_by(monkeypatch, scripted, iscsi_module)
    typing(monkeypatch, None)
    return scripted


def typing(monkeypatch: pytest.MonkeyPatch, answer: str | None) -> list[bool]:
    """What the user types; None: there is no terminal. Returns for each question whether it was for unseen text."""
    unseen: list[bool] = []

    async def ask(_: str, *, secret: bool = False) -> str | None:
        unseen.append(secret)
        return answer

    monkeypatch.setattr(chap_module, "ask_terminal", ask)
    return unseen


def chap(*, user: str = "ferry", env: str = "", fd: int | None = None) -> ChapOptions:
    """As typed."""
    return ChapOptions(user=user, secret_env=env, secret_fd=fd)


async def test_targets_are_told_with_what_is_not_known_as_such(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.targets = (
        IscsiTarget(H1, IQN, (PORTAL,), True, ("1", "2"), False),
        IscsiTarget(H1, f"{IQN}2", (PORTAL,), None),
    )
    assert await targets(ANY, "h1", PORTAL, json=False) == Exit.SUCCEEDED
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split() == [IQN, "yes", "no", "1,", "2", PORTAL]
    assert second.split() == [f"{IQN}2", "?", "?", "?", PORTAL]
    await targets(ANY, "h1", PORTAL, json=True)
    line, _ = objects(capsys)
    assert line == {
        "event": "target", "host": "h1", "iqn": IQN, "portals": [PORTAL], "logged_in": True,
        "luns": ["1", "2"], "chap": False,
    }  # fmt: skip


async def test_a_portal_that_offers_nothing_says_so(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.targets = ()
    assert await targets(ANY, "h1", PORTAL, json=False) == Exit.SUCCEEDED
    assert "offers no targets" in capsys.readouterr().out


async def test_a_portal_that_does_not_answer_is_an_error(fleet: ScriptedFleet) -> None:
    fleet.targets = ActionError("no route to host")
    with pytest.raises(ActionError):
        await targets(ANY, "h1", PORTAL, json=False)


async def test_without_a_user_nobody_is_asked_for_a_secret(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await log_in(ANY, "h1", PORTAL, IQN, ChapOptions(), json=False) == Exit.SUCCEEDED
    assert ("iscsi login", H1, IscsiLogin(IQN, PORTAL)) in fleet.asked
    assert capsys.readouterr().out == f"h1 is logged in to {IQN} at {PORTAL}\n"


@pytest.mark.parametrize("json", [False, True])
async def test_the_secret_is_typed_unseen_and_never_told(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], json: bool
) -> None:
    unseen = typing(monkeypatch, SECRET)
    await log_in(ANY, "h1", PORTAL, IQN, chap(), json=json)
    assert unseen == [True]
    assert ("iscsi login", H1, IscsiLogin(IQN, PORTAL, "ferry", SECRET)) in fleet.asked
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    assert SECRET not in repr(fleet.asked)


async def test_a_script_gives_the_secret_by_the_environment_or_a_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAP", SECRET)
    assert await read_secret(chap(env="CHAP")) == SECRET
    ours, theirs = os.pipe()
    os.write(theirs, f"{SECRET}\n".encode())
    os.close(theirs)
    assert await read_secret(chap(fd=ours)) == SECRET


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (chap(), "no terminal to type the secret on"),
        (chap(env="NOT_SET"), "no secret in the environment variable NOT_SET"),
        (chap(fd=4095), "cannot read the secret from file descriptor 4095"),
        (chap(fd=-1), "cannot read the secret from file descriptor -1"),
        (chap(env="CHAP", fd=0), "from two places"),
        (chap(user="", env="CHAP"), "without a user"),
    ],
)
async def test_a_secret_that_cannot_be_had_is_a_usage_error_and_no_login(
    fleet: ScriptedFleet, options: ChapOptions, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        await log_in(ANY, "h1", PORTAL, IQN, options, json=False)
    assert not fleet.asked


async def test_logging_out_tells_what_was_done(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await log_out(ANY, "h1", PORTAL, IQN, json=True) == Exit.SUCCEEDED
    assert ("iscsi logout", H1, IscsiLogin(IQN, PORTAL)) in fleet.asked
    assert objects(capsys) == [
        {"event": "iscsi", "host": "h1", "iqn": IQN, "portal": PORTAL, "logged_in": False}
    ]


async def test_a_host_that_looks_anew_tells_at_what_and_whether_there_was_anything(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.rescanned = ("refreshed the pool luns", "rescanned 3:0:0:1")
    assert await rescan(ANY, "h1", IQN, json=False) == Exit.SUCCEEDED
    assert capsys.readouterr().out.splitlines() == ["h1: refreshed the pool luns", "h1: rescanned 3:0:0:1"]
    assert ("iscsi rescan", H1, IQN) in fleet.asked
    await rescan(ANY, "h1", "", json=True)
    assert objects(capsys) == [{"event": "rescan", "host": "h1", "iqn": "", "done": list(fleet.rescanned)}]
    fleet.rescanned = ()
    await rescan(ANY, "h1", IQN, json=False)
    assert f"no LUN of {IQN}" in capsys.readouterr().out
