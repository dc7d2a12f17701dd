"""When guests' definitions were written: libvirt keeps each in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from backends.untrusted import clean


@dataclass(frozen=True, slots=True)
class DefinitionFile:
    """One guest's."""

    name: str
    """Of the guest; safe to show."""
    written: datetime
    """On the host's clock."""


def definition_files(listing: str) -> Iterator[DefinitionFile]:
    """Pure. `SECONDS NAME.xml` a line; what is otherwise is left out."""
    for line in listing.splitlines():
        seconds, _, file = line.partition(" ")
        try:
            written = datetime.fromtimestamp(float(seconds), UTC)
        except (ValueError, OverflowError, OSError):
            continue
        if file.endswith(".xml"):
            yield DefinitionFile(clean(file.removesuffix(".xml")), written)
