"""What the program tells in passing: what went wrong (where, why, what to do about it), what was copied."""

from __future__ import annotations

from textual.app import App

from backends.api import FerryError


def copy(app: App[None], text: str) -> None:
    """Into the terminal's clipboard, where it takes that; nothing tells whether it did."""
    app.copy_to_clipboard(text)
    app.notify("copied, if the terminal allows it (OSC 52)", timeout=3, markup=False)


def complain(app: App[None], error: FerryError) -> None:
    """Tell of a failed action. The text of hosts is never parsed as markup."""
    where = ": ".join(part for part in (error.host, error.operation) if part) or "virt-ferry"
    text = "\n".join(part for part in (error.cause, error.hint) if part)
    app.notify(text, title=where, severity="error", timeout=12, markup=False)
