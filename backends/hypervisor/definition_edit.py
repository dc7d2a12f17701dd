"""Small changes to a definition's text, each proved to be the only one. Pure: text in, text out.

libvirt stores what it is given: a definition that was taken apart and put together anew may have lost what this program
does not know (comments and blanks in metadata, namespaces). So the text stays as it is but for the one piece, and both
texts are compared as canonical XML (C14N) without that piece.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml import etree

from backends.errors import ActionError
from backends.hypervisor.xml import parse

_PANIC = re.compile(r"[ \t]*<panic\b(?:[^<>]*/>|[^<>]*>.*?</panic>)[ \t]*\n?", re.DOTALL)
_WORD = re.compile(r"[a-z][a-z0-9-]*")
PANIC = "devices/panic"


def with_panic(xml: str, model: str) -> str:
    """With a panic device more. Raises ActionError where the text is not as libvirt writes it."""
    at = xml.rfind("</devices>")
    if at < 0:
        raise _odd()
    begin = xml.rfind("\n", 0, at) + 1
    indent = xml[begin:at]
    at = at if indent.strip() else begin
    piece = f"<panic model='{_plain(model)}'/>"
    added = piece if indent.strip() else f"{indent}  {piece}\n"
    after = xml[:at] + added + xml[at:]
    _must_differ_only(xml, after, (PANIC,))
    return after


def without_panic(xml: str) -> str:
    """Without any panic device. Raises ActionError where the text is not as libvirt writes it."""
    begin = xml.rfind("<devices>")
    if begin < 0:
        raise _odd()
    after = xml[:begin] + _PANIC.sub("", xml[begin:])
    _must_differ_only(xml, after, (PANIC,))
    if parse(after).find(PANIC) is not None:
        raise _odd()
    return after


def with_action(xml: str, tag: str, action: str) -> str:
    """With another `on_crash`, `on_poweroff` or `on_reboot`. Raises ActionError where the text is not as libvirt's."""
    element = f"<{_plain_tag(tag)}>{_plain(action)}</{tag}>"
    found = list(re.finditer(rf"<{tag}>[^<]*</{tag}>", xml))
    if found:
        after = xml[: found[-1].start()] + element + xml[found[-1].end() :]
    else:
        begin = xml.rfind("<devices>")
        if begin < 0:
            raise _odd()
        after = f"{xml[:begin]}{element}\n  {xml[begin:]}"
    _must_differ_only(xml, after, (tag,))
    if parse(after).findtext(tag) != action:
        raise _odd()
    return after


def same_but_for(one: str, other: str, paths: Sequence[str]) -> bool:
    """Are both the same definition, whatever stands at these paths, and however blank text is set?"""
    return _canonical(one, paths) == _canonical(other, paths)


def _canonical(xml: str, paths: Sequence[str]) -> bytes:
    root = parse(xml)
    for path in paths:
        for element in root.findall(path):
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
    for element in root.iter():
        if element.text is not None and not element.text.strip():
            element.text = None
        if element.tail is not None and not element.tail.strip():
            element.tail = None
    return etree.tostring(root, method="c14n2")


def _must_differ_only(before: str, after: str, paths: Sequence[str]) -> None:
    if not same_but_for(before, after, paths):
        raise _odd()


def _plain(word: str) -> str:
    assert _WORD.fullmatch(word), word
    return word


def _plain_tag(tag: str) -> str:
    assert tag in ("on_crash", "on_poweroff", "on_reboot"), tag
    return tag


def _odd() -> ActionError:
    return ActionError(
        "its definition is written in a way that cannot be changed safely",
        operation="change the definition",
        hint="change it by hand: virsh edit",
    )
