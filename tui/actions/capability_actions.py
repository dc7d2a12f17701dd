"""What can be asked of hosts: what they can do, who takes whose guests, how safe they are. A part of the registry."""

from __future__ import annotations

from collections.abc import Sequence

from backends.model.fleet import HostView
from backends.model.host import Link
from tui.actions import capability_reasons as why
from tui.actions.action import Action, Place, action
from tui.actions.reasons import first_of

_MAY_ASK = first_of(why.silent, why.being_asked)
_MAY_ASK_ALL = first_of(why.none_answers, why.being_asked)

CAPABILITY_ACTIONS: tuple[Action, ...] = (
    action(
        "ask-again",
        "f",
        "ask again",
        "Ask this host anew what it can do.",
        Place.HOSTS,
        Place.HOST,
        why_not=_MAY_ASK,
        rank=1,
    ),
    action(
        "ask-all",
        "F",
        "ask all again",
        "Ask all hosts anew what they can do.",
        Place.HOSTS,
        why_not=why.none_answers,
        rank=None,
    ),
    action(
        "ask-them-again",
        "f",
        "ask again",
        "Ask all of these hosts anew.",
        Place.COMPARE,
        Place.BASELINE,
        Place.POSTURE,
        why_not=_MAY_ASK_ALL,
        rank=3,
    ),
    action(
        "sources",
        "s,tab",
        "sources",
        "Show or hide where each fact was read.",
        Place.HOST,
        rank=0,
    ),
    action(
        "compare",
        "c",
        "compare",
        "Who can take whose guests: all hosts with each other, or those that are marked.",
        Place.HOSTS,
        why_not=why.too_few,
        rank=2,
    ),
    action(
        "mark",
        "space",
        "mark",
        "Mark this host, or not: comparisons and common processors are of the marked hosts, if any are.",
        Place.HOSTS,
        Place.COMPARE,
        why_not=why.no_host,
        rank=6,
    ),
    action(
        "baseline",
        "b",
        "common CPU",
        "The processor that all of these hosts can give, or those that are marked: as XML to paste.",
        Place.HOSTS,
        Place.COMPARE,
        why_not=why.too_few,
        rank=4,
    ),
    action(
        "copy-xml",
        "y",
        "copy",
        "Copy the processor's XML, to paste it into a guest's definition.",
        Place.BASELINE,
        why_not=why.nothing_to_paste,
        rank=0,
    ),
    action(
        "posture",
        "p",
        "security",
        "How safe the hosts and their guests are set up.",
        Place.HOSTS,
        why_not=why.none_answers,
        rank=2,
    ),
    action(
        "host-posture",
        "p",
        "security",
        "How safe this host and its guests are set up.",
        Place.HOST,
        why_not=why.silent,
        rank=2,
    ),
    action(
        "good-findings",
        "a",
        "all or worst",
        "Show also what is as it should be, or only the rest.",
        Place.POSTURE,
        rank=1,
    ),
    action(
        "columns",
        "C",
        "columns",
        "Choose the columns of the table; those that do not fit go by themselves.",
        Place.HOSTS,
        rank=7,
    ),
)


def fitting_link(actions: Sequence[Action], view: HostView | None) -> tuple[Action, ...]:
    """For the footer: connecting where there is no link, asking where there is one."""
    is_up = view is not None and view.link.link is Link.UP
    left_out = "connect-now" if is_up else "ask-again"
    return tuple(each for each in actions if each.id != left_out)
