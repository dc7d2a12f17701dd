"""What a look's script has told, put together again, whatever it is that a host answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.model.crash import CrashGap
from backends.probes.crashes.collected import collected
from backends.probes.crashes.looked import Looked
from backends.probes.crashes.wanted import LogsWanted
from backends.probes.survey.readings import Gap, Reading, Readings

WANTED = (LogsWanted(("/var/log/a/*.log",)), LogsWanted(("/var/log/b/*.log",)))
DONE = {"done": "", "did 1": "", "did 2": ""}


def told(sections: dict[str, str]) -> Looked:
    files = {name: Reading(text) for name, text in sections.items()}
    return collected(Readings("joe", False, 0.0, 0.1, 0.2, files), WANTED)


def test_logs_of_a_batch_are_told_apart_by_their_paths_alone() -> None:
    logs = "30 1 9 8 512 /var/log/a/x.log\n20 2 9 8 512 /var/log/b/y:1-z.log"
    batches = {
        "batch 1": "/var/log/a/x.log\x007:seven\n--\n/var/log/a/x.log\x0013-after: 9:no",
        "batch 2": "/var/log/b/y:1-z.log\x000:zero\n/var/log/a/x.log\x000:of another kind\n/etc/passwd\x000:no",
    }
    first, second = told({"logs": logs, **batches, **DONE}).logs
    assert (first.text, first.offsets) == ("seven\nafter: 9:no", (7, 13))
    assert (second.text, second.mtime_s) == ("zero", 20.0)


def test_what_there_was_no_time_for_is_counted() -> None:
    """Short ones are looked at together, before."""
    sizes = [*(10**9 for _ in range(40)), 100]
    logs = "\n".join(
        f"{90 - number} 1 {size} 8 512 /var/log/a/{number}.log" for number, size in enumerate(sizes)
    )
    gaps = told({"logs": logs, "left": "", "left 4": "", "batch 1": "", "did 1": ""}).gaps
    assert gaps == (CrashGap("37 older logs", "not looked at: there was no time left"),)


def test_an_answer_that_was_cut_is_said() -> None:
    (gap,) = told({"logs": "30 1 9 8 512 /var/log/a/x.log"}).gaps
    assert gap.what == "older logs"


KINDS = (
    "logs",
    "aside",
    "seen",
    "begins",
    "batch 1",
    "did 1",
    "tail 1 0",
    "tail 1 4096",
    "plain 1 0",
    "shut 1",
    "left 9",
)
ODD = ("missing 1", f"tail {'9' * 5000} 0", "tail x", "shut", "left 0", "done", "without", "journalctl -k")
NAMES = st.sampled_from((*KINDS, *ODD))
LISTED = (
    "30 1 9 8 512 /var/log/a/x.log",
    "0 1 hidden 0 0 /root",
    "1 r 7f45zz",
    "1 -",
    "/var/log/a/x.log\x007:y",
)
LINES = st.one_of(st.text(max_size=80), st.sampled_from(LISTED), st.just("9" * 5000))


@given(st.dictionaries(NAMES, st.lists(LINES, max_size=6).map("\n".join)), st.sampled_from([None, *Gap]))
def test_no_answer_breaks_it(sections: dict[str, str], gap: Gap | None) -> None:
    files = {name: Reading(text, gap, text) for name, text in sections.items()}
    found = collected(Readings("joe", False, 0.0, 0.1, 0.2, files), WANTED)
    for log in found.logs:
        lines = log.text.split("\n") if log.text else []
        assert len(log.offsets) in (0, len(lines))
    assert all((each.what + each.why + each.mend).isprintable() for each in found.gaps)
