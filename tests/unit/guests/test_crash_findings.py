"""What a crash of a guest would leave, said before it crashes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.guests.crash_findings import Asked, DumpRoom, findings
from backends.guests.panic_device import panic_device_for
from backends.hypervisor.crash_settings import CrashDefinition, CrashDefinitions, crash_definition
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.posture import Finding, Severity

GIB = 2**30
ROOM = DumpRoom("/var/lib/libvirt/qemu/dump", 100 * GIB)
BARE = CrashDefinition(arch="x86_64", machine="pc-q35-9.0")
"""As virt-install makes a guest: nothing is left of a crash."""


def asked(
    now: CrashDefinition,
    *,
    driver: str = "qemu",
    room: DumpRoom = ROOM,
    stored: CrashDefinition | None = None,
    transient: bool = False,
) -> Asked:
    kept = None if transient else stored or now
    definitions = CrashDefinitions(
        active=True, persistent=not transient, memory_bytes=4 * GIB, now=now, stored=kept
    )
    return Asked(GuestKey(HostName("h1"), driver, "u"), "web", definitions, room)


def found(asked_: Asked, topic: str) -> Finding | None:
    return next((each for each in findings(asked_) if each.id == f"crash.{topic}"), None)


def severity(asked_: Asked, topic: str) -> Severity:
    finding = found(asked_, topic)
    assert finding, findings(asked_)
    return finding.severity


def test_a_guest_as_it_is_usually_made_would_leave_nothing() -> None:
    finding = found(asked(BARE), "leaves")
    assert finding is not None
    assert finding.severity is Severity.MEDIUM
    assert "would leave nothing" in finding.evidence
    assert "never carried out" in finding.evidence


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"on_crash": "coredump-destroy", "panic_devices": ("isa",)}, "a dump of its memory in /var/lib"),
        ({"on_crash": "preserve", "panic_devices": ("isa",)}, "the guest as it is"),
        ({"console_logs": ("/var/log/web\x1b.log",)}, "its console in /var/log/web␛.log"),
        ({"watchdogs": (("i6300esb", "dump"),)}, "when its watchdog fires"),
    ],
)
def test_each_thing_that_would_be_left_is_named(changed: dict[str, object], words: str) -> None:
    finding = found(asked(replace(BARE, **changed)), "leaves")  # type: ignore[arg-type]
    assert finding is not None
    assert finding.severity is Severity.GOOD
    assert words in finding.evidence


@pytest.mark.parametrize("action", ["coredump-destroy", "coredump-restart", "preserve"])
def test_without_a_panic_device_no_action_is_of_use(action: str) -> None:
    """libvirt carries on_crash out when QEMU says GUEST_PANICKED, which takes a panic device."""
    bare = replace(BARE, on_crash=action)
    assert severity(asked(bare), "leaves") is Severity.MEDIUM
    assert severity(asked(bare), "panic-device") is Severity.MEDIUM
    assert severity(asked(replace(bare, panic_devices=("isa",))), "panic-device") is Severity.GOOD


def test_xen_tells_of_crashes_by_itself() -> None:
    dumped = replace(BARE, on_crash="coredump-restart")
    assert severity(asked(dumped, driver="xen"), "leaves") is Severity.GOOD
    assert severity(asked(dumped, driver="xen"), "panic-device") is Severity.GOOD


def test_a_container_has_no_kernel_to_panic() -> None:
    told = findings(asked(BARE, driver="lxc"))
    assert [finding.id for finding in told] == ["crash.leaves"]
    assert told[0].severity is Severity.LOW


def test_a_dump_for_which_there_is_no_room_is_no_dump() -> None:
    dumped = replace(BARE, on_crash="coredump-destroy", panic_devices=("isa",))
    assert severity(asked(dumped), "dump-room") is Severity.GOOD
    tight = asked(dumped, room=replace(ROOM, free_bytes=4 * GIB))
    assert severity(tight, "dump-room") is Severity.MEDIUM
    unknown = asked(dumped, room=DumpRoom("/x", why_not="log in as root"))
    assert severity(unknown, "dump-room") is Severity.UNKNOWN
    assert found(asked(replace(dumped, on_crash="destroy")), "dump-room") is None


def test_a_watchdog_that_does_nothing_is_as_good_as_none() -> None:
    assert severity(asked(BARE), "watchdog") is Severity.LOW
    assert severity(asked(replace(BARE, watchdogs=(("itco", "none"),))), "watchdog") is Severity.LOW
    assert severity(asked(replace(BARE, watchdogs=(("itco", "reset"),))), "watchdog") is Severity.GOOD


def test_what_will_hold_from_the_next_start_is_said() -> None:
    later = found(asked(BARE, stored=replace(BARE, panic_devices=("isa",))), "next-start")
    assert later is not None
    assert "panic devices: isa (now none)" in later.evidence
    assert found(asked(BARE), "next-start") is None
    transient = found(asked(BARE, transient=True), "next-start")
    assert transient is not None
    assert "transient" in transient.evidence


def test_the_worst_comes_first() -> None:
    order = list(Severity)
    ranks = [order.index(finding.severity) for finding in findings(asked(BARE))]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("driver", "arch", "machine", "model", "always"),
    [
        ("qemu", "x86_64", "pc-q35-9.0", "isa", False),
        ("qemu", "i686", "pc", "isa", False),
        ("qemu", "aarch64", "virt-9.0", "pvpanic", False),
        ("qemu", "ppc64le", "pseries-7.2", "pseries", True),
        ("qemu", "s390x", "s390-ccw-virtio-7.2", "s390", True),
        ("qemu", "aarch64", "raspi3b", "", False),
        ("qemu", "sparc64", "sun4u", "", False),
        ("xen", "x86_64", "xenpv", "", False),
    ],
)
def test_each_machine_has_its_panic_device(
    driver: str, arch: str, machine: str, model: str, always: bool
) -> None:
    """formatdomain.html, panic: model."""
    device = panic_device_for(driver, arch, machine)
    assert (device.model, device.always) == (model, always)
    assert device.words or model == "isa"


def test_what_a_definition_says_is_read_and_made_safe() -> None:
    read = crash_definition("""
<domain type='kvm'>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <on_crash> coredump-restart </on_crash>
  <on_reboot>&#x202e;odd</on_reboot>
  <devices>
    <panic/>
    <panic model='hyperv'/>
    <watchdog model='i6300esb' action='inject-nmi'/>
    <watchdog model='itco'/>
    <serial type='pty'><log file='/var/log/a'/></serial>
    <console type='file'><source path='/var/log/b'/></console>
  </devices>
</domain>""")
    assert read.on_crash == "coredump-restart"
    assert read.on_poweroff == "destroy"
    assert read.on_reboot == "\\u202eodd"
    assert read.panic_devices == ("isa", "hyperv")
    assert read.watchdogs == (("i6300esb", "inject-nmi"), ("itco", "reset"))
    assert read.console_logs == ("/var/log/a", "/var/log/b")
