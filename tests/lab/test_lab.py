"""The lab itself: it comes up, spoils what it is told to, and always goes away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.lab.errors import LabError
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab, UpReport
from backends.lab.layout import HOSTS, NODES, Layout
from backends.lab.node import Power
from backends.lab.process import run, wait_until
from tests.lab_fixture import own_lab

pytestmark = pytest.mark.lab

MOVE = ("migrate", "--live", "--p2p", "--persistent", "--undefinesource")
UP_LIMIT_S = 15
GONE_S = 1.0
"""How long a silent host is waited for before it counts as silent."""


@dataclass(frozen=True)
class Traces:
    """Everything a lab could leave on the machine."""

    mounts: tuple[str, ...]
    links: tuple[str, ...]
    routes: str
    cgroups: tuple[str, ...]
    processes: tuple[str, ...]


def traces(layout: Layout) -> Traces:
    links = run(["ip", "-brief", "link"]).stdout.splitlines()
    mounts = Path("/proc/mounts").read_text().splitlines()
    ours = (str(layout.root), "fuse.glusterfs", "lab-")
    return Traces(
        mounts=tuple(line for line in mounts if any(name in line for name in ours)),
        links=tuple(line for line in links if line.startswith(f"{layout.tag}-")),
        routes=run(["ip", "route", "show", "table", "all", "root", layout.network]).stdout,
        cgroups=tuple(str(path) for path in Path("/sys/fs/cgroup").rglob(f"*{layout.tag}-*")),
        processes=tuple(_processes_of(layout)),
    )


def _processes_of(layout: Layout) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            groups, command = (process / "cgroup").read_text(), (process / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"{layout.tag}-" in groups or f"{layout.root}/" in command:
            yield command


@pytest.fixture
def spare_lab() -> Iterator[Lab]:
    """A lab of the test's own, still down."""
    with own_lab() as lab:
        yield lab


def ssh(lab: Lab, host: str, command: str = "hostname", timeout_s: float = 20) -> str:
    return run([str(lab.layout.ssh_command), host, command], timeout_s=timeout_s).stdout.strip()


def answers(lab: Lab, host: str) -> bool:
    """Whether sshd greets us within a moment."""
    try:
        with socket.create_connection((lab.layout.address(host), 22), timeout=GONE_S) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def wait_for_answer(lab: Lab, host: str) -> None:
    wait_until(lambda: answers(lab, host), timeout_s=10, what=f"{host} to answer")


def start_up(lab: Lab) -> subprocess.Popen[bytes]:
    """`lab up` as a process of its own, which can be killed."""
    environment = os.environ | {
        "VIRT_FERRY_LAB": str(lab.layout.root),
        "VIRT_FERRY_LAB_NET": lab.layout.subnet,
    }
    command = [sys.executable, "-m", "backends.lab", "up"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# Up and down --------------------------------------------------------------------------------------


def test_up_is_quick_and_down_leaves_nothing(spare_lab: Lab) -> None:
    before = traces(spare_lab.layout)
    started = time.monotonic()
    assert spare_lab.up() == UpReport(started=NODES, adopted=())
    assert time.monotonic() - started < UP_LIMIT_S
    spare_lab.guest(GuestSpec(name="web", dirty_mib_s=1))
    assert traces(spare_lab.layout) != before
    spare_lab.down()
    assert traces(spare_lab.layout) == before
    assert not before.processes
    spare_lab.down()
    assert traces(spare_lab.layout) == before


@pytest.mark.parametrize("killed_after_s", [0.05, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6])
def test_down_leaves_nothing_after_up_was_killed_midway(spare_lab: Lab, killed_after_s: float) -> None:
    before = traces(spare_lab.layout)
    with start_up(spare_lab) as owner:
        try:
            owner.wait(killed_after_s)
        except subprocess.TimeoutExpired:
            owner.send_signal(signal.SIGKILL)
    spare_lab.down()
    assert traces(spare_lab.layout) == before


def test_up_after_up_was_killed_midway_makes_a_whole_lab(spare_lab: Lab) -> None:
    with start_up(spare_lab) as owner:
        while not spare_lab.host("h2").cgroup.pids():
            assert owner.poll() is None
        owner.send_signal(signal.SIGKILL)
    report = spare_lab.up()
    assert sorted(report.started + report.adopted) == sorted(NODES)
    for host in HOSTS:
        assert ssh(spare_lab, host) == host


def test_a_lab_outlives_its_owner_and_down_ends_frozen_and_cut_hosts_too(spare_lab: Lab) -> None:
    before = traces(spare_lab.layout)
    with start_up(spare_lab) as owner:
        owner.wait(UP_LIMIT_S)
    spare_lab.freeze("h1")
    spare_lab.cut("h2")
    spare_lab.rate("h3", "10mbit")
    spare_lab.crash("st")
    spare_lab.down()
    assert traces(spare_lab.layout) == before


def test_a_second_up_adopts_what_runs_with_its_guests_and_starts_what_is_missing(lab: Lab) -> None:
    guest = lab.guest(GuestSpec(name="web"))
    lab.crash("h3")
    assert lab.up() == UpReport(started=("h3",), adopted=("h1", "h2", "st"))
    with guest.watch() as ticks:
        ticks.wait_for_more()


def test_another_labs_subnet_is_refused_and_left_alone(lab: Lab, tmp_path: Path) -> None:
    intruder = Lab(Layout(root=tmp_path, subnet=lab.layout.subnet, prepared=lab.layout.prepared))
    for action in (intruder.up, intruder.down):
        with pytest.raises(LabError, match="another lab"):
            action()
    wait_for_answer(lab, "h1")


def test_a_lab_from_nothing_starts_without_the_guests_of_the_last(spare_lab: Lab) -> None:
    spare_lab.up()
    spare_lab.guest(GuestSpec(name="web", disk=Disk.NONE), wait=False)
    spare_lab.down()
    spare_lab.up()
    assert spare_lab.host("h1").guests() == {}


def test_a_loop_device_that_a_host_left_attached_is_detached(spare_lab: Lab) -> None:
    spare_lab.up()
    host = spare_lab.host("h1")
    host.exec("truncate", "-s", "1M", "/var/lib/disk")
    device = host.exec("losetup", "--find", "--show", "/var/lib/disk").stdout.strip()
    backing = Path("/sys/block", Path(device).name, "loop/backing_file")
    assert backing.exists()
    spare_lab.down()
    assert not backing.exists()


# Hosts --------------------------------------------------------------------------------------------


def test_hosts_are_reached_by_name_and_reach_each_other(lab: Lab) -> None:
    for host in HOSTS:
        assert ssh(lab, host) == host
        for other in set(HOSTS) - {host}:
            for name in (other, lab.layout.address(other)):
                assert (
                    lab.host(host).exec("ssh", "-o", "BatchMode=yes", name, "hostname").stdout.strip()
                    == other
                )


def test_libvirt_takes_the_shared_folder_for_shared_storage(lab: Lab) -> None:
    mounts = lab.host("h1").exec("cat", "/proc/mounts").stdout
    assert " /var/lib/libvirt/shared fuse.glusterfs " in mounts


def test_a_host_cannot_change_the_machine(lab: Lab) -> None:
    marker = f"virt-ferry-{os.getpid()}"
    for folder in ("/etc", "/var", "/root", "/tmp", "/run", "/dev"):
        lab.host("h1").exec("touch", f"{folder}/{marker}")
        assert not Path(folder, marker).exists()
        with pytest.raises(LabError, match="No such file"):
            lab.host("h2").exec("cat", f"{folder}/{marker}")
    for folder in ("/", "/usr", "/opt"):
        with pytest.raises(LabError, match="Read-only"):
            lab.host("h1").exec("touch", f"{folder}/{marker}")


def test_no_way_leads_out_of_the_lab(lab: Lab) -> None:
    routes = lab.host("h1").exec("ip", "route").stdout.splitlines()
    assert [line.split()[0] for line in routes] == [lab.layout.network]


def test_libvirtd_comes_back_when_it_dies_and_keeps_its_guests(lab: Lab) -> None:
    host = lab.host("h1")
    guest = lab.guest(GuestSpec(name="web"))
    with guest.watch() as ticks:
        host.exec("sh", "-c", "kill -9 $(cat /run/libvirtd.pid)")
        host.wait_ready()
        ticks.wait_for_more()
    assert host.guests() == {"web": "running"}


# Faults -------------------------------------------------------------------------------------------


def test_a_frozen_host_is_silent_until_it_thaws(lab: Lab) -> None:
    guest = lab.guest(GuestSpec(name="web"), host="h2")
    lab.freeze("h2")
    assert lab.host("h2").power() is Power.FROZEN
    assert not answers(lab, "h2")
    lab.thaw("h2")
    wait_for_answer(lab, "h2")
    with guest.watch() as ticks:
        ticks.wait_for_more()


def test_a_cut_host_is_unreachable_while_its_guests_run_on(lab: Lab) -> None:
    guest = lab.guest(GuestSpec(name="web"), host="h2")
    lab.cut("h2")
    assert not answers(lab, "h2")
    with guest.watch() as ticks:
        ticks.wait_for_more()
    lab.heal("h2")
    wait_for_answer(lab, "h2")


def test_a_crashed_host_loses_its_guests_and_keeps_their_definitions(lab: Lab) -> None:
    lab.guest(GuestSpec(name="web"), host="h2")
    lab.crash("h2")
    assert lab.host("h2").power() is Power.OFF
    assert not answers(lab, "h2")
    lab.boot("h2")
    assert lab.host("h2").guests() == {"web": "shut off"}
    assert ssh(lab, "h2") == "h2"


def test_a_rate_holds_for_traffic_to_the_host(lab: Lab) -> None:
    sent = 4 * 1024 * 1024
    copy = [str(lab.layout.ssh_command), "h2", "cat > /dev/null"]

    def seconds() -> float:
        started = time.monotonic()
        subprocess.run(copy, input=bytes(sent), check=True, timeout=30)
        return time.monotonic() - started

    least = sent * 8 / 8e6 * 0.8  # the first packets pass in a burst
    lab.rate("h2", "8mbit")
    assert seconds() > least
    lab.rate("h2", "off")
    assert seconds() < least


def test_a_fault_on_a_host_that_is_off_is_an_error_with_advice(lab: Lab) -> None:
    lab.crash("h3")
    for fault in (lab.freeze, lab.thaw, lab.cut, lab.heal):
        with pytest.raises(LabError) as caught:
            fault("h3")
        assert "lab boot h3" in caught.value.hint


def test_repair_undoes_every_fault_at_once(lab: Lab) -> None:
    lab.crash("h1")
    lab.freeze("h2")
    lab.cut("h3")
    lab.rate("h2", "1mbit")
    lab.crash("st")
    lab.repair()
    for node in lab.status():
        assert (node.power, node.cut, node.rate) == (Power.RUNNING, False, ""), node.name
    for host in HOSTS:
        wait_for_answer(lab, host)


# Guests -------------------------------------------------------------------------------------------


def test_a_move_loses_no_tick(lab: Lab) -> None:
    guest = lab.guest(GuestSpec(name="web", dirty_mib_s=2, write_kib_s=64))
    with guest.watch() as ticks:
        ticks.wait_for_more()
        lab.host("h1").virsh(*MOVE, "web", "qemu+ssh://root@h2/system", timeout_s=60)
        ticks.wait_for_more()
        seen = ticks.report()
    print(f"largest gap between ticks: {seen.largest_gap_s:.3f} s")  # noqa: T201 - pytest -rP shows it
    assert seen.intact, seen
    assert lab.where("web").name == "h2"
    assert lab.host("h1").guests() == {}


def test_an_iscsi_guest_moves_without_a_shared_folder(lab: Lab) -> None:
    guest = lab.guest(GuestSpec(name="web", disk=Disk.ISCSI, lun=2, write_kib_s=256))
    with guest.watch() as ticks:
        lab.host("h1").virsh(*MOVE, "web", f"qemu+tcp://{lab.layout.address('h3')}/system", timeout_s=60)
        ticks.wait_for_more()
    assert ticks.report().intact
    assert b"disk write" not in guest.console.read_bytes()


def test_a_guest_does_what_is_typed_on_its_console(lab: Lab) -> None:
    guest = lab.guest(GuestSpec(name="web"))
    assert "dirty=7" in guest.type(lab.host("h1"), "dirty 7")


def test_a_transient_guest_is_forgotten_when_it_ends(lab: Lab) -> None:
    lab.guest(GuestSpec(name="web"), transient=True)
    lab.host("h1").virsh("destroy", "web")
    assert lab.host("h1").guests() == {}


def test_the_demo_fleet_is_started_once(lab: Lab) -> None:
    started = {guest.name for guest in lab.populate()}
    assert started == {"web-01", "web-02", "db-primary", "batch-3", "build-7"}
    assert lab.host("h3").guests() == {"build-7": "running", "old-router": "shut off"}
    assert lab.populate() == []


def test_clearing_leaves_no_guest_no_disk_and_no_pool_but_the_lab_s_own(lab: Lab) -> None:
    host = lab.host("h1")
    lab.guest(GuestSpec(name="off", disk=Disk.LOCAL), wait=False)
    lab.guest(GuestSpec(name="transient"), transient=True, wait=False)
    lab.guest(GuestSpec(name="saved"), wait=False)
    host.virsh("destroy", "off")
    host.virsh("managedsave", "saved")
    host.virsh("pool-create-as spare dir --target /var/tmp; pool-define-as other dir --target /tmp")
    lab.clear()
    assert host.guests() == {}
    assert host.virsh("pool-list", "--all", "--name").split() == ["default", "shared"]
    for pool in ("default", "shared"):
        assert host.virsh("vol-list", pool) == ""


def test_a_new_guest_does_not_get_the_disk_of_its_namesake(lab: Lab) -> None:
    host = lab.host("h1")
    first = lab.guest(GuestSpec(name="web", write_kib_s=4096))
    with first.watch() as ticks:
        ticks.wait_for_more(10)
    assert "LABSEQ" in host.exec("grep", "-ao", "LABSEQ", "/var/lib/libvirt/shared/images/web.img").stdout
    host.virsh("destroy web; undefine web")
    lab.guest(GuestSpec(name="web"), wait=False)
    found = host.exec("grep", "-c", "LABSEQ", "/var/lib/libvirt/shared/images/web.img", check=False)
    assert found.stdout.strip() == "0"


def test_options_of_a_command_in_a_host_are_the_commands_own(lab: Lab) -> None:
    environment = os.environ | {
        "VIRT_FERRY_LAB": str(lab.layout.root),
        "VIRT_FERRY_LAB_NET": lab.layout.subnet,
    }
    command = [sys.executable, "-m", "backends.lab", "exec", "h1", "uname", "--version"]
    assert "coreutils" in run(command, env=environment).stdout
