"""Files that are missing: images, firmware, ROMs, programs.

libvirt storage_source.c, qemu_process.c, qemu_firmware.c; QEMU block.c, hw/i386/x86.c, hw/pci/pci.c.
"""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HYPERVISOR, OF_GUESTS, Rule
from backends.model.crash import CrashKind

_BRING = "restore it, mount its file system, or take it out of the guest's definition"
_KINDS = OF_GUESTS - {CrashKind.ENDED}
"""A file that is missing keeps a guest from starting; it does not end one."""
_GONE = r": No such file or directory"
_AS = r"(?: \(as uid:[^)]{1,40}\))?"

RULES = (
    Rule(
        "missing-backing",
        re.compile(
            r"Cannot access backing file '(?P<path>[^']{1,4096})' of storage file '(?P<of>[^']{1,4096})'"
            + _AS
            + _GONE
        ),
        "backing image missing: {path}, base of {of}",
        _BRING,
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "missing-backing",
        re.compile(
            r"Could not open backing (?:file|image):? (?:Could not open )?'(?P<path>[^']{1,4096})'" + _GONE
        ),
        "backing image missing: {path}",
        _BRING,
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "missing-firmware",
        re.compile(r"could not load PC BIOS '(?P<path>[^']{1,4096})'"),
        "firmware missing: {path}",
        "install the firmware's package (seabios, ovmf) on this host",
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "missing-firmware",
        re.compile(r"failed to find romfile \"(?P<path>[^\"]{1,4096})\""),
        "device ROM missing: {path}",
        "install the ROMs' package (ipxe-qemu, ipxe-roms-qemu) on this host",
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "missing-firmware",
        re.compile(
            r"[Uu]nable to find any master var store for loader: (?P<path>[^\s,]{1,4096})|"
            r"Unable to find '(?P<type>[^']{1,16})' firmware|"
            r"Unable to find any firmware to satisfy '(?P<what>[^']{1,64})'"
        ),
        "no firmware for the guest on this host[: {path}][: {type}][: {what}]",
        "install the firmware's package (ovmf, edk2-ovmf) on this host",
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "missing-firmware",
        re.compile(r"'(?P<path>/[^']{0,4000}(?:OVMF|AAVMF|ovmf|edk2|nvram)[^']{0,200})'" + _AS + _GONE),
        "firmware or its variables missing: {path}",
        "install the firmware's package on this host, or bring the guest's NVRAM file",
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "missing-image",
        re.compile(r"Cannot access storage file '(?P<path>[^']{1,4096})'" + _AS + _GONE),
        "image missing: {path}",
        _BRING,
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "missing-image",
        re.compile(r"[Cc]ould not open (?:disk image )?'?(?P<path>(?>/[^':]{1,1000}))'?" + _GONE),
        "image missing: {path}",
        _BRING,
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "missing-pool",
        re.compile(
            r"storage pool '(?P<pool>[^']{1,255})'(?: containing volume '(?P<volume>[^']{1,255})')? is not active|"
            r"Storage pool not found: no storage pool with matching (?:name|uuid) '?(?P<name>[^'\s]{1,255})|"
            r"Storage volume not found: no storage vol with matching (?:name|path|key) '?(?P<vol>[^'\s]{1,255})"
        ),
        "[storage pool not active: {pool}][, with {volume}][pool missing: {name}][volume missing: {vol}]",
        "start or define the pool on this host, or refresh it",
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "missing-program",
        re.compile(
            r"Cannot check QEMU binary (?P<path>/\S{1,1000}): No such file|"
            r"Cannot find suitable emulator for (?P<arch>\w{1,32})|"
            r"Unable to find '(?P<name>[^']{1,64})' binary in \$PATH|[Uu]nable to find a satisfying (?P<what>\w{1,32})"
        ),
        "program missing on this host[: {path}][: emulator for {arch}][: {name}][: {what}]",
        "install it, or name another one in the guest's <emulator>",
        HYPERVISOR,
        _KINDS,
    ),
)
