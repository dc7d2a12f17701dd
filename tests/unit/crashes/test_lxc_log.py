"""An operator sees which containers did not start, from libvirt's logs of them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings

from backends.model.crash import CrashKind, Source
from backends.probes.crashes import lxc_log
from backends.probes.crashes.sighting import Sighting
from tests.unit.crashes.looked_hosts import NOW_S, is_presentable, log, looked, mangled

PATH = "/var/log/libvirt/lxc/web.log"
TEXT = """\
2013-05-06 10:20:15.123+0000: starting up
PATH=/usr/sbin:/usr/bin /usr/lib/libvirt/libvirt_lxc --name web --console 21 --security=none --handshake 24
2013-05-06 10:20:15.301+0000: 4356: info : libvirt version: 1.0.5
2013-05-06 10:20:15.302+0000: 4356: error : lxcContainerPivotRoot:5 : Failed to create /srv/.oldroot: Permission denied
Failure in libvirt_lxc startup: Failed to create /srv/.oldroot: Permission denied
2013-05-06 11:00:00.000+0000: starting up
PATH=/usr/sbin:/usr/bin /usr/lib/libvirt/libvirt_lxc --name web --console 21"""
"""libvirt src/lxc/lxc_process.c (START_POSTFIX), lxc_container.c and lxc_controller.c (`Failure in ...`)."""


def _seen(text: str, path: str = PATH) -> list[Sighting]:
    return list(lxc_log.sightings(looked(logs=[log(path, text)])))


def test_a_container_that_did_not_start_is_seen_at_its_time() -> None:
    """A later start that went well tells nothing."""
    (seen,) = _seen(TEXT)
    at_s = datetime(2013, 5, 6, 10, 20, 15, 302000, tzinfo=UTC).timestamp()
    assert (seen.kind, seen.guest, seen.at_s, seen.exact) == (CrashKind.NOT_STARTED, "web", at_s, True)
    assert seen.evidence.source is Source.LXC_LOG
    assert seen.evidence.lines[-1].startswith("Failure in libvirt_lxc startup: ")
    assert len(seen.evidence.lines) == 2


def test_where_its_start_is_not_in_what_was_read_the_files_time_is_told() -> None:
    """It was then or before."""
    (seen,) = _seen("Failure in libvirt_lxc startup: Failed to mount devfs: No such device", f"{PATH}.1.gz")
    assert (seen.guest, seen.at_s, seen.exact) == ("web", NOW_S, False)


def test_a_container_that_runs_or_was_ended_tells_nothing() -> None:
    """Nor do errors of one that went on."""
    assert _seen("\n".join(TEXT.split("\n")[:4])) == []


@settings(deadline=None)
@given(mangled(TEXT))
def test_broken_logs_never_crash_the_reader(text: str) -> None:
    """And nothing of them would be obeyed by a terminal."""
    assert all(is_presentable(each) for each in _seen(text, "/var/log/libvirt/lxc/a\x1b[2J.log"))
