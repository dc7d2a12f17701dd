"""What can be made to go wrong in the lab's hosts: it goes wrong, it goes wrong alone, and it is taken back."""

from __future__ import annotations

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends.lab.channels import Channel
from backends.lab.errors import LabError
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.overlay import overlay_in_use
from backends.lab.process import run, wait_until

MOVE = ("migrate", "--live", "--p2p", "--persistent", "--undefinesource")
SLOWLY = ("--bandwidth", "16")
IMAGES = "/var/lib/libvirt/images"


def move(lab: Lab, guest: str, *options: str) -> str:
    """Move it from h1 to h2, by virsh; its complaint, or nothing."""
    peer = "qemu+ssh://root@h2/system"
    done = lab.host("h1").exec("virsh", *MOVE, *options, guest, peer, timeout_s=60, check=False)
    return done.stderr.strip() if done.returncode else ""


def wait_for_the_guest_to_come_in(lab: Lab, guest: str) -> None:
    """Until its memory flows."""

    def flows() -> bool:
        job = lab.host("h1").virsh("domjobinfo", guest, check=False)
        return "Memory processed" in job

    wait_until(flows, timeout_s=20, what="memory to flow")


def ssh(lab: Lab, host: str) -> subprocess.CompletedProcess[str]:
    return run([str(lab.layout.ssh_command), "-o", "ConnectTimeout=1", host, "hostname"], check=False)


def test_a_killed_daemon_comes_back_and_its_guests_have_run_on(lab: Lab) -> None:
    guest = lab.guest(GuestSpec(name="web"))
    host = lab.host("h1")
    with guest.watch() as ticks:
        host.faults.kill_daemon()
        host.wait_ready()
        ticks.wait_for_more()
    assert host.guests() == {"web": "running"}
    assert ticks.report().intact


def test_a_held_daemon_stays_away_until_the_repair(lab: Lab) -> None:
    host = lab.host("h2")
    host.faults.kill_daemon(hold=True)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host.address, 16509), timeout=1)
    assert ssh(lab, "h2").returncode == 0
    lab.repair()
    assert host.guests() == {}


def test_a_killed_qemu_ends_the_guest_and_only_it(lab: Lab) -> None:
    for name in ("web", "web-2"):
        lab.guest(GuestSpec(name=name))
    host = lab.host("h1")
    host.faults.kill_guest("web")
    wait_until(lambda: host.guests()["web"] == "shut off", timeout_s=5, what="libvirt to notice")
    assert host.guests()["web-2"] == "running"
    with pytest.raises(LabError):
        host.faults.kill_guest("web")


def test_a_reset_ends_the_transfer_and_nothing_else(lab: Lab) -> None:
    guest = lab.guest(GuestSpec(name="web"))
    with ThreadPoolExecutor() as pool, guest.watch() as ticks:
        moving = pool.submit(move, lab, "web", *SLOWLY)
        wait_for_the_guest_to_come_in(lab, "web")
        lab.host("h1").faults.reset_transfers()
        assert moving.result()
        ticks.wait_for_more()
    assert ticks.report().intact
    assert lab.host("h1").guests() == {"web": "running"}


def test_a_blocked_channel_stops_the_transfer_while_the_hosts_talk_on(lab: Lab) -> None:
    lab.guest(GuestSpec(name="web"))
    with ThreadPoolExecutor() as pool:
        lab.block("h2", Channel.MIGRATION, peer="h1")
        moving = pool.submit(move, lab, "web")
        wait_until(lambda: "web" in lab.host("h2").guests(), timeout_s=10, what="the guest to come in")
        assert ssh(lab, "h2").stdout.strip() == "h2"
        assert lab.status()[1].blocked == (Channel.MIGRATION,)
        assert not moving.done()
        lab.unblock("h2")
        assert moving.result() == ""
    assert lab.host("h2").guests() == {"web": "running"}


def test_control_can_be_cut_between_two_hosts_or_for_everybody(lab: Lab) -> None:
    def h1_reaches_h2() -> bool:
        command = ("ssh", "-o", "ConnectTimeout=1", "h2", "true")
        return lab.host("h1").exec(*command, check=False).returncode == 0

    assert h1_reaches_h2()
    lab.block("h2", Channel.CONTROL, peer="h1")
    assert not h1_reaches_h2()
    assert ssh(lab, "h2").returncode == 0
    lab.unblock("h2")
    lab.block("h2", Channel.CONTROL)
    assert ssh(lab, "h2").returncode != 0
    lab.repair()
    assert ssh(lab, "h2").returncode == 0
    assert h1_reaches_h2()


def test_local_images_can_run_out_of_room(lab: Lab) -> None:
    faults = lab.host("h2").faults
    with pytest.raises(LabError, match="own disk"):
        faults.fill_images()
    faults.shrink_images(8)
    faults.fill_images()
    full = lab.host("h2").exec("dd", "if=/dev/zero", f"of={IMAGES}/more", "bs=1M", "count=1", check=False)
    assert "No space left" in full.stderr
    lab.repair()
    assert lab.host("h2").exec("ls", "-A", IMAGES).stdout == ""


def test_a_host_without_memory_takes_no_guest(lab: Lab) -> None:
    lab.host("h2").faults.take_memory()
    with pytest.raises(LabError, match="Cannot allocate memory"):
        lab.guest(GuestSpec(name="web"), host="h2")
    lab.repair()
    lab.guest(GuestSpec(name="web"), host="h2", wait=False)


def test_a_changed_host_key_is_noticed_and_restored(lab: Lab) -> None:
    lab.host("h2").faults.change_host_key()
    assert "IDENTIFICATION HAS CHANGED" in ssh(lab, "h2").stderr
    lab.repair()
    assert ssh(lab, "h2").returncode == 0


def test_a_host_with_an_older_qemu_lacks_processor_features(lab: Lab) -> None:
    if not overlay_in_use(lab.layout):
        pytest.skip("the machine's own QEMU is as new as the lab's")

    def lacks_sha() -> bool:
        offered = lab.host("h2").virsh("domcapabilities", "--virttype", "qemu")
        return "<feature policy='disable' name='sha-ni'/>" in offered

    assert not lacks_sha()
    lab.crash("h2")
    lab.boot("h2", old_qemu=True)
    assert lacks_sha()
    lab.repair()
    assert not lacks_sha()
