"""The language of the filter line: what users type after ``/``, as a predicate on rows.

    web 01            every word must be found: its letters, in this order, with anything between
    ~^web-\\d+$        a regular expression, to the end of the line; in lower case it ignores case
    host:h1           the field must contain the text; ``host:h1,h2`` takes either
    !state:off !test  the word or field must not match
    since:2h          (of things that have a time) not longer ago than that

All of it ignores case and can be mixed: ``host:h1 !state:off web``. A colon after a word that is not a
field is a letter like any other, as in an IQN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

R = TypeVar("R")

Predicate = Callable[[R], bool]


class FilterError(ValueError):
    """The filter cannot be understood; the text says why, for the user to see."""


def parse(
    query: str,
    text: Callable[[R], str],
    fields: Mapping[str, Callable[[R], str]],
    tests_of: Mapping[str, Callable[[str], Predicate[R]]] | None = None,
) -> Predicate[R] | None:
    """The predicate of a filter line, or None when it is blank and everything passes.

    `text` is what words and expressions are looked up in: short, such as a name, since letters with
    anything between them are found in any long text. `fields` gives the text of each field by its name
    in lower case; `tests_of` the test that a value makes, for fields that are no text, and may raise
    FilterError. Raises FilterError.
    """
    special = tests_of or {}
    words, tilde, pattern = query.partition("~")
    if words and not words[-1].isspace():
        words, tilde, pattern = query, "", ""
    tests = [_word_test(word, text, fields, special) for word in words.split()]
    if tilde and pattern:
        tests.append(_expression_test(pattern, text))
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def _word_test(
    word: str,
    text: Callable[[R], str],
    fields: Mapping[str, Callable[[R], str]],
    special: Mapping[str, Callable[[str], Predicate[R]]],
) -> Predicate[R]:
    if word.startswith("!") and len(word) > 1:
        test = _word_test(word[1:], text, fields, special)
        return lambda row: not test(row)
    name, colon, value = word.casefold().partition(":")
    if colon and name in special:
        return special[name](value)
    field = fields.get(name) if colon else None
    if field is None:
        return _letters_test(word.casefold(), text)
    return _field_test(value.split(","), field)


def _letters_test(letters: str, text: Callable[[R], str]) -> Predicate[R]:
    def test(row: R) -> bool:
        folded = text(row).casefold()
        rest = iter(folded)
        return letters in folded or all(letter in rest for letter in letters)

    return test


def _field_test(values: list[str], field: Callable[[R], str]) -> Predicate[R]:
    def test(row: R) -> bool:
        folded = field(row).casefold()
        return any(value in folded for value in values)

    return test


def _expression_test(pattern: str, text: Callable[[R], str]) -> Predicate[R]:
    try:
        expression = re.compile(pattern, re.IGNORECASE if pattern == pattern.lower() else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise FilterError(f"not a regular expression: {error}") from error
    return lambda row: expression.search(text(row)) is not None
