"""What a kernel says when it gives up, in the forms in which hosts keep it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given

from backends.probes.crashes import kernel_text
from backends.probes.crashes.kernel_text import End, KernelLine
from tests.unit.crashes.looked_hosts import ANY_TEXT, NOW_S

KVM_NULL = """\
[ 8012.123456] BUG: unable to handle kernel NULL pointer dereference at 0000000000000028
[ 8012.123471] IP: [<ffffffffa04a1b2c>] kvm_arch_vcpu_ioctl_run+0x6c/0x400 [kvm]
[ 8012.123480] PGD 0
[ 8012.123484] Oops: 0000 [#1] SMP
[ 8012.123490] Modules linked in: vhost_net vhost macvtap macvlan tun kvm_intel kvm
[ 8012.123530] CPU: 3 PID: 21345 Comm: qemu-kvm Not tainted 3.10.0-1160.el7.x86_64 #1
[ 8012.123540] RIP: 0010:[<ffffffffa04a1b2c>]  [<ffffffffa04a1b2c>] kvm_arch_vcpu_ioctl_run+0x6c/0x400 [kvm]
[ 8012.123550] RSP: 0018:ffff88203c0b3d98  EFLAGS: 00010246
[ 8012.123640] Call Trace:
[ 8012.123650]  [<ffffffffa0489f2b>] kvm_vcpu_ioctl+0x2fb/0x660 [kvm]
[ 8012.123660]  [<ffffffff8125fb60>] do_vfs_ioctl+0x3a0/0x5a0
[ 8012.123670]  [<ffffffff8125fe01>] SyS_ioctl+0xa1/0xc0
[ 8012.123680]  [<ffffffff81793f92>] system_call_fastpath+0x25/0x2a
[ 8012.123690] Code: 48 8b 40 28 48 85 c0 74 0d
[ 8012.123760] RIP  [<ffffffffa04a1b2c>] kvm_arch_vcpu_ioctl_run+0x6c/0x400 [kvm]
[ 8012.123800] ---[ end trace 2b5a7b2c6c9e5d11 ]---
[ 8012.123810] Kernel panic - not syncing: Fatal exception
[ 8012.123820] Kernel Offset: disabled
"""
"""In the form of a 3.10 kernel (arch/x86/mm/fault.c, show_fault_oops; arch/x86/kernel/dumpstack.c, __die)."""
ARM64 = """\
[    1.841502] Run /init as init process
[    1.970386] sysrq: Trigger a crash
[    1.970967] Kernel panic - not syncing: sysrq triggered crash
[    1.971693] CPU: 0 PID: 1 Comm: init Not tainted 5.2.15 #1
[    1.972096] Hardware name: linux,dummy-virt (DT)
[    1.972661] Call trace:
[    1.972919]  dump_backtrace+0x0/0x148
[    1.973271]  show_stack+0x14/0x20
[    1.973472]  dump_stack+0xa0/0xc4
[    1.973699]  panic+0x140/0x32c
[    1.973897]  sysrq_handle_reboot+0x0/0x20
[    1.974161]  __handle_sysrq+0x124/0x190
[    1.974422]  write_sysrq_trigger+0x64/0x88
[    1.977383] Kernel Offset: disabled
[    1.979169] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---
"""
"""A report on linux-arm-kernel, 2019: "printk() from panic() ..."."""
POWER = """\
[   74.783235] sysrq: Trigger a crash
[   74.783244] Kernel panic - not syncing: sysrq triggered crash
[   74.783252] CPU: 58 PID: 3838 Comm: bash Kdump: loaded Not tainted 6.6.0-rc5pf-nr-cpus+ #3
[   74.783275] Call Trace:
[   74.783280] [c00000020f4ebac0] [c000000000ed9f38] dump_stack_lvl+0x6c/0x9c (unreliable)
[   74.783291] [c00000020f4ebaf0] [c000000000150300] panic+0x178/0x438
"""
"""linuxppc-dev, October 2023, on kdump with nr_cpus=1."""
WITH_CALLER = """\
[  556.180000][ T3839] Kernel panic - not syncing: sysrq triggered crash
[  556.195087][ T3839] Call Trace:
[  556.198622][ T3839]  <TASK>
[  556.201775][ T3839]  dump_stack_lvl+0x32/0x50
[  556.206688][ T3839]  panic+0x340/0x360
[  556.215340][ T3839]  sysrq_handle_crash+0x11/0x20
[  556.267276][ T3839] RIP: 0033:0x7fdba44efba0
[  556.347338][ T3839]  </TASK>
"""
"""With CONFIG_PRINTK_CALLER."""


def ends_of(text: str) -> list[End]:
    return list(kernel_text.ends([kernel_text.read(line) for line in text.strip("\n").split("\n")]))


def at(year: int, month: int, day: int, hour: int, minute: int, second: int) -> float:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[   12.345678] text", KernelLine("text", None, 12.345678)),
        ("<4>[   12.345678] text", KernelLine("text", None, 12.345678)),
        ("<6>text", KernelLine("text")),
        ("[  556.293977][ T3839] text", KernelLine("text", None, 556.293977)),
        ("[Thu May  9 14:52:38 2024] text", KernelLine("text", at(2024, 5, 9, 12, 52, 38))),
        (
            "2019-12-13T04:23:58.358162+01:00 kern.err bgo-compute-06 kernel: text",
            KernelLine("text", at(2019, 12, 13, 3, 23, 58)),
        ),
        ("2026-05-04T10:11:01-0400 host kernel: text", KernelLine("text", at(2026, 5, 4, 14, 11, 1))),
        (
            "May  1 21:13:05 host kernel: [ 4563.079551] text",
            KernelLine("text", at(2026, 5, 1, 19, 13, 5), 4563.079551),
        ),
        ("Nov 30 21:13:05 host kernel: text", KernelLine("text", at(2025, 11, 30, 19, 13, 5))),
        (
            "May  1 21:13:05 host sshd[12]: text",
            KernelLine("text", at(2026, 5, 1, 19, 13, 5), None, of_kernel=False),
        ),
        ("text", KernelLine("text")),
        ("", KernelLine("")),
    ],
)
def test_a_line_is_read_whatever_stands_before_it(line: str, told: KernelLine) -> None:
    """printk's, dmesg -T's (local time), rsyslog's with priority, journalctl's, syslog's without a year, of a host in
    summer time at the end of May 2026."""
    assert kernel_text.read(line, ahead_s=7200, not_after_s=NOW_S) == told


def test_what_led_to_a_panic_is_told_with_where_and_the_first_calls() -> None:
    (end,) = ends_of(KVM_NULL)
    assert end.is_panic
    assert end.lines[0].startswith("BUG: unable to handle kernel NULL pointer dereference")
    assert "Oops: 0000 [#1] SMP" in end.lines
    assert any("kvm_arch_vcpu_ioctl_run" in line for line in end.lines)
    assert "Comm: qemu-kvm" in " ".join(end.lines)
    assert any("kvm_vcpu_ioctl+0x2fb" in line for line in end.lines)
    assert end.lines[-1] == "Kernel panic - not syncing: Fatal exception"
    assert not any("Code:" in line or "RSP" in line for line in end.lines)
    assert end.uptime_s == 8012.12381


@pytest.mark.parametrize("text", [ARM64, POWER, WITH_CALLER])
def test_each_architecture_and_form_is_one_end(text: str) -> None:
    (end,) = ends_of(text)
    assert end.is_panic
    assert "Kernel panic - not syncing: sysrq triggered crash" in end.lines
    assert any("panic+0x" in line for line in end.lines)
    assert not any("RIP: 0033" in line for line in end.lines), "where a program called says nothing"


def test_a_kernel_that_gives_up_twice_has_ended_twice() -> None:
    again = "[    0.000000] Linux version 5.2.15 (gcc)\n"
    first, second = ends_of(ARM64 + again + KVM_NULL)
    assert "sysrq" in first.lines[0]
    assert second.lines[0].startswith("BUG:")
    assert second.first > first.last


@pytest.mark.parametrize(
    "line",
    [
        "watchdog: BUG: soft lockup - CPU#12 stuck for 23s! [CPU 0/KVM:31337]",
        "general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] PREEMPT SMP",
        "kernel BUG at mm/slub.c:305!",
        "mce: [Hardware Error]: CPU 14: Machine Check Exception: 5 Bank 5: be00000000800400",
        "Unable to handle kernel paging request at virtual address ffff8000123",
        "NMI watchdog: Watchdog detected hard LOCKUP on cpu 6",
    ],
)
def test_what_a_kernel_may_survive_is_no_panic(line: str) -> None:
    (end,) = ends_of(f"[ 100.000001] {line}\n")
    assert not end.is_panic
    assert end.lines == (line,)


@pytest.mark.parametrize(
    "line",
    [
        "(XEN) Panic on CPU 0:",
        "panic: page fault",
        "Fatal trap 12: page fault while in kernel mode",
    ],
)
def test_other_kernels_than_linux_give_up_too(line: str) -> None:
    """Xen's panic() (xen/drivers/char/console.c), FreeBSD's (kern_shutdown.c, amd64/trap.c)."""
    (end,) = ends_of(f"{line}\n")
    assert end.is_panic


def test_an_ordinary_log_has_no_end() -> None:
    ordinary = "[    0.000000] Linux version 6.1.0\n[    1.0] mce: CPU0: Thermal monitoring enabled\n"
    assert ends_of(ordinary + "[ 2.0] Oopsie daisy\n") == []


@given(ANY_TEXT)
def test_no_text_breaks_the_reader(text: str) -> None:
    for end in ends_of(text):
        assert all(line.isprintable() for line in end.lines)
    kernel_text.read(text, not_after_s=NOW_S)
