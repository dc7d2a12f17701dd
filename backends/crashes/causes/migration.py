"""Moves that the destination could not take over. QEMU migration/{migration,savevm,ram}.c; libvirt qemu_migration.c."""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HYPERVISOR, STARTS, Rule
from backends.model.crash import CrashKind

_SAME = (
    "let both hosts have the same QEMU, or a machine type that both know, and the same devices of the guest"
)
_ENDS = STARTS | {CrashKind.ENDED}

RULES = (
    Rule(
        "incoming-device",
        re.compile(r"Unknown savevm section or instance '(?P<device>[^']{1,255})' (?P<number>\d{1,20})"),
        "incoming move: the guest arrived with {device} {number}, which it has not here",
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
        "incoming move: memory of another size or name[: {block}][: {of}][: {at}][, {sizes}][, {than}]",
        _SAME,
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-machine",
        re.compile(r"Machine type received is '(?P<theirs>[^']{1,64})' and local is '(?P<ours>[^']{1,64})'"),
        "incoming move: the guest's machine is {theirs}, here it is {ours}",
        "start it here with the same machine type",
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-device",
        re.compile(
            r"error while loading state for instance 0x(?P<number>[\da-f]{1,16}) of device '(?P<device>[^']{1,255})'"
        ),
        "incoming move: the state of {device} could not be loaded",
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
        "incoming move: the state of[ {device}][ {of}] could not be loaded",
        _SAME,
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-ended",
        re.compile(
            r"load of migration failed: (?P<why>Input/output error|Connection reset by peer|Broken pipe)"
        ),
        "incoming move: the stream broke off ({why}): the source or the way to it was lost, or the move was cancelled",
        "see the source's log of the same time",
        HYPERVISOR,
        _ENDS,
    ),
    Rule(
        "incoming-failed",
        re.compile(
            r"load of migration failed: (?P<why>[^:]{1,120})|Not a migration stream|(?:Configuration section missing)"
        ),
        "incoming move: QEMU could not load the guest's state[: {why}]",
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
        "the other host could not be reached[ at {at}: {why}][: its certificate is not of {name}]",
        "open the ports 49152-49215 between the hosts; let the names and certificates agree",
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "incoming-device",
        re.compile(r"State blocked by non-migratable device '(?P<device>[^']{1,255})'"),
        "{device} cannot be moved",
        "take the device off the guest before the move",
        HYPERVISOR,
        STARTS,
    ),
)
