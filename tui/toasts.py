"""What went wrong, as a toast: where, why, and what to do about it."""

from __future__ import annotations

from textual.app import App

from backends.api import FerryError


def complain(app: App[None], error: FerryError) -> None:
    """Tell of a failed action. The text of hosts is never parsed as markup."""
    where = ": ".join(part for part in (error.host, error.operation) if part) or "virt-ferry"
    text = "\n".join(part for part in (error.cause, error.hint) if part)
    app.notify(text, title=where, severity="error", timeout=12, markup=False)
