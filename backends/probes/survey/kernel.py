"""A host's kernel: which one, how it was booted, and what guards it."""

from __future__ import annotations

import re

from backends.model.capability import Fact, Section
from backends.probes.survey.machine import firmware_kind
from backends.probes.survey.memory import bracketed
from backends.probes.survey.question import Question, switch
from backends.probes.survey.readings import Gap, Readings
from backends.probes.survey.taints import taint_fact
from backends.probes.survey.vulnerabilities import flaws_fact

_RELEASE_FILE = "/proc/sys/kernel/osrelease"
_CMDLINE = "/proc/cmdline"
_LOCKDOWN_FILE = "/sys/kernel/security/lockdown"
_LSM_FILE = "/sys/kernel/security/lsm"
_ENFORCE = "/sys/fs/selinux/enforce"
_EFI = "/sys/firmware/efi"
_SECURE_BOOT_VARIABLE = f"{_EFI}/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""The global variable of the UEFI specification (3.3): four bytes of attributes (efivarfs.rst), then one: 0 or 1."""

_RELEASE = Question("kernel.release", Section.KERNEL, "kernel")
_COMMAND_LINE = Question("kernel.command_line", Section.KERNEL, "booted with")
_SECURE_BOOT = Question("kernel.secure_boot", Section.KERNEL, "secure boot")
_LOCKDOWN = Question("kernel.lockdown", Section.KERNEL, "lockdown")
_LSM = Question("kernel.lsm", Section.KERNEL, "security modules")

_COMMAND_LINE_LIMIT = 4096
"""COMMAND_LINE_SIZE of s390; x86 has half of it."""
_ARGUMENT = re.compile(r'(?:[^\s"]|"[^"]*(?:"|$))+')
"""As the kernel splits them: a blank inside double quotes does not end one (kernel-parameters.rst)."""
_SECRET_KEY = re.compile(
    r"passw(or)?d|passphrase|secret|token|credential|api_?key|private_?key"
    r"|(^|[._-])(pass|pwd|pw|rootpw|key|psk|auth)$"
)
_LOGIN = re.compile(r"[^\s/=:@]+:(?!//)")
"""What stands before the password in `USER:PASSWORD@`: in addresses, and in
`netroot=iscsi:user:password@10.0.0.9::::iqn...` (dracut.cmdline(7))."""
_MASK = "***"


def kernel_facts(readings: Readings) -> tuple[Fact, ...]:
    """`kernel.*`. Pure; what cannot be read or understood is a fact with its trouble."""
    return (
        _release(readings),
        _command_line(readings),
        secure_boot_fact(readings),
        lockdown_fact(readings),
        _lsm(readings),
        taint_fact(readings),
        flaws_fact(readings),
    )


def _release(readings: Readings) -> Fact:
    name = readings.text(_RELEASE_FILE).strip()
    if not re.fullmatch(r"[\x21-\x7e]{1,64}", name):  # 64: __NEW_UTS_LEN
        return _RELEASE.untold(readings, _RELEASE_FILE)
    return _RELEASE.answer(name, _RELEASE_FILE)


def _command_line(readings: Readings) -> Fact:
    line = readings.text(_CMDLINE).strip()
    if not line:
        return _COMMAND_LINE.untold(readings, _CMDLINE)
    return _COMMAND_LINE.answer(without_secrets(line), _CMDLINE, limit=_COMMAND_LINE_LIMIT)


def without_secrets(line: str) -> str:
    """A kernel's command line with `***` for the values of what looks like a password. Pure.

    A word after `--word` is its value, as programs have it; the kernel hands what follows ` -- ` to init. What is
    longer than kernels take is cut before an argument, not within one.
    """
    shown: list[str] = []
    owes_value = False
    arguments = _ARGUMENT.findall(line[:_COMMAND_LINE_LIMIT])
    if len(line) > _COMMAND_LINE_LIMIT:
        arguments[-1:] = ["…"]
    for argument in arguments:
        key, equals, _ = argument.partition("=")
        is_secret = bool(_SECRET_KEY.search(key.strip('"').casefold()))
        if owes_value and not argument.startswith("-"):
            shown.append(_MASK)
        elif is_secret and equals:
            shown.append(f"{key}={_MASK}")
        else:
            shown.append(_without_login(argument))
        owes_value = is_secret and not equals and argument.startswith("-")
    return " ".join(shown)


def _without_login(argument: str) -> str:
    before, at, after = argument.rpartition("@")
    match = _LOGIN.search(before)
    return f"{before[: match.end()]}{_MASK}@{after}" if match and at else argument


def secure_boot(readings: Readings) -> bool | None:
    """Did the firmware check what it booted? False too where a BIOS did the booting; None: not known. Pure."""
    match readings.text(_SECURE_BOOT_VARIABLE).split():
        case [_, _, _, _, ("0" | "1") as last]:
            return last == "1"
    return False if firmware_kind(readings) == "BIOS" else None


def secure_boot_fact(readings: Readings) -> Fact:
    """`kernel.secure_boot`. Pure."""
    on = secure_boot(readings)
    if on is None:
        if readings.there(_EFI) or readings.there(_SECURE_BOOT_VARIABLE):
            return _SECURE_BOOT.untold(readings, _SECURE_BOOT_VARIABLE)
        return _SECURE_BOOT.unknown("not booted by UEFI, and nothing else tells", _EFI)
    if not readings.there(_EFI) and not on:
        return _SECURE_BOOT.answer("off: booted by a BIOS, which cannot do it", _EFI, number=0)
    return _SECURE_BOOT.answer("on" if on else "off", _SECURE_BOOT_VARIABLE, number=float(on))


def lockdown(readings: Readings) -> str:
    """`none`, `integrity` or `confidentiality` (kernel_lockdown(7)); empty where it is not known. Pure.

    A kernel that tells its security modules, lockdown not among them, has none.
    """
    level = bracketed(readings.text(_LOCKDOWN_FILE))
    modules = security_modules(readings)
    return "none" if not level and modules and "lockdown" not in modules else level


def lockdown_fact(readings: Readings) -> Fact:
    """`kernel.lockdown`. Pure."""
    level = lockdown(readings)
    if not level:
        return _LOCKDOWN.untold(readings, _LOCKDOWN_FILE)
    return _LOCKDOWN.answer(level, _LOCKDOWN_FILE if readings.there(_LOCKDOWN_FILE) else _LSM_FILE)


def security_modules(readings: Readings) -> tuple[str, ...]:
    """`lockdown`, `capability`, `yama`, `apparmor`, ... in their order (LSM/index.rst); empty: not known. Pure."""
    names = [name.strip() for name in readings.text(_LSM_FILE).split(",")]
    return tuple(name for name in names if re.fullmatch(r"[a-z0-9_]{1,40}", name))


def selinux_enforces(readings: Readings) -> bool | None:
    """None where SELinux is not in use, or does not tell. Pure."""
    return switch(readings.text(_ENFORCE))


def _lsm(readings: Readings) -> Fact:
    modules = security_modules(readings)
    enforces = selinux_enforces(readings)
    mode = "" if enforces is None else f"SELinux is {'enforcing' if enforces else 'permissive'}"
    if modules:
        words = ", ".join(modules) + (f"; {mode}" if mode else "")
        return _LSM.answer(words, f"{_LSM_FILE}, {_ENFORCE}" if mode else _LSM_FILE)
    if mode and readings.reading(_LSM_FILE).gap in (Gap.DENIED, Gap.MISSING):
        return _LSM.answer(mode, _ENFORCE)
    return _LSM.untold(readings, _LSM_FILE)
