"""Hosts that started again without having been shut down."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from backends.model.crash import CrashKind
from backends.probes.crashes import boots, host_time
from backends.probes.crashes.journal_entries import BOOTS
from backends.probes.crashes.sighting import Sighting
from backends.probes.survey.readings import Reading
from tests.unit.crashes.looked_hosts import ANY_READING, is_presentable, looked

ISO = """\
reboot   system boot  6.8.0-58-generic 2026-05-28T15:04:00+02:00   still running
reboot   system boot  6.8.0-58-generic 2026-05-28T14:00:00+02:00   still running
shutdown system down  6.8.0-58-generic 2026-05-28T13:58:00+02:00 - 2026-05-28T14:00:00+02:00  (00:02)
reboot   system boot  6.8.0-57-generic 2026-05-20T09:00:00+02:00 - 2026-05-28T13:58:00+02:00 (8+04:58)

wtmp begins 2026-03-01T10:00:00+01:00
"""
"""util-linux 2.38 (login-utils/last.c); the newest start has no shutdown before it."""
FULL = """\
reboot   system boot  3.10.0-327.18.2. Wed Dec 26 15:20:00 2018   still running
reboot   system boot  3.10.0-327.18.2. Fri Dec 14 18:46:00 2018 - Wed Jan  2 11:45:00 2019 (20+16:58)
shutdown system down  3.10.0-327.18.2. Fri Dec 14 18:40:00 2018 - Fri Dec 14 18:46:00 2018  (00:06)
reboot   system boot  3.10.0-327.18.2. Tue Nov 13 08:00:00 2018 - Fri Dec 14 18:40:00 2018 (31+10:40)

wtmp begins Mon Apr 11 23:39:49 2016
"""
"""`last -x -F` of RHEL 7: two starts, and nothing between them."""
STARTED_S = 1_779_973_440.0
"""2026-05-28 15:04 in summer time."""
BEFORE, LAST = "a" * 32, "b" * 32


def listed(*rows: tuple[str, float, float]) -> str:
    """`journalctl --list-boots -o json` (systemd 254, src/journal/journalctl.c)."""
    told = [
        {
            "index": index - len(rows) + 1,
            "boot_id": id_,
            "first_entry": int(first * 1e6),
            "last_entry": int(last * 1e6),
        }
        for index, (id_, first, last) in enumerate(rows)
    ]
    return json.dumps(told)


def ended(*rows: tuple[str, float]) -> str:
    return "\n".join(
        json.dumps({"_BOOT_ID": id_, "__REALTIME_TIMESTAMP": str(int(at * 1e6))}) for id_, at in rows
    )


def of(answers: dict[str, str | Reading]) -> list[Sighting]:
    return list(boots.sightings(looked({host_time.ZONE.name: "+0200", **answers})))


def test_a_start_with_no_shutdown_before_it_is_told_and_others_are_not() -> None:
    (told,) = of({boots.LAST.name: ISO})
    assert (told.kind, told.at_s, told.exact) == (CrashKind.HOST_UNCLEAN, STARTED_S, False)
    assert told.evidence.place == "last -x"
    assert told.evidence.lines[-1] == "started again, and not shut down before"


def test_an_older_last_is_understood_too() -> None:
    (told,) = of({boots.LAST_FULL.name: FULL})
    assert told.at_s == 1_545_830_400.0


def test_where_the_journal_ends_is_told_beside_it() -> None:
    rows = ((BEFORE, STARTED_S - 3840, STARTED_S - 540), (LAST, STARTED_S + 2, STARTED_S + 100))
    (told,) = of({boots.LAST.name: ISO, BOOTS.name: listed(*rows)})
    assert told.evidence.lines[0] == f"the journal of boot {BEFORE} ends 9 min before the next start"


def test_what_wtmp_has_lost_and_the_journal_has_is_a_shutdown() -> None:
    """wtmp may not have been written at the end, as on a read-only file system."""
    rows = ((BEFORE, STARTED_S - 3840, STARTED_S - 20), (LAST, STARTED_S + 2, STARTED_S + 100))
    answers: dict[str, str | Reading] = {
        boots.LAST.name: ISO,
        BOOTS.name: listed(*rows),
        boots.ENDS.name: ended((BEFORE, STARTED_S - 20)),
    }
    assert of(answers) == []


def test_without_wtmp_the_journal_tells() -> None:
    rows = (
        ("c" * 32, STARTED_S - 90_000, STARTED_S - 80_000),
        (BEFORE, STARTED_S - 3840, STARTED_S - 540),
        (LAST, STARTED_S, STARTED_S + 100),
    )
    answers: dict[str, str | Reading] = {
        BOOTS.name: listed(*rows),
        boots.ENDS.name: ended(("c" * 32, STARTED_S - 80_000)),
    }
    (told,) = of(answers)
    assert (told.at_s, told.evidence.place) == (STARTED_S, "journalctl --list-boots")
    assert BEFORE in told.evidence.lines[0]


def test_a_journal_that_tells_of_no_end_at_all_proves_nothing() -> None:
    """Its last entries may be lost with the file system that it is on."""
    rows = ((BEFORE, STARTED_S - 3840, STARTED_S - 540), (LAST, STARTED_S, STARTED_S + 100))
    assert of({BOOTS.name: listed(*rows)}) == []


def test_lines_of_an_older_journalctl_are_understood() -> None:
    """systemd 239."""
    text = (
        f"-1 {BEFORE} Thu 2026-05-28 14:00:00 CEST—Thu 2026-05-28 14:55:00 CEST\n"
        f" 0 {LAST} Thu 2026-05-28 15:04:02 CEST—Thu 2026-05-28 16:00:00 CEST\n"
    )
    (told,) = of({boots.LAST.name: ISO, BOOTS.name: text})
    assert told.evidence.lines[0] == f"the journal of boot {BEFORE} ends 9 min before the next start"


def test_the_oldest_start_that_is_known_is_never_told() -> None:
    assert of({boots.LAST.name: ISO.partition("\n")[0]}) == []


NAMES = [each.name for each in (boots.LAST, boots.LAST_FULL, BOOTS, boots.ENDS)]


@given(st.dictionaries(st.sampled_from(NAMES), ANY_READING))
def test_no_answer_breaks_the_parser(answers: dict[str, str | Reading]) -> None:
    assert all(is_presentable(told) for told in of({boots.LAST.name: ISO, **answers}))
