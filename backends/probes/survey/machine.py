"""Which machine a host is: its maker, firmware, system and clock; and what it runs under."""

from __future__ import annotations

import re
import shlex

from backends.model.capability import Fact, Section
from backends.probes.survey.cpuinfo import Family, family_of
from backends.probes.survey.question import Question, lines_of
from backends.probes.survey.readings import Readings
from backends.probes.survey.runs_under import runs_under_fact

_DMI = "/sys/class/dmi/id"
_TREE_MODEL = "/sys/firmware/devicetree/base/model"
_EFI = "/sys/firmware/efi"
_RELEASES = ("/etc/os-release", "/usr/lib/os-release")
"""os-release(5): the second only where the first is not there."""

_MODEL = Question("machine.model", Section.MACHINE, "machine")
_HOSTNAME = Question("machine.hostname", Section.MACHINE, "calls itself")
_FIRMWARE = Question("machine.firmware", Section.MACHINE, "firmware")
_SYSTEM = Question("machine.system", Section.MACHINE, "system")
_ARCHITECTURE = Question("machine.architecture", Section.MACHINE, "architecture")
_CLOCK = Question("machine.clock", Section.MACHINE, "clock")
_UPTIME = Question("machine.uptime", Section.MACHINE, "up for")

_RUBBISH = re.compile(
    r"(default string|n/a|o\.?e\.?m\.?|none|not specified|system (manufacturer|product ?name|name|version)"
    r"|to be filled by o\.?e\.?m\.?|x\.x|0+|1\.0|unknown)?",
    re.IGNORECASE,
)
"""What makers of boards leave in the tables (systemd's hwdb.d/20-dmi-id.hwdb and its like)."""


def machine_facts(readings: Readings) -> tuple[Fact, ...]:
    """`machine.*`. Pure; what cannot be read or understood is a fact with its trouble."""
    return (
        _model(readings),
        _hostname(readings),
        runs_under_fact(readings),
        _firmware(readings),
        _system(readings),
        _architecture(readings),
        _clock(readings),
        _uptime(readings),
    )


def _model(readings: Readings) -> Fact:
    names = [_dmi(readings, name) for name in ("sys_vendor", "product_name", "product_version")]
    if names[0].casefold() != "lenovo":
        del names[2]  # Lenovo writes a number for the product, and its name for the version
    if not names[1]:
        names = [_dmi(readings, name) for name in ("board_vendor", "board_name")]
        if names[1]:
            return _MODEL.answer(_joined(names), f"{_DMI}/board_vendor, board_name")
    if names[1]:
        return _MODEL.answer(_joined(names), f"{_DMI}/sys_vendor, product_name")
    if tree := readings.text(_TREE_MODEL).strip("\0 \n"):
        return _MODEL.answer(tree, _TREE_MODEL)
    sysinfo = readings.text("/proc/sysinfo")
    if types := lines_of(sysinfo, "Type"):
        makers, models = lines_of(sysinfo, "Manufacturer"), lines_of(sysinfo, "Model")
        words = " ".join([*makers[:1], types[0], *(model.split()[0] for model in models[:1] if model)])
        return _MODEL.answer(words, "/proc/sysinfo: Manufacturer, Type, Model")
    path = f"{_DMI}/product_name"
    if readings.text(path).strip():
        return _MODEL.unknown("its maker has left the name out", path)
    return _MODEL.untold(readings, path)


def _hostname(readings: Readings) -> Fact:
    path = "/proc/sys/kernel/hostname"
    name = readings.text(path).strip()
    return _HOSTNAME.answer(name, path) if name else _HOSTNAME.untold(readings, path)


def _dmi(readings: Readings, name: str) -> str:
    """A field of the firmware's tables; empty where its maker has not filled it."""
    said = " ".join(readings.text(f"{_DMI}/{name}").split())
    return "" if _RUBBISH.fullmatch(said) else said


def _joined(names: list[str]) -> str:
    """Maker and product, without the maker's name twice."""
    maker, product, *rest = names
    parts = [product] if product.casefold().startswith(maker.casefold()) else [maker, product]
    return " ".join(part for part in [*parts, *rest] if part)


def _firmware(readings: Readings) -> Fact:
    kind = firmware_kind(readings)
    parts = [_dmi(readings, name) for name in ("bios_vendor", "bios_version", "bios_date")]
    known = [part for part in parts if part]
    if not known and kind != "UEFI":
        return _FIRMWARE.untold(readings, f"{_DMI}/bios_version")
    source = f"{_DMI}/bios_vendor, bios_version, bios_date; {_EFI}" if known else _EFI
    return _FIRMWARE.answer(": ".join(part for part in (kind, " ".join(known)) if part), source)


def firmware_kind(readings: Readings) -> str:
    """`UEFI`, `BIOS`; empty where neither is sure. The kernel has the folder only where UEFI has booted it."""
    if readings.there(_EFI):
        return "UEFI"
    is_pc = family_of(readings.text("uname -m").strip()) is Family.X86
    has_tables = bool(readings.text(f"{_DMI}/bios_vendor").strip())
    return "BIOS" if is_pc and has_tables else ""


def _system(readings: Readings) -> Fact:
    for path in _RELEASES:
        names = release_fields(readings.text(path))
        name = names.get("PRETTY_NAME") or " ".join(
            names[key] for key in ("NAME", "VERSION") if names.get(key)
        )
        if name:
            return _SYSTEM.answer(name, f"{path}: PRETTY_NAME")
    return _SYSTEM.untold(readings, _RELEASES[0])


def release_fields(text: str) -> dict[str, str]:
    """`NAME=value` lines, quoted as a shell has them (os-release(5)); what is not quoted rightly is left out."""
    fields = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if not equals or not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            continue
        try:
            fields[name] = "".join(shlex.split(value))
        except ValueError:
            continue
    return fields


def _architecture(readings: Readings) -> Fact:
    name = readings.text("uname -m").strip()
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name):
        return _ARCHITECTURE.untold(readings, "uname -m")
    return _ARCHITECTURE.answer(name, "uname -m")


def _clock(readings: Readings) -> Fact:
    """The number is seconds ahead of ours; negative: behind; 0 where no difference is to be seen."""
    ahead, exact = readings.clock_ahead_s, readings.clock_exact_to_s
    if ahead is None:
        return _CLOCK.unknown("its `date` does not tell fractions of a second", "date +%s.%N")
    if abs(ahead) <= exact:
        return _CLOCK.answer(f"agrees with ours (seen to {exact:.2f} s)", "date +%s.%N", number=0)
    words = f"{abs(ahead):.2f} s {'ahead' if ahead > 0 else 'behind'} (seen to {exact:.2f} s)"
    return _CLOCK.answer(words, "date +%s.%N", number=round(ahead, 3))


def _uptime(readings: Readings) -> Fact:
    """Seconds since the boot come first (proc(5))."""
    path = "/proc/uptime"
    match = re.match(r"(\d{1,12})(\.\d+)?\s", readings.text(path) + " ")
    if not match:
        return _UPTIME.untold(readings, path)
    seconds = int(match[1])
    return _UPTIME.answer(_lasted(seconds), path, number=seconds)


def _lasted(seconds: int) -> str:
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86400
    if days:
        return f"{days} {'day' if days == 1 else 'days'} {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
