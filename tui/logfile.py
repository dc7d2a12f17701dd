"""The program's log: a file, because the terminal belongs to the picture. Never holds secrets nor guests' data."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

from platformdirs import user_log_path

_LIMIT_BYTES = 1_000_000
_KEPT = 3


def start_log(chosen: Path | None) -> Path | None:
    """Log to this file, or to the usual one; None when that cannot be written, which never stops the program."""
    path = chosen or user_log_path("virt-ferry") / "virt-ferry.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=_LIMIT_BYTES, backupCount=_KEPT, encoding="utf-8"
        )
    except OSError:
        if chosen:
            raise
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return path


def bug_words(path: Path | None) -> str:
    """What the user is told when the program ends by a fault of its own."""
    where = f"the log says more: {path}" if path else "there is no log: start with --log FILE to get one"
    return f"virt-ferry has met a bug and cannot go on; moves in flight go on without it.\n{where}"
