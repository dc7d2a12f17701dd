"""Commands as a shell starts them."""

from __future__ import annotations

import signal
import sys

import pytest

from tui import cli


class Typing:
    """Types commands in a shell without a configuration."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self._monkeypatch.setattr(sys, "argv", ["virt-ferry", *words])
        interrupt = signal.getsignal(signal.SIGINT)  # a command lets nothing change its status
        with pytest.raises(SystemExit) as ended:
            cli.main()
        signal.signal(signal.SIGINT, interrupt)
        said = self._capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, said.out, said.err
