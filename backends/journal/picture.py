"""Moves, samples and acts as text for the disk, and back. Pure.

The text is JSON of the model's dataclasses. Fields that a later version adds must have defaults: then a row of an
older version can be read, and an older program ignores what it does not know. A row that cannot be read is None.
"""

from __future__ import annotations

import logging
import math
from dataclasses import fields, replace
from typing import Any, TypeVar

import msgspec

from backends.model.history import AuditLine
from backends.model.move import Move, MoveProgress

_log = logging.getLogger(__name__)

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_MOVES = msgspec.json.Decoder(Move)
_SAMPLES = msgspec.json.Decoder(MoveProgress)
_LINES = msgspec.json.Decoder(AuditLine)


def of_move(move: Move) -> bytes:
    """Without its samples, which are kept beside it."""
    progress = None if move.progress is None else _finite(move.progress)
    return _encode(replace(move, history=(), progress=progress))


def of_sample(sample: MoveProgress) -> bytes:
    """One sample."""
    return _encode(_finite(sample))


def of_line(line: AuditLine) -> bytes:
    """One act."""
    return _encode(line)


def to_move(picture: bytes) -> Move | None:
    """Back again, without samples."""
    return _read(_MOVES, picture, "a move")


def to_sample(picture: bytes) -> MoveProgress | None:
    """Back again."""
    return _read(_SAMPLES, picture, "a sample")


def to_line(picture: bytes) -> AuditLine | None:
    """Back again."""
    return _read(_LINES, picture, "an act")


def move_words(move: Move) -> str:
    """What a search in the history looks through, in the form of `searched`."""
    request, outcome = move.request, move.outcome
    ending = (outcome.result.value, outcome.reason) if outcome else (move.phase.value,)
    log = (line.text for line in move.log)
    return "\n".join(
        (
            move.id,
            request.name,
            request.guest.uuid,
            move.source,
            request.destination,
            request.mode.value,
            *ending,
            *log,
        )
    ).casefold()


def line_words(line: AuditLine) -> str:
    """The same of an act."""
    return "\n".join((line.who, line.what, line.result, line.move)).casefold()


def searched(text: str) -> tuple[str, ...]:
    """The words of a search, each of which must occur."""
    return tuple(text.casefold().split())


def _read(decoder: msgspec.json.Decoder[T], picture: bytes, what: str) -> T | None:
    try:
        return decoder.decode(picture)
    except (
        msgspec.DecodeError,
        UnicodeError,
    ) as error:  # another version's, or damaged: it hides no other row
        _log.warning("%s in the journal cannot be read: %s", what, error)
        return None


def _finite(sample: MoveProgress) -> MoveProgress:
    """JSON knows no infinity: what never ends is told by None."""
    endless: dict[str, Any] = {
        field.name: None for field in fields(sample) if not _is_finite(getattr(sample, field.name))
    }
    return replace(sample, **endless) if endless else sample


def _is_finite(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_finite(part) for part in value)
    return not isinstance(value, float) or math.isfinite(value)
