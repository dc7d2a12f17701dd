"""XML from a host: parsed without entities and without network."""

from __future__ import annotations

from lxml import etree

from backends.errors import ActionError

_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, huge_tree=False
)


def parse(text: str) -> etree._Element:
    """The root element. Raises ActionError for what is no XML."""
    try:
        return etree.fromstring(text.encode(), _PARSER)
    except etree.XMLSyntaxError as error:
        raise ActionError(f"not valid XML: {error.msg}", operation="read a definition") from error


def serialize(root: etree._Element) -> str:
    """The element as text, indented."""
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")
