"""Numbers and times as people read them. Pure: values in, text out.

What is not known (None) is ``-``. Sizes are bytes and count in 1024s. The short forms are for columns:
they never pass their width, and lean on the right edge so that units stand below each other. The long
forms name their unit in full (GiB) and have the digits that a comparison needs.
"""

from __future__ import annotations

from datetime import datetime

from tui.glyphs import UNICODE, Glyphs

UNKNOWN = "-"

SIZE_WIDTH = 5
"""``999 G``"""

RATE_WIDTH = 7
"""``999 M/s``"""

PERCENT_WIDTH = 4
"""``100%``; a guest of many processors may have more: ``1600%`` takes one more."""

DURATION_WIDTH = 6
"""``59 min``"""

_SHORT_UNITS = ("B", "k", "M", "G", "T", "P", "E")
_LONG_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_ROUNDS_UP = 999.5
"""From here on three digits do not do, and the next unit is taken."""

_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S


def size(bytes_: float | None) -> str:
    """``2.0 G``, ``512 M``, ``0``."""
    if bytes_ is None:
        return UNKNOWN
    if bytes_ < 1:
        return "0"
    value, power = _scaled(bytes_)
    return f"{_digits(value, power, 2)} {_SHORT_UNITS[power]}"


def rate(bytes_per_s: float | None) -> str:
    """``1.2 M/s``, ``0``."""
    text = size(bytes_per_s)
    return text if text in {"0", UNKNOWN} else f"{text}/s"


def long_size(bytes_: float | None) -> str:
    """``1.24 GiB``, ``512 MiB``, ``0 B``."""
    if bytes_ is None:
        return UNKNOWN
    value, power = _scaled(bytes_)
    return f"{_digits(value, power, 3)} {_LONG_UNITS[power]}"


def long_rate(bytes_per_s: float | None) -> str:
    """``112 MiB/s``, ``3.1 MiB/s``."""
    if bytes_per_s is None:
        return UNKNOWN
    value, power = _scaled(bytes_per_s)
    return f"{_digits(value, power, 2)} {_LONG_UNITS[power]}/s"


def part_of(bytes_: float | None, total_bytes: float | None) -> str:
    """``1.24 of 2.00 GiB``: both in the unit of the total."""
    if bytes_ is None or total_bytes is None:
        return f"{long_size(bytes_)} of {long_size(total_bytes)}"
    value, power = _scaled(total_bytes)
    total = _digits(value, power, 3)
    decimals = len(total.partition(".")[2])
    return f"{bytes_ / 1024**power:.{decimals}f} of {total} {_LONG_UNITS[power]}"


def share(fraction: float | None) -> str:
    """How much of something is in use: ``41%`` for 0.41, ``250%`` for two and a half processors."""
    return UNKNOWN if fraction is None else f"{round(fraction * 100)}%"


def percent(fraction: float | None) -> str:
    """How much is done: ``41%`` for 0.41. Below 100% it never rounds up to it: what is not done is not done."""
    if fraction is None:
        return UNKNOWN
    value = round(fraction * 100)
    return f"{99 if value == 100 and fraction < 1 else value}%"


def duration(seconds: float | None) -> str:
    """The greatest unit alone: ``12 s``, ``2 min``, ``5 h``, ``3 d``. Never negative."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min"
    if whole < 2 * _DAY_S:
        return f"{whole // _HOUR_S} h"
    return f"{whole // _DAY_S} d"


def stopwatch(seconds: float | None) -> str:
    """``00:07``, ``12:30``, ``1:02:03``."""
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def stopwatch_interval(low_s: float | None, high_s: float | None, glyphs: Glyphs = UNICODE) -> str:
    """``00:11–00:14``; one time when both read the same; ``00:11–?`` when there is no upper end."""
    if low_s is None:
        return UNKNOWN
    low, high = stopwatch(low_s), "?" if high_s is None else stopwatch(high_s)
    return low if low == high else f"{low}{glyphs.dash}{high}"


def milliseconds(ms: float | None) -> str:
    """``26 ms``; from ten seconds on ``12.3 s``."""
    if ms is None:
        return UNKNOWN
    return f"{ms:.0f} ms" if ms < 10_000 else f"{ms / 1000:.1f} s"


def milliseconds_interval(low_ms: float | None, high_ms: float | None, glyphs: Glyphs = UNICODE) -> str:
    """``24–41 ms``; one time when both read the same; ``24 ms–?`` when there is no upper end."""
    if low_ms is None or high_ms is None:
        return UNKNOWN if low_ms is None else f"{milliseconds(low_ms)}{glyphs.dash}?"
    low, high = milliseconds(low_ms), milliseconds(high_ms)
    if low == high:
        return low
    is_same_unit = low.endswith(" ms") == high.endswith(" ms")
    return f"{low.rpartition(' ')[0] if is_same_unit else low}{glyphs.dash}{high}"


def total_time(seconds: float | None) -> str:
    """What something took in the end: ``11.8 s``, from two minutes on ``02:05`` as on a stopwatch."""
    if seconds is None:
        return UNKNOWN
    return f"{seconds:.1f} s" if seconds < 2 * _MINUTE_S else stopwatch(seconds)


def ago(then: datetime | None, now: datetime) -> str:
    """``12 s ago``, ``now``. Both are aware."""
    if then is None:
        return UNKNOWN
    seconds = (now - then).total_seconds()
    return "now" if seconds < 1 else f"{duration(seconds)} ago"


def moment(then: datetime | None) -> str:
    """The absolute time, in the time zone of this machine: ``2026-03-01 14:02:03 CET``."""
    return UNKNOWN if then is None else f"{then.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def time_of_day(then: datetime | None) -> str:
    """``14:02:03``, in the time zone of this machine."""
    return UNKNOWN if then is None else f"{then.astimezone():%H:%M:%S}"


def clock_time(then: datetime, now: datetime) -> str:
    """``14:02``, before today ``24 Nov``, in the time zone of this machine: unlike an age, it stays as it is."""
    here = then.astimezone()
    return f"{here:%H:%M}" if here.date() == now.astimezone().date() else f"{here:%-d %b}"


def count(number: int | None) -> str:
    """``10,000``."""
    return UNKNOWN if number is None else f"{number:,}"


def _scaled(value: float) -> tuple[float, int]:
    """A number below a thousand, and the power of 1024 it counts."""
    power = 0
    while value >= _ROUNDS_UP and power < len(_SHORT_UNITS) - 1:
        value /= 1024
        power += 1
    return value, power


def _digits(value: float, power: int, digits: int) -> str:
    """A number below a thousand in that many digits where that needs a point; bytes have none."""
    decimals = range(digits - 1, 0, -1) if power else ()
    texts = (f"{value:.{places}f}" for places in decimals)
    return next((text for text in texts if len(text) <= digits + 1), f"{value:.0f}")
