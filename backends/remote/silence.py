"""How long something was silent, told from when it was asked and when it answered.

Pure. All times are in seconds of one monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

LASTING_QUESTIONS = 5
"""Fewer questions than that without an answer may simply be on their way."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A time without an answer."""

    seconds: float
    spacing_s: float
    """The widest time between two questions meanwhile: the pause is not known more exactly than this."""

    @property
    def sure_s(self) -> float:
        """The part that cannot come from not having asked."""
        return self.seconds - self.spacing_s


class Silence:
    """Finds the longest pause between two answers as they come in; needs no more memory for a longer watch.

    Between pauses it compares what is sure of each: an asker that was held up for a while itself must not hide a
    shorter pause that really was one.
    """

    def __init__(self, interval_s: float) -> None:
        """`interval_s` is the time meant to lie between two questions."""
        self._interval_s = interval_s
        self._asked_s: float | None = None
        self._answered_s: float | None = None
        self._widest_s = interval_s
        """Between two questions since the newest answer."""
        self._longest: Pause | None = None

    @property
    def broken(self) -> bool:
        """Has anything answered yet?"""
        return self._answered_s is not None

    def asked(self, at_s: float) -> None:
        """A question has gone out."""
        if self._asked_s is not None:
            self._widest_s = max(self._widest_s, at_s - self._asked_s)
        self._asked_s = at_s

    def answered(self, at_s: float) -> None:
        """An answer has come in, to whichever question: late or out of turn, it is a sign of life."""
        self._longest = _longer(self._longest, self._pause_until(at_s))
        self._answered_s = at_s if self._answered_s is None else max(at_s, self._answered_s)
        self._widest_s = self._interval_s

    def longest(self) -> Pause | None:
        """Between two answers; None before there were two."""
        return self._longest

    def open_at(self, now_s: float) -> Pause | None:
        """The pause that lasts now, when it is longer already than all before; None when it is not, or none does."""
        pause = self._pause_until(now_s)
        if pause is None or pause.sure_s < LASTING_QUESTIONS * self._interval_s:
            return None
        return pause if _longer(self._longest, pause) is pause else None

    def _pause_until(self, at_s: float) -> Pause | None:
        if self._answered_s is None:
            return None
        return Pause(max(0.0, at_s - self._answered_s), self._widest_s)


def _longer(one: Pause | None, other: Pause | None) -> Pause | None:
    """The one that is longer for sure; the earlier of two equals."""
    if one is None or other is None:
        return one or other
    return other if other.sure_s > one.sure_s else one
