"""What the host's kernel tells of guests and daemons that it has ended."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.crash import CrashKind
from backends.probes.crashes import host_processes, host_time, kernel_log
from backends.probes.crashes.journal_entries import BOOTS
from backends.probes.crashes.sighting import Sighting
from backends.probes.survey.readings import Gap, Reading
from tests.unit.crashes.looked_hosts import ANY_TEXT, NOW_S, is_presentable, log, looked, mangled

MEMCG = (
    r"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=emulator,mems_allowed=0-1,"
    r"oom_memcg=/machine.slice/machine-qemu\x2d3\x2dweb\x2d01.scope,"
    r"task_memcg=/machine.slice/machine-qemu\x2d3\x2dweb\x2d01.scope/libvirt/emulator,"
    r"task=qemu-system-x86,pid=39079,uid=107"
)
"""mm/oom_kill.c, dump_oom_summary, since 4.19; cgroup names as systemd escapes them."""
SINCE_5 = f"""\
Feb 03 19:57:08 hv kernel: CPU 2/KVM invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=986
Feb 03 19:57:08 hv kernel: {MEMCG}
Feb 03 19:57:08 hv kernel: Memory cgroup out of memory: Killed process 39079 (qemu-system-x86) total-vm:17829052kB, anon-rss:16806364kB, file-rss:0kB, shmem-rss:4kB, UID:107 pgtables:33632kB oom_score_adj:986
"""  # noqa: E501 - as the kernel writes it
"""Of Harvester's knowledge base (VM OOM), in a guest's group of libvirt's."""
GLOBAL = """\
Sep 03 10:26:07 box kernel: ThreadPoolForeg invoked oom-killer: gfp_mask=0x140cca(...), order=0, oom_score_adj=300
Sep 03 10:26:07 box kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/user.slice/user-1000.slice/user@1000.service/app.slice/dbus-:1.2-org.gnome.Boxes@0.service,task=qemu-system-x86,pid=24322,uid=1000
Sep 03 10:26:07 box kernel: Out of memory: Killed process 24322 (qemu-system-x86) total-vm:5082268kB, anon-rss:589108kB, file-rss:0kB
"""  # noqa: E501 - as the kernel writes it
"""Of somebody who wondered why his browser lived and his guest did not."""
RHEL_7 = """\
2019-12-13T04:23:58.358162+01:00 kern.err bgo-compute-06 kernel: Out of memory: Kill process 40223 (qemu-kvm) score 126 or sacrifice child
2019-12-13T04:23:58.358190+01:00 kern.err bgo-compute-06 kernel: Killed process 40223 (qemu-kvm) total-vm:8929200kB, anon-rss:8484112kB, file-rss:0kB, shmem-rss:0kB
"""  # noqa: E501 - as the kernel writes it
"""norcams/himlar-docs; the second line in the form of 3.10."""
RHEL_6 = """\
Jan  4 10:04:40 host kernel: Task in /libvirt/qemu/web killed as a result of limit of /libvirt/qemu/web
Jan  4 10:04:40 host kernel: Memory cgroup out of memory: Kill process 2131 (qemu-kvm) score 1000 or sacrifice child
Jan  4 10:04:40 host kernel: Killed process 2131, UID 107, (qemu-kvm) total-vm:3340468kB, anon-rss:1048576kB, file-rss:120kB
"""  # noqa: E501 - as the kernel writes it
"""2.6.32 (mm/memcontrol.c, mem_cgroup_print_oom_info; mm/oom_kill.c)."""
OTHER = """\
Jan  4 10:04:40 host kernel: tor invoked oom-killer: gfp_mask=0x24201ca(GFP_HIGHUSER_MOVABLE|__GFP_COLD), order=0
Jan  4 10:04:41 host kernel: Out of memory: Kill process 1439 (tor) score 300 or sacrifice child
Jan  4 10:04:41 host kernel: Killed process 1439 (tor) total-vm:100kB, anon-rss:1kB
"""


def of_log(text: str) -> list[Sighting]:
    return list(
        kernel_log.sightings(looked({host_time.ZONE.name: "+0100"}, logs=[log("/var/log/messages", text)]))
    )


def journal(*entries: tuple[float, str]) -> str:
    rows = ({"__REALTIME_TIMESTAMP": str(int(at * 1e6)), "MESSAGE": text} for at, text in entries)
    return "\n".join(json.dumps(row) for row in rows)


@pytest.mark.parametrize(
    ("text", "pid", "guest", "lines"),
    [(SINCE_5, 39079, "web-01", 3), (GLOBAL, 24322, "", 3), (RHEL_7, 40223, "", 2), (RHEL_6, 2131, "web", 3)],
)
def test_a_guest_that_was_killed_for_memory_is_told_by_every_kernel(
    text: str, pid: int, guest: str, lines: int
) -> None:
    (told,) = of_log(text)
    assert (told.kind, told.pid, told.guest) == (CrashKind.ENDED, pid, guest)
    assert len(told.evidence.lines) == lines
    assert told.exact
    assert told.at_s is not None
    assert "Killed process" in told.evidence.lines[-1]
    offset = told.evidence.offset
    assert offset is not None
    begin = text.encode()[offset:].split(b"\n")[0].decode()
    assert begin.endswith(told.evidence.lines[0]), "where the evidence begins"


def test_a_process_that_is_no_guest_s_is_nobody_s_business() -> None:
    assert of_log(OTHER) == []


def test_what_was_killed_after_another_is_not_taken_for_it() -> None:
    """The kernel may kill several, one after the other, and each has a choice of its own before it."""
    first, second = of_log(OTHER + RHEL_6.replace("2131", "77").replace("/web", "/db") + RHEL_7)
    assert (first.guest, first.pid, second.guest, second.pid) == ("db", 77, "", 40223)


@pytest.mark.parametrize(
    ("line", "kind", "pid", "process"),
    [
        (
            "qemu-system-x86[6198]: segfault at a8 ip 0000000000614c49 sp 00007ffc9a791da0 error 4 in qemu-system-x86_64[4fe000+51c000]",  # noqa: E501
            CrashKind.ENDED,
            6198,
            "",
        ),
        (
            "qemu-system-x86[21271]: segfault at 556411681fcd ip 0000599a60510f21 sp 00007b8e4affce48 error 4 in "
            "qemu-system-x86_64[8d8f21,599a6009c000+6e5000] likely on CPU 1 (core 4, socket 0)",
            CrashKind.ENDED,
            21271,
            "",
        ),
        (
            "CPU 0/KVM[4711]: segfault at 0 ip 0000599a60510f21 sp 00007b8e4affce48 error 4 in qemu-system-x86_64[599a6009c000+6e5000]",  # noqa: E501
            CrashKind.ENDED,
            None,
            "",
        ),
        (
            "traps: qemu-system-x86[1234] general protection fault ip:55f1 sp:7ffd error:0 in qemu-system-x86_64[55f1+1000]",  # noqa: E501
            CrashKind.ENDED,
            1234,
            "",
        ),
        (
            "libvirtd[1720]: segfault at 10 ip 00007f sp 00007f error 4 in libvirt.so.0.9008.0[7f+1000]",
            CrashKind.PROCESS,
            1720,
            "libvirtd",
        ),
        (
            "traps: virtqemud[99] trap int3 ip:7f sp:7f error:0 in libglib-2.0.so.0[7f+8f000]",
            CrashKind.PROCESS,
            99,
            "virtqemud",
        ),
    ],
)
def test_a_fault_of_a_process_is_told(line: str, kind: CrashKind, pid: int | None, process: str) -> None:
    """arch/x86/mm/fault.c (show_signal_msg) and traps.c; the first two lines are of bug reports. The number of a thread
    is not its process's."""
    (told,) = of_log(f"May  1 10:00:00 host kernel: [  100.802449] {line}\n")
    assert (told.kind, told.pid, told.process) == (kind, pid, process)


def test_other_programs_faults_and_other_programs_words_are_left_out() -> None:
    text = (
        "May  1 10:00:00 host kernel: firefox[77]: segfault at 0 ip 0 sp 0 error 4 in libxul.so[0+1]\n"
        "May  1 10:00:00 host myapp[9]: Out of memory: Killed process 5 (qemu-kvm) total-vm:1kB\n"
        "May  1 10:00:00 host kernel: qemu-img[78]: segfault at 0 ip 0 sp 0 error 4 in qemu-img[0+1]\n"
    )
    assert of_log(text) == []


def test_one_event_that_three_places_tell_is_told_once_by_the_best() -> None:
    kill = "Out of memory: Killed process 31337 (qemu-kvm) total-vm:9kB, anon-rss:8kB"
    host = looked(
        {
            kernel_log.JOURNAL.name: journal(
                (NOW_S - 1000, MEMCG.replace("39079", "31337")), (NOW_S - 1000, kill)
            ),
            kernel_log.RING.name: f"[ 9000.000001] {kill}",
            host_time.UPTIME: "10100.00 20000.00",
            host_time.ZONE.name: "+0000",
        },
        logs=[
            log("/var/log/syslog", f"May 28 20:10:01 host kernel: [ 9000.0] {kill}"),
            log("/var/log/kern.log", f"May 28 20:10:01 host kernel: [ 9000.0] {kill}"),
        ],
    )
    (told,) = kernel_log.sightings(host)
    assert (told.evidence.place, told.guest, told.at_s) == ("journalctl -k", "web-01", NOW_S - 1000)


def test_the_ring_buffer_alone_tells_the_time_only_nearly() -> None:
    kill = "Out of memory: Killed process 31337 (qemu-kvm) total-vm:9kB, anon-rss:8kB"
    host = looked({kernel_log.RING.name: f"[ 9000.500000] {kill}", host_time.UPTIME: "10000.00 20000.00"})
    (told,) = kernel_log.sightings(host)
    assert (told.at_s, told.exact, told.evidence.place) == (NOW_S - 999.5, False, "dmesg")


def test_two_kills_of_one_number_on_different_days_are_two() -> None:
    kill = "Out of memory: Killed process 500 (qemu-kvm) total-vm:9kB, anon-rss:8kB"
    host = looked({kernel_log.JOURNAL.name: journal((NOW_S - 90_000, kill), (NOW_S, kill))})
    assert [told.at_s for told in kernel_log.sightings(host)] == [NOW_S - 90_000, NOW_S]


def test_systemd_s_own_killer_names_the_group() -> None:
    line = (
        r"Killed /machine.slice/machine-qemu\x2d12\x2ddb.scope due to memory pressure for /machine.slice being "
        "51.07% > 50.00% for > 20s with reclaim activity"
    )
    (told,) = kernel_log.sightings(looked({kernel_log.JOURNAL.name: journal((NOW_S, line))}))
    assert (told.kind, told.guest) == (CrashKind.ENDED, "db")


def test_a_ring_buffer_that_is_shut_is_a_gap_only_where_no_journal_is_read() -> None:
    shut = {
        kernel_log.RING.name: Reading(
            gap=Gap.DENIED, said="dmesg: read kernel buffer failed: Operation not permitted"
        )
    }
    (gap,) = kernel_log.gaps(looked(shut))
    assert "CAP_SYSLOG" in gap.mend
    assert not list(kernel_log.gaps(looked({**shut, BOOTS.name: "[]"})))


@pytest.mark.parametrize(
    ("path", "guest"),
    [
        (r"/machine.slice/machine-qemu\x2d3\x2dweb\x2d01.scope", "web-01"),
        ("/machine.slice/machine-qemu-1-caoscare-homeassistant.scope", "caoscare-homeassistant"),
        (r"/machine.slice/machine-qemu\x2dexample\x2dad04f.scope/tasks", "example-ad04f"),
        ("/machine/qemu-1-instance-00000001.libvirt-qemu/emulator", "instance-00000001"),
        ("/machine/web.libvirt-qemu/vcpu0", "web"),
        ("/libvirt/qemu/web/vcpu1", "web"),
        (r"/machine.slice/machine-lxc\x2d77\x2dbox.scope", "box"),
        ("/user.slice/user-1000.slice/session-2.scope", ""),
        ("", ""),
    ],
)
def test_a_control_group_names_its_guest(path: str, guest: str) -> None:
    """systemd's escapes, libvirt's own groups with and without a number (vircgroup.c), libvirt 0.9's."""
    assert host_processes.guest_of_cgroup(path) == guest


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/bin/qemu-system-x86_64 -name guest=f30,debug-threads=on -msg timestamp=on", "f30"),
        ("/usr/libexec/qemu-kvm -name web -S", "web"),
        ("/usr/bin/qemu-system-x86_64 -name guest=a,,b,debug-threads=on", "a,b"),
        ("/usr/lib/libvirt/libvirt_lxc --name box --console 20", "box"),
        ("/usr/bin/qemu-system-x86_64 -m 1", ""),
    ],
)
def test_a_command_line_names_its_guest(command: str, name: str) -> None:
    assert host_processes.guest_in(command)[0] == name


@given(st.one_of(ANY_TEXT, mangled(SINCE_5 + GLOBAL + RHEL_6)), ANY_TEXT, ANY_TEXT)
def test_no_text_breaks_the_parser(text: str, answer: str, uptime: str) -> None:
    host = looked(
        {kernel_log.JOURNAL.name: answer, kernel_log.RING.name: text, host_time.UPTIME: uptime},
        logs=[log("/var/log/messages", text)],
    )
    assert all(is_presentable(told) for told in kernel_log.sightings(host))
