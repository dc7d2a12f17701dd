"""Containers that did not start. libvirt lxc_container.c, lxc_controller.c, lxc_process.c."""

from __future__ import annotations

import re

from backends.crashes.causes.rule import LIBVIRT, Rule
from backends.model.crash import CrashKind, Source

_LXC = LIBVIRT | {Source.LXC_LOG}
_STARTS = frozenset({CrashKind.NOT_STARTED})

RULES = (
    Rule(
        "container-no-init",
        re.compile(r"[Cc]annot find init path '(?P<path>[^']{1,4096})' relative to container root"),
        "container init missing: {path}",
        "check <init> and the container's root file system",
        _LXC,
        _STARTS,
    ),
    Rule(
        "container-mount",
        re.compile(
            r"Failed to (?:bind )?mount (?:directory )?(?P<what>[^:\x00]{1,1000}): (?P<why>[^:\x00]{1,80})"
        ),
        "container mount failed: {what}: {why}",
        "check that the source exists and may be mounted",
        frozenset({Source.LXC_LOG}),
        _STARTS,
    ),
    Rule(
        "container-start",
        re.compile(r"Failure in libvirt_lxc startup: (?P<why>[^\x00]{1,300})"),
        "container did not start: {why}",
        "",
        _LXC,
        _STARTS,
    ),
)
