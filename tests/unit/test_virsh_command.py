"""The virsh command that is shown does what the program does, and can be pasted into a shell."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from backends.migration.checks.peer import Reached, Trial, judge
from backends.migration.virsh import command
from backends.model.guest import GuestKey
from backends.model.host import HostName, HostSpec, Reach
from backends.model.move import DiskCopy, LastResort, MoveMode, MoveRequest, Preflight, Route, Verdict

H1, H2 = (HostSpec(HostName(name), Reach.SSH, f"root@{name}") for name in ("h1", "h2"))
UUID = "00000000-0000-4000-8000-00000000000a"
REQUEST = MoveRequest(GuestKey(HostName("h1"), "qemu", UUID), "web", HostName("h2"))
PEER = "qemu+ssh://root@h2/system"
HERE, THERE = "virsh -c qemu+ssh://root@h1/system", f"virsh -c {PEER}"
UNDEFINE = f"{HERE} undefine web --keep-nvram"
DISK = DiskCopy("vda", "/srv/a.img", "/srv/a.img", "qcow2", 4096, exists=False)


def shown(request: MoveRequest = REQUEST, *, persistent: bool = True, **found: object) -> str:
    checked = replace(Preflight(request, (), "", peer_uri=PEER), **found)  # type: ignore[arg-type]
    return command(checked, H1, H2, persistent=persistent)


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        (REQUEST, "--live --p2p --persistent"),
        (replace(REQUEST, postcopy=True), "--live --p2p --persistent --postcopy"),
        (replace(REQUEST, last_resort=LastResort.POSTCOPY), "--live --p2p --persistent --postcopy"),
        (replace(REQUEST, last_resort=LastResort.AUTO_CONVERGE), "--live --p2p --persistent --auto-converge"),
        (replace(REQUEST, bandwidth_mib_s=16), "--live --p2p --persistent --bandwidth 16"),
    ],
)
def test_a_live_move_sets_the_limit_moves_and_tidies_up(request_: MoveRequest, options: str) -> None:
    limit = f"{HERE} migrate-setmaxdowntime web 500"
    assert shown(request_) == f"{limit} && {HERE} migrate {options} web {PEER} && {UNDEFINE}"


def test_a_paused_move_needs_no_downtime_limit() -> None:
    assert shown(replace(REQUEST, mode=MoveMode.PAUSED)) == (
        f"{HERE} migrate --p2p --persistent web {PEER} && {UNDEFINE}"
    )


def test_a_move_driven_by_us_names_the_destination_as_we_reach_it() -> None:
    assert f"migrate --live --persistent web {PEER}" in shown(route=Route.DIRECT, peer_uri="")


def test_a_transient_guest_has_no_definition_to_keep_or_to_remove() -> None:
    assert shown(persistent=False).endswith(f"migrate --live --p2p web {PEER}")


def test_disks_that_are_copied_are_named_and_made_first() -> None:
    text = shown(copies=(DISK, replace(DISK, target="vdb", exists=True)))
    assert text.startswith("ssh root@h2 'qemu-img create -f qcow2 /srv/a.img 4096' && ")
    assert "--copy-storage-all --migrate-disks vda,vdb" in text
    assert text.count("qemu-img") == 1


def test_a_saved_move_carries_the_file_and_the_definition() -> None:
    steps = shown(replace(REQUEST, mode=MoveMode.SAVED), was_paused=True).split(" && ")
    assert steps == [
        f"{HERE} save web /var/tmp/web.state",
        "scp -3 root@h1:/var/tmp/web.state root@h2:/var/tmp/web.state",
        f"{THERE} restore /var/tmp/web.state --paused",
        f"{HERE} dumpxml --inactive --security-info web | {THERE} define /dev/stdin",
        UNDEFINE,
    ]


def test_an_offline_move_is_a_definition_carried_over() -> None:
    steps = shown(replace(REQUEST, mode=MoveMode.OFFLINE)).split(" && ")
    assert steps == [f"{HERE} dumpxml --inactive --security-info web | {THERE} define /dev/stdin", UNDEFINE]


@pytest.mark.parametrize("mode", list(MoveMode))
def test_no_name_can_say_anything_to_the_shell(mode: MoveMode) -> None:
    evil = replace(DISK, shown="/srv/$(reboot) '; rm.img")
    text = shown(replace(REQUEST, mode=mode, name="a b;$(reboot)"), copies=(evil,))
    words = shlex.split(text)
    assert UUID in text and "a b" not in text
    assert all(";" not in word for word in words if not word.startswith("qemu-img create"))
    assert [shlex.split(w)[4] for w in words if w.startswith("qemu-img")] == [evil.shown] * (
        "qemu-img" in text
    )


def test_a_source_that_cannot_log_in_leaves_the_driving_to_us_and_says_what_that_costs() -> None:
    nobody = [Trial(PEER, Reached.NOBODY, "Permission denied")]
    peer = judge(nobody, "", "h1", "h2")
    assert (peer.route, peer.check.verdict) == (Route.DIRECT, Verdict.WARNING)
    assert "paused on either host" in peer.check.evidence and "Permission denied" in peer.check.evidence
    assert judge(nobody, "ops", "h1", "h2").route is Route.PEER_TO_PEER, (
        "the daemon's own keys were not tried"
    )
