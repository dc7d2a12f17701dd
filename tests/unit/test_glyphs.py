"""Signs fit the terminal the user sits at."""

from __future__ import annotations

from dataclasses import fields

import pytest
from rich.cells import cell_len

from tui.glyphs import ASCII, UNICODE, WIDE, Glyphs, glyphs_for


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "xterm-256color", "LANG": "en_US.UTF-8"},
        {"TERM": "tmux-256color", "LANG": "C", "LC_ALL": "C.utf8"},
        {"TERM": "screen", "LC_ALL": "", "LC_CTYPE": "de_DE.UTF-8@euro", "LANG": "C"},
    ],
)
def test_a_modern_terminal_gets_unicode(environ: dict[str, str]) -> None:
    assert glyphs_for(environ) is UNICODE


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"TERM": "linux", "LANG": "en_US.UTF-8"},
        {"TERM": "dumb", "LANG": "en_US.UTF-8"},
        {"TERM": "xterm", "LANG": "C"},
        {"TERM": "xterm", "LANG": "en_US.ISO-8859-1"},
        {"TERM": "xterm", "LC_ALL": "POSIX", "LANG": "en_US.UTF-8"},
    ],
)
def test_a_console_or_another_locale_gets_ascii(environ: dict[str, str]) -> None:
    assert glyphs_for(environ) is ASCII


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=lambda glyphs: glyphs.name)
def test_every_sign_is_one_cell_wide(glyphs: Glyphs) -> None:
    for field in fields(Glyphs):
        sign = getattr(glyphs, field.name)
        if field.name not in WIDE | {"name"}:
            assert cell_len(sign) == len(sign) == 1, field.name
        assert all(cell_len(char) == 1 for char in sign)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=lambda glyphs: glyphs.name)
def test_states_are_told_apart_by_their_signs(glyphs: Glyphs) -> None:
    states = [
        glyphs.running,
        glyphs.off,
        glyphs.paused,
        glyphs.crashed,
        glyphs.stale,
        glyphs.moving,
        glyphs.connecting,
    ]
    assert len(set(states)) == len(states)


def test_the_ascii_set_is_ascii() -> None:
    assert ASCII.is_ascii
    assert not UNICODE.is_ascii
    assert all(getattr(ASCII, field.name).isascii() for field in fields(Glyphs))
