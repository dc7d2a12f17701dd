"""XML of which more than we know may be there: what is new is named, and stops nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from backends.untrusted import clean

MOST_UNKNOWN = 40
"""Names that are worth keeping; a document of a million new elements is no news."""
_LONGEST_NUMBER = 19
"""Digits of 2^63, which is the most that libvirt writes."""
_BYTES = {
    "b": 1,
    "bytes": 1,
    "kb": 10**3,
    "kib": 1 << 10,
    "k": 1 << 10,
    "mb": 10**6,
    "mib": 1 << 20,
    "m": 1 << 20,
    "gb": 10**9,
    "gib": 1 << 30,
    "g": 1 << 30,
    "tb": 10**12,
    "tib": 1 << 40,
    "t": 1 << 40,
}
"""As virScaleInteger (src/util/virutil.c) reads them."""


def unknown_elements(root: etree._Element, known: Mapping[str, str]) -> tuple[str, ...]:
    """The paths of elements that `known` does not name, each once, sorted.

    `known` maps a path to the names that may be below it (`"host/cpu": "arch model"`); `*` stands for any name, in
    both. What is below an unknown element is not looked at.
    """
    found: set[str] = set()
    waiting = [("", "", root)]
    while waiting and len(found) < MOST_UNKNOWN:
        pattern, path, element = waiting.pop()
        allowed = known.get(pattern, "").split()
        for child in elements(element):
            name = str(child.tag)
            if name in allowed or "*" in allowed:
                step = name if name in allowed else "*"
                waiting.append((f"{pattern}/{step}".lstrip("/"), f"{path}/{name}".lstrip("/"), child))
            else:
                found.add(clean(f"{path}/{name}".lstrip("/")))
    return tuple(sorted(found)[:MOST_UNKNOWN])


def elements(parent: etree._Element | None) -> Iterator[etree._Element]:
    """The children that are elements, not processing instructions; none of None."""
    return iter(()) if parent is None else parent.iterchildren(tag=etree.Element)


def names(parent: etree._Element | None) -> tuple[str, ...]:
    """What the children are called, safe to show."""
    return tuple(clean(str(child.tag)) for child in elements(parent))


def text_of(parent: etree._Element, path: str = ".") -> str:
    """The text there, safe to show; empty where there is none."""
    return clean((parent.findtext(path) or "").strip())


def attribute(element: etree._Element | None, name: str) -> str:
    """Safe to show; empty where there is none."""
    return "" if element is None else clean((element.get(name) or "").strip())


def number(text: str | None) -> int | None:
    """None for what is no number."""
    digits = (text or "").strip()
    return int(digits) if digits.isdecimal() and len(digits) <= _LONGEST_NUMBER else None


def size_bytes(element: etree._Element | None, text: str | None) -> int | None:
    """`text` in the element's `unit` (bytes where it has none); None for what makes no sense."""
    value, factor = number(text), _BYTES.get((attribute(element, "unit") or "b").lower())
    return None if value is None or factor is None else value * factor
