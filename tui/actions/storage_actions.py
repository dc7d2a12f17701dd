"""What can be done about storage: asking, proving, logging in, and growing a guest's disk. A part of the registry."""

from __future__ import annotations

from tui.actions import capability_reasons, reasons
from tui.actions import storage_reasons as why
from tui.actions.action import Action, Place, action
from tui.actions.reasons import first_of

_GUEST_PLACES = (Place.GUESTS, Place.GUEST)

_MAY_ASK = first_of(capability_reasons.none_answers, capability_reasons.being_asked)
_MAY_GROW = first_of(
    reasons.no_guest, reasons.read_only, reasons.silent_host, reasons.on_its_way, why.no_disk
)

STORAGE_ACTIONS: tuple[Action, ...] = (
    action(
        "ask-storage",
        "f",
        "ask again",
        "Ask all hosts anew what storage they see.",
        Place.STORAGE,
        Place.STORAGE_PAGE,
        why_not=_MAY_ASK,
        rank=3,
    ),
    action(
        "prove",
        "v",
        "prove",
        "Try whether the hosts see the same storage: a small file is written through one and read through the"
        " others; a LUN is only read.",
        Place.STORAGE,
        Place.STORAGE_PAGE,
        why_not=first_of(why.no_storage, reasons.read_only, why.too_few_see_it, why.being_proved),
        dangerous=True,
        rank=0,
    ),
    action(
        "next-host",
        "right,l",
        "next host",
        "How the next host sees it; the table scrolls where there are more than fit.",
        Place.STORAGE,
        rank=None,
    ),
    action(
        "previous-host",
        "left,h",
        "previous host",
        "How the host before sees it.",
        Place.STORAGE,
        rank=None,
    ),
    action(
        "iscsi",
        "i",
        "iSCSI",
        "Look for iSCSI targets from the host of the chosen column, and log it in to one.",
        Place.STORAGE,
        why_not=capability_reasons.silent,
        rank=4,
    ),
    action(
        "discover-again",
        "f",
        "look again",
        "Ask the portal anew what it offers.",
        Place.ISCSI,
        why_not=first_of(capability_reasons.silent, capability_reasons.being_asked),
        rank=2,
    ),
    action(
        "iscsi-login",
        "enter,l",
        "log in",
        "Log the host in to this target, with a CHAP user and secret where it asks for them.",
        Place.ISCSI,
        why_not=first_of(why.no_target, reasons.read_only, capability_reasons.silent, why.logged_in),
        rank=0,
    ),
    action(
        "iscsi-logout",
        "x",
        "log out",
        "Log the host out of this target: its LUNs vanish from the host.",
        Place.ISCSI,
        why_not=first_of(why.no_target, reasons.read_only, capability_reasons.silent, why.not_logged_in),
        dangerous=True,
        rank=0,
    ),
    action(
        "disks",
        "d",
        "disks",
        "What lies under this guest's disks, down to the bytes.",
        *_GUEST_PLACES,
        why_not=first_of(reasons.no_guest, reasons.silent_host),
        rank=6,
    ),
    action(
        "read-disks",
        "f",
        "read again",
        "Read anew what lies under the disks.",
        Place.CHAIN,
        why_not=first_of(reasons.silent_host, capability_reasons.being_asked),
        rank=3,
    ),
    action(
        "grow",
        "plus",
        "grow a disk",
        "Plan how a disk of this guest becomes larger; nothing is done before you say so.",
        *_GUEST_PLACES,
        Place.CHAIN,
        why_not=_MAY_GROW,
        rank=6,
    ),
    action(
        "start-growth",
        "enter,s",
        "start",
        "Carry the plan out, step by step; the first failure stops it.",
        Place.GROWTH,
        why_not=first_of(reasons.read_only, why.has_begun, why.no_plan),
        dangerous=True,
        rank=0,
    ),
    action(
        "plan-again",
        "r",
        "plan again",
        "Make the plan anew, from what is there now.",
        Place.GROWTH,
        why_not=first_of(capability_reasons.being_asked, why.under_way),
        rank=2,
    ),
    action(
        "copy-steps",
        "y",
        "copy commands",
        "Copy the equivalent commands, one a line.",
        Place.GROWTH,
        why_not=why.nothing_to_copy,
        rank=3,
    ),
)
