"""Guests whose names attack the terminal, for libvirt's in-process test driver.

XML 1.0 itself forbids most of C0, so ESC cannot be in a name; C1 has the same powers and is allowed.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from backends.config import parse_host
from backends.embedded import node_xml
from backends.model.host import HostSpec

NAMES = {
    "C1 control": "a\x9b31mb",
    "C1 clipboard": "a\x9d52;c;ZXZpbA==\x9cb",
    "C1 device control": "a\x90qb\x9c",
    "line feed": "a\nb",
    "tab": "a\tb",
    "right to left": "a\u202egnp.exe",
    "isolate": "a\u2066b",
    "markup": "[bold red]x",
    "action markup": "[@click=app.quit]x",
    "closing markup": "x[ /]".replace("/", "\u2215"),
    "10 kB": "n" * 10_000,
    "combining": "e" + "\u0301" * 300,
    "private use": "a\ue000b",
    "wide": "\u6f22\u5b57\U0001f600",
}


def hostile_host(folder: Path) -> HostSpec:
    """A test host with one guest for each name."""
    xml = node_xml(1, len(NAMES))
    for number, name in enumerate(NAMES.values()):
        before, _, rest = xml.partition(f"<uuid>00000001-0000-4000-8000-{number:012x}")
        head, _, _ = before.rpartition("<name>")
        written = escape(name, {"\n": "&#10;", "\t": "&#9;"})
        xml = f"{head}<name>{written}</name><uuid>00000001-0000-4000-8000-{number:012x}{rest}"
    file = folder / "hostile.xml"
    file.write_text(xml, encoding="utf-8")
    return parse_host(f"test://{file}", name="hostile")
