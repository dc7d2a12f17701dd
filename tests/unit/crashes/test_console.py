"""Guests' panics, by what their kernels have written to their consoles."""

from __future__ import annotations

import pytest
from hypothesis import given

from backends.model.crash import CrashKind, Source
from backends.probes.crashes import console
from tests.unit.crashes.looked_hosts import ANY_TEXT, NOW_S, is_presentable, log, looked, mangled
from tests.unit.crashes.test_kernel_text import ARM64, KVM_NULL

NO_ROOT = """\
[    1.234567] VFS: Cannot open root device "sda1" or unknown-block(0,0): error -6
[    1.234570] Please append a correct "root=" boot option; here are the available partitions:
[    1.234580] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
[    1.234590] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-18-amd64 #1  Debian 6.1.76-1
[    1.234600] Call Trace:
[    1.234610]  <TASK>
[    1.234620]  dump_stack_lvl+0x44/0x5c
[    1.234630]  panic+0x118/0x2ed
[    1.234640]  mount_block_root+0x1f7/0x298
"""
"""init/do_mounts.c, mount_root_generic; Debian 12."""
BOOT = "[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)\n[    0.5] smp: 2 CPUs\n"


def test_a_guest_s_panic_is_told_with_its_guest_and_where_it_stands_in_the_file() -> None:
    text = BOOT + NO_ROOT
    (told,) = console.sightings(looked(logs=[log("/var/log/libvirt/qemu/web-console.log", text)]))
    assert (told.kind, told.guest, told.at_s, told.exact) == (CrashKind.PANIC, "web", NOW_S, False)
    assert told.evidence.source is Source.CONSOLE
    assert "VFS: Unable to mount root fs" in told.evidence.lines[0]
    assert told.evidence.offset == text.index("[    1.234580]")


def test_a_console_that_the_definition_names_counts_wherever_it_is() -> None:
    path = "/srv/consoles/whatever.txt"
    assert not list(console.sightings(looked(logs=[log(path, NO_ROOT)])))
    (told,) = console.sightings(looked(logs=[log(path, NO_ROOT, is_console=True)]))
    assert (told.guest, told.path) == ("", path), "its path says whose it is"


def test_a_guest_that_has_started_again_since_gave_up_at_a_time_that_nothing_tells() -> None:
    (told,) = console.sightings(looked(logs=[log("/var/log/xen/console/guest-db.log", NO_ROOT + BOOT)]))
    assert (told.guest, told.at_s) == ("db", None)


def test_of_several_panics_the_last_is_told() -> None:
    text = ARM64 + BOOT + KVM_NULL
    (told,) = console.sightings(looked(logs=[log("/var/log/libvirt/qemu/web.console.log", text)]))
    assert told.evidence.lines[0].startswith("BUG: unable to handle")


def test_a_guest_that_survived_an_oops_has_not_ended() -> None:
    survived = KVM_NULL.replace("[ 8012.123810] Kernel panic - not syncing: Fatal exception\n", "")
    assert not list(console.sightings(looked(logs=[log("/var/log/libvirt/qemu/web-console.log", survived)])))


def test_what_only_moves_the_cursor_hides_nothing_and_nothing_of_it_is_shown() -> None:
    text = "\x1b[2J\x1b[1;1H\x1b[0m[    1.0] Kernel panic - not syncing: \x1b]0;owned\x07 Attempted to kill init!\r\n"
    (told,) = console.sightings(looked(logs=[log("/var/log/libvirt/qemu/web-serial0.log", text)]))
    assert told.evidence.lines[0].startswith("Kernel panic - not syncing:")
    assert is_presentable(told)


def test_xen_s_own_panic_is_the_host_s() -> None:
    """xenconsoled with --log=hv --timestamp=hv; xen/drivers/char/console.c, panic()."""
    text = "\n".join(
        f"[2026-05-28 20:00:0{n}] (XEN) {line}"
        for n, line in enumerate(("*" * 40, "Panic on CPU 2:", "DOUBLE FAULT -- system shutdown", "*" * 40))
    )
    (told,) = console.sightings(looked(logs=[log(console.HYPERVISOR, text)]))
    assert (told.kind, told.guest, told.evidence.source) == (CrashKind.HOST_PANIC, "", Source.XEN_LOG)
    assert told.evidence.lines == ("(XEN) Panic on CPU 2:", "(XEN) DOUBLE FAULT -- system shutdown")


def test_a_guest_s_words_in_the_hypervisor_s_log_are_not_the_host_s() -> None:
    text = "(d7) [    1.0] Kernel panic - not syncing: Attempted to kill init!\n(XEN) Domain 7 (vcpu#0) crashed\n"
    assert not list(console.sightings(looked(logs=[log(console.HYPERVISOR, text)])))


@pytest.mark.parametrize(
    ("path", "guest"),
    [
        ("/var/log/xen/console/guest-db.01.log", ("db.01", "")),
        ("/var/log/libvirt/qemu/web-01-console.log", ("web-01", "")),
        (
            "/var/lib/nova/instances/814dd584-dd09-4468-a518-70159e031bcc/console.log",
            ("", "814dd584-dd09-4468-a518-70159e031bcc"),
        ),
        ("/var/log/libvirt/qemu/web.log", ("", "")),
    ],
)
def test_a_console_s_path_names_its_guest(path: str, guest: tuple[str, str]) -> None:
    assert console.guest_of(path) == guest


@given(ANY_TEXT, mangled(BOOT + NO_ROOT + KVM_NULL))
def test_no_text_breaks_the_parser(text: str, other: str) -> None:
    logs = [
        log("/var/log/libvirt/qemu/a-console.log", text),
        log("/var/log/xen/console/guest-b.log", other),
        log(console.HYPERVISOR, other),
    ]
    assert all(is_presentable(told) for told in console.sightings(looked(logs=logs)))
