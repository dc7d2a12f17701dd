"""Whose crash it is: by name, disk, console, dump or driver, whichever the host tells."""

from __future__ import annotations

from dataclasses import replace

from backends.crashes.whose import Whose
from backends.model.crash import CrashKind, Source
from tests.unit.crashes.test_timeline import DB, WEB, guest, told


def test_a_disk_says_whose_start_failed_and_one_that_two_guests_have_says_nothing() -> None:
    both = [WEB, guest("other", "/srv/shared.iso"), DB]
    own = told(CrashKind.NOT_STARTED, Source.DAEMON_LOG, 0, name="", path="/srv/db.img")
    shared = told(CrashKind.NOT_STARTED, Source.DAEMON_LOG, 60, name="", path="/srv/shared.iso")

    whose = Whose(both)

    assert whose.of(own) == (DB.key, "db")
    assert whose.of(shared) == (None, "")


def test_a_console_says_whose_kernel_it_was() -> None:
    logged = replace(WEB, console_logs=("/srv/console/web.log",))
    panic = told(CrashKind.PANIC, Source.CONSOLE, 0, name="", path="/srv/console/web.log", exact=False)

    assert Whose([logged, DB]).of(panic) == (WEB.key, "web-01")


def test_a_dump_whose_name_libvirt_has_cut_is_the_guest_s_whose_name_alone_begins_so() -> None:
    long, other = guest("a-very-long-name-of-a-guest"), guest("a-very-long-name-of-another")
    dump = told(CrashKind.DUMP, Source.GUEST_DUMP, 0, name=long.name[:20])
    assert Whose((WEB, long)).of(dump) == (long.key, long.name)
    assert Whose((long, other)).of(dump) == (None, long.name[:20]), "nobody knows which"
    assert Whose((guest("web-01-and-more"),)).of(told(CrashKind.DUMP, Source.GUEST_DUMP, 0)) == (
        None,
        "web-01",
    )


def test_guests_of_two_drivers_may_have_one_name_and_one_uuid() -> None:
    box = replace(WEB, key=WEB.key._replace(driver="lxc"))
    whose = Whose((box, WEB))
    log = told(CrashKind.ENDED, Source.QEMU_LOG, 0, place="/var/log/libvirt/qemu/web-01.log")
    of_box = told(CrashKind.NOT_STARTED, Source.LXC_LOG, 0, place="/var/log/libvirt/lxc/web-01.log")
    dump = told(CrashKind.DUMP, Source.GUEST_DUMP, 0, place="/var/lib/libvirt/qemu/dump/1-web-01")
    event = told(CrashKind.ENDED, Source.EVENT, 0, uuid=WEB.key.uuid, driver="qemu")

    assert {whose.of(each) for each in (log, dump, event)} == {(WEB.key, "web-01")}
    assert whose.of(of_box) == (box.key, "web-01")
    assert Whose((box,)).of(log) == (None, "web-01"), "the guest of this log is gone"


def test_a_console_is_the_guest_s_whose_definition_names_it_whatever_its_own_name_says() -> None:
    """A clone that writes where its definition says."""
    clone = replace(DB, console_logs=("/var/log/libvirt/qemu/web-01-console.log",))
    panic = told(
        CrashKind.PANIC,
        Source.CONSOLE,
        0,
        path=clone.console_logs[0],
        place=clone.console_logs[0],
        exact=False,
    )

    assert Whose((WEB, clone)).of(panic) == (DB.key, "db")
