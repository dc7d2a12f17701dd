"""The one process-wide thread that runs libvirt's event loop.

libvirt takes one event implementation per process, registered before the first connection opens
(libvirt-event.html#virEventRegisterDefaultImpl). libvirt-python's asyncio implementation is not used: libvirt
toggles its socket watches in the calling thread, and that implementation is not thread-safe.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import cache

import libvirt

_log = logging.getLogger(__name__)


@cache
def ensure_running() -> threading.Thread:
    """Start the thread on the first call. It is a daemon and lives as long as the process."""
    libvirt.registerErrorHandler(
        lambda _context, _error: None, None
    )  # errors arrive as exceptions, not on stderr
    libvirt.virEventRegisterDefaultImpl()
    thread = threading.Thread(target=_run, name="libvirt-events", daemon=True)
    thread.start()
    return thread


def _run() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except Exception:  # noqa: BLE001 - without this thread no event and no keepalive would ever come again
            _log.exception("libvirt's event loop")
            time.sleep(1)
