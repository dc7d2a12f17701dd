"""What a look has brought from hosts that are made up of texts and files, for tests of what is read from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from backends.probes.crashes.looked import FileSeen, LogEnd, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.survey.readings import Gap, Reading, Readings

NOW_S = 1_780_000_000.0
"""2026-05-28 20:26:40 UTC."""


def looked(
    answers: Mapping[str, str | Reading] | None = None,
    *,
    logs: Sequence[LogEnd] = (),
    files: Sequence[FileSeen] = (),
    is_root: bool = True,
) -> Looked:
    """`answers`: of commands by their words, of small files by their paths."""
    told = {
        name: each if isinstance(each, Reading) else Reading(each) for name, each in (answers or {}).items()
    }
    readings = Readings("root", is_root, 0.0, 0.05, 0.1, {"began": Reading(f"{NOW_S}"), **told})
    return Looked(readings, tuple(logs), tuple(files))


def log(
    path: str, text: str, *, mtime_s: float = NOW_S, trouble: str = "", is_console: bool = False
) -> LogEnd:
    """A log that was read whole."""
    text = text.strip("\n")
    offsets, at = [], 0
    for line in text.split("\n") if text else ():
        offsets.append(at)
        at += len(line.encode()) + 1
    return LogEnd(path, at, mtime_s, text, tuple(offsets), trouble, is_console=is_console)


def file(
    path: str,
    begins: bytes = b"",
    *,
    size_bytes: int = 4096,
    mtime_s: float = NOW_S,
    readable: bool = True,
    allocated_bytes: int | None = None,
) -> FileSeen:
    """One that is there."""
    return FileSeen(path, size_bytes, mtime_s, readable, begins, allocated_bytes)


def is_presentable(sighting: Sighting) -> bool:
    """Nothing of it would be obeyed by a terminal."""
    told = sighting.evidence
    return all(text.isprintable() for text in (told.place, *told.lines, told.trouble, told.mend))


ANY_TEXT = st.one_of(
    st.binary(max_size=80).map(lambda raw: raw.decode(errors="replace")),
    st.text(alphabet="0123456789 kBYN[],:;=\"'x-.\n\0\x1b\u202e()<>#/\\{}", max_size=80),
    st.just("9" * 5000),
)
ANY_READING = st.one_of(ANY_TEXT.map(Reading), st.sampled_from(Gap).map(lambda gap: Reading(gap=gap)))


def mangled(text: str) -> st.SearchStrategy[str]:
    """A real text with a hole, or with something put in, anywhere."""

    def cut(places: tuple[int, int, str]) -> str:
        first, second, put = places
        return text[: min(first, second)] + put + text[max(first, second) :]

    place = st.integers(0, len(text))
    return st.tuples(place, place, ANY_TEXT).map(cut)
