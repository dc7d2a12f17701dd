"""libvirt's state files, as libvirt 9.0 writes them, and the filter on the host leaves them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.crash import CrashKind, Source
from backends.probes.crashes import state_files
from tests.unit.crashes.looked_at import MTIME_S, log, looked


def state(status: str, name: str = "web") -> str:
    return f"""\
<domstatus {status}>
    <name>{name}</name>
    <uuid>2ef92c21-cda3-58bc-85f3-f749a86a5c5d</uuid>
"""


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("state='paused' reason='ioerror' pid='222'", CrashKind.IO_ERROR),
        ("state='crashed' reason='panicked' pid='222'", CrashKind.PANIC),
        ("state='paused' reason='crashed' pid='222'", CrashKind.PANIC),
    ],
)
def test_a_guest_that_stands_still_is_told_since_its_file_was_written(status: str, kind: CrashKind) -> None:
    (sighting,) = state_files.sightings(looked(log("/run/libvirt/qemu/web.xml", state(status), begin=223)))
    assert (sighting.kind, sighting.guest, sighting.pid) == (kind, "web", 222)
    assert sighting.uuid == "2ef92c21-cda3-58bc-85f3-f749a86a5c5d"
    assert (sighting.at_s, sighting.exact) == (MTIME_S, False)
    assert sighting.evidence.source is Source.STATE
    assert sighting.evidence.lines == (f"<domstatus {status}>",)
    assert sighting.evidence.offset == 223


@pytest.mark.parametrize(
    "status",
    [
        "state='running' reason='booted' pid='222'",
        "state='paused' reason='user' pid='222'",
        "state='paused' reason='migration' pid='222'",
        "state='running' reason='crashed' pid='222'",  # it panicked and goes on (VIR_DOMAIN_RUNNING_CRASHED)
    ],
)
def test_other_states_are_no_crashes(status: str) -> None:
    assert list(state_files.sightings(looked(log("/run/libvirt/qemu/web.xml", state(status))))) == []


def test_a_name_is_as_the_guest_has_it() -> None:
    text = state("state='paused' reason='ioerror' pid='1'", "a&amp;b &lt;1&gt;")
    (sighting,) = state_files.sightings(looked(log("/run/libvirt/qemu/a&b.xml", text)))
    assert sighting.guest == "a&b <1>"


@given(st.text(), st.text())
def test_no_text_breaks_the_parser(begin: str, end: str) -> None:
    text = f"{begin}<domstatus state='paused' reason='ioerror' pid='{end}'>{end}\n    <name>{begin}</name>"
    for each in (text, text.removeprefix(begin)):
        list(state_files.sightings(looked(log("/run/libvirt/qemu/web.xml", each))))
