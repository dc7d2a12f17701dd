"""Why the policy does what it does, in sentences with the measured figures. Pure."""

from __future__ import annotations

import humanize

from backends.migration.convergence.passes import Pass
from backends.model.move import LastResort, MoveProgress

_MINUTE_S = 60
_TWO_MINUTES_S = 2 * _MINUTE_S


def size(bytes_: float) -> str:
    """`1.9 MiB`."""
    return humanize.naturalsize(bytes_, binary=True)


def duration(milliseconds: float) -> str:
    """`48 ms`, `2.1 s`, `10 min`."""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < _TWO_MINUTES_S else f"{seconds / _MINUTE_S:.0f} min"


def _takes(one: Pass) -> str:
    return f"{size(one.left_bytes)}, at {size(one.bandwidth)}/s that takes {duration(one.need_ms)}"


def raised(from_ms: int, to_ms: int, measured: Pass, max_downtime_ms: int) -> str:
    """The limit goes up by what a pass has shown."""
    step = f"downtime limit {from_ms} -> {to_ms} ms: the passes no longer shrink and leave {_takes(measured)}"
    beyond = measured.need_ms > max_downtime_ms
    return f"{step}; {max_downtime_ms} ms is the most that is allowed" if beyond else step


def tried(from_ms: int, to_ms: int, passes: int) -> str:
    """The limit goes up, as it should have done but did not."""
    return (
        f"downtime limit {from_ms} -> {to_ms} ms: {passes} passes have found no moment for a stop that short"
    )


def throttled(before: int, sample: MoveProgress) -> str:
    """Auto-converge has begun, or has gone a step further."""
    step = (
        f"by {sample.throttle_percent} %" if not before else f"more: {before} -> {sample.throttle_percent} %"
    )
    wrote = ""
    if sample.dirty_bytes_s and sample.rate_bytes_s:
        wrote = f": it writes {size(sample.dirty_bytes_s)}/s, the link takes {size(sample.rate_bytes_s)}/s"
    return f"QEMU slows the guest's processors down {step}{wrote}"


def hopeless(newest: Pass, max_downtime_ms: int) -> str:
    """Why the user's limit cannot be met."""
    wrote = ""
    if newest.dirty_bytes_s is not None:
        wrote = f"the guest writes {size(newest.dirty_bytes_s)}/s and "
    return (
        f"will not converge: {wrote}each pass leaves {_takes(newest)}, and no more than "
        f"{duration(max_downtime_ms)} is allowed"
    )


def never_short(passes: int, max_downtime_ms: int) -> str:
    """Why the user's limit is not met, although it could be by the figures."""
    return (
        f"will not converge: {passes} passes have found no moment for a stop of {duration(max_downtime_ms)}"
    )


def converging_again(newest: Pass, max_downtime_ms: int) -> str:
    """The judgement has changed for the better."""
    fits = newest.need_ms <= max_downtime_ms
    return f"{'fits again' if fits else 'the passes shrink again'}: the last one leaves {_takes(newest)}"


def postcopy(why: str) -> str:
    """The guest is switched over before all of its memory."""
    return f"starting post-copy: {why}"


def pause(why: str, sample: MoveProgress) -> str:
    """The guest is paused until all is sent."""
    rate = sample.rate_bytes_s
    still = f", for about {duration(sample.remaining_bytes / rate * 1000)}" if rate else ""
    return f"pausing the guest{still}: {why}"


def abort(why: str) -> str:
    """The move is given up."""
    return f"aborting, the guest stays where it is: {why}"


def keeps_trying(why: str, last_resort: LastResort) -> str:
    """Nothing is done about it, and why not."""
    match last_resort:
        case LastResort.AUTO_CONVERGE:
            return f"{why}; QEMU slows the guest down until it does"
        case LastResort.POSTCOPY:
            return f"{why}; this transfer was not prepared for post-copy, so it goes on"
        case _:
            return f"{why}; it goes on all the same"
