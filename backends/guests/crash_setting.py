"""What happens when a guest crashes: read, judged and changed."""

from __future__ import annotations

from backends.errors import ActionError
from backends.fleet.supervisor import Supervisor
from backends.model.crash_setting import CrashSetting, CrashWish
from backends.model.guest import Guest


async def read_setting(supervisor: Supervisor, guest: Guest) -> CrashSetting:
    """Raises FerryError."""
    raise ActionError("not built yet", host=supervisor.name)


async def change(supervisor: Supervisor, guest: Guest, wish: CrashWish) -> str:
    """What was done, in words. Raises FerryError."""
    raise ActionError("not built yet", host=supervisor.name)
