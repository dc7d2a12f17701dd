"""What happens when a guest crashes: read, judged and changed."""

from __future__ import annotations

from collections.abc import Mapping

from backends.errors import ActionError, FerryError
from backends.fleet.supervisor import Supervisor
from backends.guests.crash_findings import Asked, DumpRoom, findings, watchdog_words
from backends.guests.dump_look import folder_for, shell_of
from backends.guests.panic_device import PanicDevice, panic_device_for
from backends.hypervisor.connection import Connection
from backends.hypervisor.crash_settings import (
    Applied,
    CrashDefinitions,
    change_stored,
    crash_definition,
    read_crash_definitions,
    set_actions,
)
from backends.hypervisor.definition_edit import PANIC, with_panic, without_panic
from backends.model.crash_setting import CrashSetting, CrashWish
from backends.model.dump import DumpWish
from backends.model.guest import Guest
from backends.probes.dump_place import free_bytes
from backends.untrusted import clean


async def read_setting(supervisor: Supervisor, guest: Guest) -> CrashSetting:
    """Raises FerryError."""
    connection = supervisor.current().connection(guest.key.driver)
    definitions = await read_crash_definitions(connection, guest.key.uuid)
    asked = Asked(guest.key, guest.name, definitions, await _room(supervisor, guest))
    now = definitions.now
    return CrashSetting(
        guest=guest.key,
        on_crash=now.on_crash,
        on_poweroff=now.on_poweroff,
        on_reboot=now.on_reboot,
        panic_devices=now.panic_devices,
        watchdog=watchdog_words(now.watchdogs),
        console_logs=tuple(clean(path, limit=1024) for path in now.console_logs),
        findings=findings(asked),
    )


async def _room(supervisor: Supervisor, guest: Guest) -> DumpRoom:
    """That it is not known hides nothing else."""
    folder = await folder_for(supervisor, DumpWish(guest.key))
    shown = clean(folder, limit=300)
    shell = shell_of(supervisor)
    if shell is None:
        return DumpRoom(shown, why_not="the host is reached by libvirt alone: name it as user@host")
    try:
        free = await free_bytes(shell, folder)
    except FerryError as error:
        return DumpRoom(shown, why_not=error.cause)
    return DumpRoom(shown, free, "" if free is not None else "log in as root")


async def change(supervisor: Supervisor, guest: Guest, wish: CrashWish) -> str:
    """What was done, in words. Raises FerryError; what had been done before the trouble is told in its cause."""
    connection = supervisor.current().connection(guest.key.driver)
    before = await read_crash_definitions(connection, guest.key.uuid)
    actions = _actions(before, wish)
    panic = _panic_wanted(before, wish)
    device = panic_device_for(guest.key.driver, before.now.arch, before.now.machine)
    if panic is not None and (why := _obstacle(before, device, wanted=panic)):
        raise ActionError(why, host=supervisor.name, operation="change the panic device", hint=device.words)
    done = []
    if actions:
        done.append(_told(actions, await set_actions(connection, guest.key.uuid, actions), before))
    if panic is not None:
        try:
            await _change_panic(connection, guest, device, wanted=panic)
        except FerryError as error:
            error.cause = "; ".join([*done, error.cause])
            error.hint = error.hint or device.words
            raise
        done.append(_panic_told(device, before, wanted=panic))
    supervisor.mark(guest.key)
    if done and before.saved:
        done.append(
            "its saved state goes on as it was saved, and what is stored holds from the start after that"
        )
    return "; ".join(done) or "all of it was so already"


def _actions(before: CrashDefinitions, wish: CrashWish) -> dict[str, str]:
    """What is to be different from what is in force, or from what is stored."""
    wanted = {
        "on_crash": wish.on_crash and wish.on_crash.value,
        "on_poweroff": wish.on_poweroff and wish.on_poweroff.value,
        "on_reboot": wish.on_reboot and wish.on_reboot.value,
    }
    definitions = [before.now] if before.stored is None else [before.now, before.stored]
    return {
        tag: action
        for tag, action in wanted.items()
        if action and any(getattr(definition, tag) != action for definition in definitions)
    }


def _panic_wanted(before: CrashDefinitions, wish: CrashWish) -> bool | None:
    """None: there is nothing to change."""
    if wish.panic_device is None:
        return None
    has_one = bool((before.stored or before.now).panic_devices)
    return wish.panic_device if has_one != wish.panic_device else None


def _obstacle(before: CrashDefinitions, device: PanicDevice, *, wanted: bool) -> str:
    """Why the panic device cannot be changed; empty where it can."""
    if before.stored is None:
        return "the guest is transient: nothing of it is stored, and a panic device comes with a start only"
    if wanted and not device.model:
        return "its machine takes no panic device that is known here"
    if not wanted and device.always:
        return "its machine always has one"
    return ""


async def _change_panic(connection: Connection, guest: Guest, device: PanicDevice, *, wanted: bool) -> None:
    def edit(xml: str) -> str:
        if not wanted:
            return without_panic(xml)
        return xml if crash_definition(xml).panic_devices else with_panic(xml, device.model)

    await change_stored(connection, guest.key.uuid, edit, (PANIC,))


def _panic_told(device: PanicDevice, before: CrashDefinitions, *, wanted: bool) -> str:
    what = f"a panic device of the model {device.model}" if wanted else "no panic device any more"
    when = "from the next start: shut it down and start it (a reboot inside is not enough)"
    return f"{what}, {when if before.active else 'from the next start'}"


def _told(actions: Mapping[str, str], applied: Applied, before: CrashDefinitions) -> str:
    what = ", ".join(f"{tag} is {action}" for tag, action in actions.items())
    if not applied.now:
        return f"{what}, from the next start ({applied.refused_now})"
    if not applied.stored:
        return f"{what}, for as long as the guest runs: it is transient"
    return f"{what}, from now on and after each start" if before.active else f"{what}, from the next start"
