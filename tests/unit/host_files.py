"""A host's files for the tests of what is read from them: as `survey.sh` brings them, or broken in every way."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from backends.model.capability import Fact
from backends.probes.survey.readings import Gap, Reading, Readings

DENIED, BROKEN = Reading(gap=Gap.DENIED), Reading(gap=Gap.BROKEN)


def host(
    files: Mapping[str, str | Reading], *, ahead_s: float | None = 0.0, exact_s: float = 0.05
) -> Readings:
    """Texts without the newline at their end, as the survey brings them; what is not named is not there."""
    told = {path: text if isinstance(text, Reading) else Reading(text) for path, text in files.items()}
    return Readings("ops", False, ahead_s, exact_s, 0.1, told)


def by_id(facts: tuple[Fact, ...]) -> dict[str, Fact]:
    """No id twice."""
    found = {fact.id: fact for fact in facts}
    assert len(found) == len(facts)
    return found


def any_host(*paths: str) -> st.SearchStrategy[Readings]:
    """These files with any bytes in them, as a shell decodes them; some denied, broken, or not there."""
    text = st.one_of(
        st.binary(max_size=60).map(lambda raw: raw.decode(errors="replace")),
        st.text(alphabet="0123456789 kBYN[],:;=\"'x-.\n\0\x1b\u202e", max_size=40),
    )
    reading = st.one_of(text.map(Reading), st.sampled_from(Gap).map(lambda gap: Reading(gap=gap)))
    return st.dictionaries(st.sampled_from(paths), reading).map(host)


def is_presentable(fact: Fact) -> bool:
    """Known with a value or unknown with a reason, never both; nothing in it that a terminal would obey."""
    texts = (fact.value, fact.source, fact.trouble, fact.mend, fact.label)
    return bool(fact.value) is fact.known and bool(fact.label) and all(text.isprintable() for text in texts)
