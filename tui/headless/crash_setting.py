"""`virt-ferry crash-setting`: what happens when a guest crashes, and what would be left of it."""

from __future__ import annotations

from collections.abc import Iterator

from backends.model.crash_setting import CrashSetting
from tui.headless.dump_lines import CrashSettingOutcomeLine, crash_setting_line
from tui.headless.dump_options import SettingOptions
from tui.headless.exits import Exit
from tui.headless.findings import WIDTH, entries, grouped, of_one
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import Entry, tell, tell_entries
from tui.headless.session import HostOptions, find_guest, settled_fleet


async def crash_setting(options: HostOptions, guest: str, wishes: SettingOptions, *, json: bool) -> Exit:
    """Show it; change it first where something is wished. Raises FerryError when that fails."""
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        found = find_guest(state, guest)
        done = await fleet.change_crash_setting(found.key, wishes.wish()) if wishes.changes else ""
        setting = await fleet.crash_setting(found.key)
    if json:
        if done:
            out.json(CrashSettingOutcomeLine("succeeded", found.key.host, found.name, done))
        out.json(crash_setting_line(setting, found.name))
        return Exit.SUCCEEDED
    if done:
        tell(out, f"succeeded: {done}", Ink.GOOD)
    tell_setting(out, setting, found.name)
    return Exit.SUCCEEDED


def tell_setting(out: Output, setting: CrashSetting, name: str) -> None:
    """As the definition has it, and what a crash would leave."""
    out.line(out.ink(f"{name} on {setting.guest.host}", Ink.BOLD))
    tell_entries(out, list(_entries(setting)))
    for same in grouped(of_one(setting.findings)):
        tell_entries(out, list(entries(same)), width=WIDTH)


def _entries(setting: CrashSetting) -> Iterator[Entry]:
    yield ("on_crash", setting.on_crash, Ink.PLAIN)
    yield ("on_poweroff", setting.on_poweroff, Ink.PLAIN)
    yield ("on_reboot", setting.on_reboot, Ink.PLAIN)
    yield ("panic device", ", ".join(setting.panic_devices) or "none", Ink.PLAIN)
    yield ("watchdog", setting.watchdog or "none", Ink.PLAIN)
    yield ("console in", ", ".join(setting.console_logs) or "no file", Ink.PLAIN)
