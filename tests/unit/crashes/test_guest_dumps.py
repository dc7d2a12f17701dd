"""Dumps of guests, by their names: whose they are, and from when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backends.guests.dump_needs import file_name
from backends.model.dump import DumpFormat, DumpWish
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.probes.crashes import guest_dumps
from backends.probes.crashes.guest_dumps import QEMU, Named

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        # src/qemu/qemu_driver.c, getAutoDumpPath: the domain's number, its short name, the host's local time
        (f"{QEMU}/7-web-01-2026-01-31-13:00:00", Named("web-01", NOON.timestamp())),
        # src/libxl/libxl_domain.c, libxlDomainAutoCoreDump
        ("/var/lib/libvirt/libxl/dump/web-01-2026-01-31-13:00:00", Named("web-01", NOON.timestamp())),
        # tools/python/xen/xend/XendDomainInfo.py, dumpCore
        ("/var/lib/xen/dump/2026-0131-1300.00-web-01.7.core", Named("web-01", NOON.timestamp())),
        ("/var/xen/dump/web-01.7.core", Named("web-01")),
        (f"{QEMU}/somebodys.dump", Named()),
    ],
)
def test_the_hypervisors_own_names_tell_guest_and_time(path: str, named: Named) -> None:
    assert guest_dumps.of_name(path, ahead_s=3600) == named


@pytest.mark.parametrize("wanted", [DumpFormat.RAW, DumpFormat.KDUMP_ZLIB, DumpFormat.WINDOWS])
@pytest.mark.parametrize("memory_only", [True, False])
def test_a_dump_that_this_program_has_taken_is_known_by_its_guest(
    wanted: DumpFormat, *, memory_only: bool
) -> None:
    wish = DumpWish(GuestKey(HostName("h1"), "qemu", "uuid"), memory_only=memory_only, format=wanted)

    name = file_name(wish, "web-01", NOON)

    assert guest_dumps.of_name(f"{QEMU}/{name}", ahead_s=0) == Named("web-01")
