"""How far back, as people type it: `30m`, `12h`, `1d`, `2w`, `2026-01-31` or `2026-01-31T14:00`. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EXAMPLES = (
    "30m, 12h, 1d and 2w are so long ago; or a date: 2026-01-31, 2026-01-31T14:00, 2026-01-31T14:00+01:00"
)

_SPAN = re.compile(r"(?P<number>\d{1,6})\s*(?P<unit>[smhdw])", re.ASCII | re.IGNORECASE)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONGEST_FORM = 40
"""No ISO date is longer; what is longer is not looked at."""
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
"""Hosts count seconds from 1970 on."""


class SinceError(ValueError):
    """It cannot be understood, or has not come yet; the text says why, for the user to see."""


def read_since(text: str, now: datetime) -> datetime:
    """The moment that is meant, aware. A date without a zone is in the zone of this machine. Raises SinceError."""
    form = text.strip()
    span = _SPAN.fullmatch(form)
    moment = _ago(span, now) if span else _date(form, now)
    if moment > now:
        raise SinceError(f"{form} has not come yet")
    return max(moment, _EARLIEST)


def _ago(span: re.Match[str], now: datetime) -> datetime:
    try:
        return now - int(span["number"]) * _UNITS[span["unit"].lower()]
    except OverflowError:
        return _EARLIEST


def _date(form: str, now: datetime) -> datetime:
    try:
        if len(form) > _LONGEST_FORM:
            raise ValueError
        parsed = datetime.fromisoformat(form)
    except ValueError as error:
        shown = form if len(form) <= _LONGEST_FORM else f"{form[:_LONGEST_FORM]}..."
        raise SinceError(f"{shown!r} is no time that has passed") from error
    if parsed.year <= _EARLIEST.year:
        return _EARLIEST
    if parsed.year > now.year + 1:  # at the end of all years there are times that no other zone has
        raise SinceError(f"{form} has not come yet")
    return parsed.astimezone(UTC)
