"""A console in shared storage is seen by several hosts, and its panic told by the one on which the guest ran."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backends.crashes.elsewhere import is_elsewhere, may_be_elsewhere
from backends.model.crash import Cause, CrashKind, CrashRecord, Evidence, HostCrashes, Source
from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest, GuestKey, GuestState
from backends.model.host import HostName, HostSpec, Link, LinkStatus, Reach

H1, H2 = HostName("h1"), HostName("h2")
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PATH = "/srv/shared/console/web.log"
PANIC = ("Kernel panic - not syncing: sysrq triggered crash",)
CONSOLE = Evidence(Source.CONSOLE, PATH, PANIC, path=PATH, offset=100)
EVENT = Evidence(Source.EVENT, "libvirt's events", ("libvirt event: guest crashed (panicked)",))


def key(host: HostName) -> GuestKey:
    return GuestKey(host, "qemu", "uuid-of-web")


def record(host: HostName, *evidence: Evidence) -> CrashRecord:
    return CrashRecord(
        "id", host, CrashKind.PANIC, NOW, NOW, False, key(host), "web", Cause("panicked"), evidence
    )


def view(host: HostName, state: GuestState | None, reason: str = "", *records: CrashRecord) -> HostView:
    guest = Guest(key(host), "web", state or GuestState.OFF, reason, 1, 1 << 30)
    crashes = HostCrashes(host, NOW, NOW, 0.1, 1, 0.0, records)
    spec, link = HostSpec(host, Reach.SSH, "root@h"), LinkStatus(Link.UP, NOW)
    return HostView(spec, link, guests={guest.key: guest} if state else {}, crashes=crashes)


def fleet(*views: HostView) -> FleetState:
    return FleetState(hosts={each.spec.name: each for each in views})


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(
            fleet(view(H1, GuestState.OFF), view(H2, GuestState.RUNNING)), id="it runs on the other one"
        ),
        pytest.param(
            fleet(view(H1, GuestState.OFF, "migrated"), view(H2, GuestState.CRASHED, "crashed")),
            id="it has moved to the other one and ended there",
        ),
        pytest.param(
            fleet(
                view(H1, GuestState.OFF),
                view(H2, GuestState.CRASHED, "crashed", record(H2, CONSOLE, EVENT)),
            ),
            id="the other one's libvirt tells of it, too",
        ),
        pytest.param(
            fleet(view(H1, GuestState.RUNNING), view(H2, GuestState.OFF, "", record(H2, CONSOLE, EVENT))),
            id="it has crashed on the other one and was started here",
        ),
    ],
)
def test_a_panic_that_only_the_shared_console_tells_of_here_is_told_by_the_other_host(
    state: FleetState,
) -> None:
    assert is_elsewhere(record(H1, CONSOLE), state)
    assert may_be_elsewhere(record(H1, CONSOLE), state.hosts[H2])
    assert not is_elsewhere(record(H1, CONSOLE, EVENT), state), "this host has something of its own to tell"


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(fleet(view(H1, GuestState.OFF)), id="no other host knows it"),
        pytest.param(fleet(view(H1, GuestState.RUNNING), view(H2, GuestState.OFF)), id="it runs here"),
        pytest.param(
            fleet(view(H1, GuestState.OFF), view(H2, GuestState.OFF)), id="nobody knows where it ran"
        ),
        pytest.param(fleet(view(H1, GuestState.OFF, "migrated"), view(H2, None)), id="it went away"),
        pytest.param(
            fleet(view(H1, GuestState.CRASHED), view(H2, GuestState.OFF, "", record(H2, CONSOLE))),
            id="the other one sees the same and knows no more",
        ),
    ],
)
def test_otherwise_it_is_told_here(state: FleetState) -> None:
    assert not is_elsewhere(record(H1, CONSOLE), state)
