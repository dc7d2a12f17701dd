"""The objects that `--json` prints of a guest's dump, and of what happens when it crashes.

Scripts depend on them: fields are added, never renamed.
"""

from __future__ import annotations

import msgspec

from backends.model.crash_setting import CrashSetting
from backends.model.dump import DumpPlan, DumpProgress
from tui.headless.capability_lines import FindingLine, finding_line
from tui.headless.crash_lines import json_path


class DumpPlanLine(msgspec.Struct, frozen=True, tag_field="event", tag="dump_plan"):
    """How a dump would be taken. `refusal` is empty when it can; `local_path` when it stays on the host.

    `needed_bytes` is the most that it can take. Free bytes are null where they are not known.
    """

    host: str
    guest: str
    uuid: str
    driver: str
    memory_only: bool
    format: str
    then: str
    path: str
    local_path: str
    needed_bytes: int
    free_bytes: int | None
    local_free_bytes: int | None
    command: str
    refusal: str
    findings: tuple[FindingLine, ...]


class DumpLine(msgspec.Struct, frozen=True, tag_field="event", tag="dump"):
    """How far it has come. `total_bytes` is null where it is not known."""

    guest: str
    phase: str
    done_bytes: int
    total_bytes: int | None
    words: str


class DumpOutcomeLine(msgspec.Struct, frozen=True, tag_field="event", tag="outcome"):
    """The last line of `dump`. `verdict` is the exit status in a word."""

    verdict: str
    host: str
    guest: str
    path: str
    local_path: str
    reason: str


class CrashSettingLine(msgspec.Struct, frozen=True, tag_field="event", tag="crash_setting"):
    """What happens when a guest crashes, and what would be left of it."""

    host: str
    guest: str
    uuid: str
    driver: str
    on_crash: str
    on_poweroff: str
    on_reboot: str
    panic_devices: tuple[str, ...]
    watchdog: str
    console_logs: tuple[str, ...]
    findings: tuple[FindingLine, ...]


class CrashSettingOutcomeLine(msgspec.Struct, frozen=True, tag_field="event", tag="outcome"):
    """What was changed, and from when on it holds; the setting as it is now follows."""

    verdict: str
    host: str
    guest: str
    reason: str


def dump_plan_line(plan: DumpPlan) -> DumpPlanLine:
    """A plan."""
    wish = plan.wish
    return DumpPlanLine(
        host=wish.guest.host,
        guest=plan.name,
        uuid=wish.guest.uuid,
        driver=wish.guest.driver,
        memory_only=wish.memory_only,
        format=wish.format.value,
        then=wish.then.value,
        path=json_path(plan.path),
        local_path=json_path(plan.local_path),
        needed_bytes=plan.needed_bytes,
        free_bytes=plan.free_bytes,
        local_free_bytes=plan.local_free_bytes,
        command=json_path(plan.command),
        refusal=plan.refusal,
        findings=tuple(finding_line(wish.guest.host, finding) for finding in plan.findings),
    )


def dump_line(progress: DumpProgress) -> DumpLine:
    """A sample."""
    return DumpLine(
        progress.plan.name,
        progress.phase.value,
        progress.done_bytes,
        progress.total_bytes or None,
        progress.words,
    )


def crash_setting_line(setting: CrashSetting, name: str) -> CrashSettingLine:
    """As it is."""
    return CrashSettingLine(
        host=setting.guest.host,
        guest=name,
        uuid=setting.guest.uuid,
        driver=setting.guest.driver,
        on_crash=setting.on_crash,
        on_poweroff=setting.on_poweroff,
        on_reboot=setting.on_reboot,
        panic_devices=setting.panic_devices,
        watchdog=setting.watchdog,
        console_logs=setting.console_logs,
        findings=tuple(finding_line(setting.guest.host, finding) for finding in setting.findings),
    )
