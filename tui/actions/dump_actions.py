"""What can be done about the dump of a guest's memory: planning, taking, stopping. A part of the registry."""

from __future__ import annotations

from tui.actions import capability_reasons, reasons, storage_reasons
from tui.actions import dump_reasons as why
from tui.actions.action import Action, Place, action
from tui.actions.reasons import first_of

_MAY_DUMP = first_of(reasons.no_guest, reasons.read_only, reasons.silent_host, reasons.on_its_way, why.is_off)

DUMP_ACTIONS: tuple[Action, ...] = (
    action(
        "dump",
        "D",
        "dump",
        "Plan a dump of this guest's memory, or watch the one that is under way; nothing is done before you say so.",
        Place.GUESTS,
        Place.GUEST,
        why_not=_MAY_DUMP,
        rank=7,
    ),
    action(
        "start-dump",
        "enter,s",
        "start",
        "Take the dump; asks where the guest would not run on after it.",
        Place.DUMP,
        why_not=first_of(reasons.read_only, why.dump_has_begun, why.no_dump_plan),
        dangerous=True,
        rank=0,
    ),
    action(
        "stop-dump",
        "X",
        "stop",
        "Break the dump off: the guest goes on, and what was written is removed.",
        Place.DUMP,
        why_not=first_of(reasons.read_only, why.no_dump_under_way),
        dangerous=True,
        rank=0,
    ),
    action(
        "change-dump",
        "e",
        "change",
        "Another form, another folder, or another thing to happen to the guest meanwhile.",
        Place.DUMP,
        why_not=why.dump_under_way,
        rank=1,
    ),
    action(
        "plan-dump-again",
        "r",
        "plan again",
        "Make the plan anew, from what is free now.",
        Place.DUMP,
        why_not=first_of(capability_reasons.being_asked, why.dump_under_way),
        rank=2,
    ),
    action(
        "copy-dump-command",
        "y",
        "copy command",
        "Copy the virsh command that does the same.",
        Place.DUMP,
        why_not=storage_reasons.nothing_to_copy,
        rank=3,
    ),
)
