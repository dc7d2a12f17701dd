"""The form of libvirt's own configuration files, such as qemu.conf: `name = value`, as its virconf.c reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_SETTING = re.compile(
    r"""^[ \t]*([A-Za-z]\w*)[ \t]*=[ \t]*
    (?: \"{3}(?P<long>.*?)\"{3} | "(?P<double>[^"\n]*)" | '(?P<single>[^'\n]*)' | (?P<number>[+-]?\d+)
      | \[(?P<list>(?:\#[^\n]*+|"[^"\n]*"|'[^'\n]*'|[^]"'\#])*+)\] )""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_ITEM = re.compile(r"""\#[^\n]*|"([^"\n]*)"|'([^'\n]*)'""")
_SECRET = re.compile(r"(?:password|passwd|secret)$")
HIDDEN = "(set)"
"""Stands for a password: that there is one matters, which one it is must never leave this room."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one file says. Values are NOT yet safe to show; a password among them is hidden already."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """Strings, and numbers as they are written."""
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.texts or name in self.lists

    def text(self, name: str, default: str = "") -> str:
        """A string or number."""
        return self.texts.get(name, default)

    def flag(self, name: str, *, default: bool) -> bool:
        """A number that is 0 or not."""
        value = self.texts.get(name, "")
        return int(value) != 0 if re.fullmatch(r"[+-]?\d{1,9}", value) else default

    def port(self, name: str, default: int) -> int:
        """A port; the default for what is none, such as the name of a service."""
        value = self.texts.get(name, "")
        return int(value) if re.fullmatch(r"\d{1,5}", value) and 0 < int(value) < 2**16 else default

    def names(self, name: str) -> tuple[str, ...]:
        """A list, or the one string in the place of one."""
        return self.lists.get(name, (self.texts[name],) if name in self.texts else ())


def parse(text: str) -> Settings:
    """Pure. Of a setting that stands there twice, libvirt takes the first; what is no setting is left out."""
    texts: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    for match in _SETTING.finditer(text):
        name = match[1]
        if name in texts or name in lists:
            continue
        if match["list"] is not None:
            lists[name] = tuple(item[1] or item[2] or "" for item in _items(match["list"]))
            continue
        value = next(
            match[kind] for kind in ("long", "double", "single", "number") if match[kind] is not None
        )
        texts[name] = HIDDEN if value and _SECRET.search(name) else value
    return Settings(texts, lists)


def _items(text: str) -> list[re.Match[str]]:
    return [item for item in _ITEM.finditer(text) if not item[0].startswith("#")]
