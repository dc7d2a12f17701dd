"""How this session was asked to behave, from the command line and the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tui.glyphs import UNICODE, Glyphs


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a user can choose about the program itself."""

    theme: str = "ferry-dark"
    glyphs: Glyphs = UNICODE
    read_only: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    log_file: Path | None = None
