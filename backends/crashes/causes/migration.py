"""Moves that the destination could not take over. QEMU migration/{migration,savevm,ram}.c; libvirt qemu_migration.c."""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HYPERVISOR, STARTS, Rule
from backends.model.crash import CrashKind

_SAME = "use the same QEMU on both hosts, or a machine type that both know, and the same devices"
_ENDS = STARTS | {CrashKind.ENDED}

RULES = (
    Rule(
        "incoming-device",
        re.compile(r"Unknown savevm section or instance '(?P<device>[^']{1,255})' (?P<number>\d{1,20})"),
        "guest came with a device unknown here: {device} {number}",
        _SAME,
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-memory",
        re.compile(
            r"Unknown ramblock \"(?P<block>[^\"]{1,255})\", cannot accept migration|"
            r"Length mismatch: (?P<of>\S{1,255}): (?P<sizes>[\w !=]{1,80})|"
            r"Size too large: (?P<at>\S{1,255}): (?P<than>[\w >]{1,60})"
        ),
        "guest memory differs here in size or name[: {block}][: {of}][: {at}][, {sizes}][, {than}]",
        _SAME,
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-machine",
        re.compile(r"Machine type received is '(?P<theirs>[^']{1,64})' and local is '(?P<ours>[^']{1,64})'"),
        "machine types differ: {theirs} came, {ours} here",
        "start it here with the same machine type",
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-device",
        re.compile(
            r"error while loading state for instance 0x(?P<number>[\da-f]{1,16}) of device '(?P<device>[^']{1,255})'"
        ),
        "state of {device} could not be loaded",
        _SAME,
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-device",
        re.compile(
            r"error while loading state section id \d{1,9}\((?P<device>[^)]{1,255})\)|"
            r"Missing section footer for (?P<of>[^\s:]{1,255})"
        ),
        "state of[ {device}][ {of}] could not be loaded",
        _SAME,
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-ended",
        re.compile(
            r"load of migration failed: (?P<why>Input/output error|Connection reset by peer|Broken pipe)|"
            r"check_section_footer: (?P<what>Read section footer failed: -(?:5|32|104))\b"
        ),
        "migration stream broke off[ ({why})][ ({what})]: source or network lost, or move cancelled",
        "see the log at the source, of the same time",
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-failed",
        re.compile(
            r"load of migration failed: (?P<why>[^:]{1,120})|Not a migration stream|(?:Configuration section missing)"
        ),
        "QEMU could not load the guest's state[: {why}]",
        _SAME,
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-unreachable",
        re.compile(
            r"unable to connect to server at '(?P<at>[^']{1,255})': (?P<why>[^:]{1,80})|"
            r"Certificate does not match the hostname (?P<name>\S{1,255})"
        ),
        "other host not reached[ at {at}: {why}][: its certificate is not for {name}]",
        "open ports 49152-49215 between the hosts; make names and certificates agree",
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "incoming-device",
        re.compile(r"State blocked by non-migratable device '(?P<device>[^']{1,255})'"),
        "device cannot be migrated: {device}",
        "detach the device before the move",
        HYPERVISOR,
        STARTS,
    ),
)
