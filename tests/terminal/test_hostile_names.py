"""Nothing of a hostile guest's name reaches the terminal but text."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from tests.hostile import NAMES, hostile_host
from tests.terminal.terminals import virt_ferry

# What Textual itself sends: CSI sequences (ECMA-48) and the pointer's shape (OSC 22).
OURS = re.compile(r"\x1b\[[\d;:?<=>$!]*[@-~]|\x1b\]22;\w+\x07|\x1b[()][A-Z0-9]|\x1b[=>78M]")
SHOWN = 30
"""Of the longest name, this much at the least is to be seen."""


def test_only_text_of_hostile_names_reaches_the_terminal(tmp_path: Path) -> None:
    spec = hostile_host(tmp_path)
    with virt_ferry(spec.target, home=tmp_path, size=(160, 40)) as terminal:
        terminal.sees(f"GUESTS  {len(NAMES)}")
        terminal.sees("n" * SHOWN)
        for _ in NAMES:
            terminal.press("\r")
            terminal.sees("<domain")
            terminal.press("\x1b")
            terminal.sees("GUESTS")
            terminal.press("X")
            terminal.sees("virsh")
            terminal.press("\x1b")
            terminal.press("\x1b[B")
        terminal.press("q")
        assert terminal.ends() == 0
        assert terminal.is_restored
    rest = OURS.sub("", terminal.bytes)
    foreign = {
        f"U+{ord(character):04X}"
        for character in rest
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and character not in "\r\n"
    }
    assert not foreign
    assert "]52;" not in terminal.bytes.replace("a\\x9d52;", ""), "no clipboard was touched"
