"""Which image on a destination is a move's own: the one that is the same file as a mark beside it.

An image is made under a private name and then given its own by a hard link: link(2) fails where anything has that
name, and never opens it. The private name stays until the move has ended: as long as both are one file, the image
is the one that was made. Another file that has come to that path since, by hand or because another file system was
mounted over the folder, is not, and is left alone. The program may be killed between any two of these steps.
"""

from __future__ import annotations

import hashlib
from enum import Enum

from backends.errors import CommandError
from backends.model.move import MoveId
from backends.probes.markers import IN_ENGLISH, is_not_there, reason
from backends.remote.shell import Shell

_ONE, _BOTH = "x", "xx"
"""What find(1) says of each name that it has removed: of the mark alone, or of the image and its mark."""


class Removal(Enum):
    """What became of an image that was to be removed."""

    REMOVED = "removed"
    GONE = "gone"
    """There was none, or no more."""
    FOREIGN = "of somebody else"
    """Something else is there: left alone. Ours is nowhere any more."""
    UNPROVED = "unproved"
    """Something is there, and no mark: it may be ours, and is left alone."""


def mark_of(move: MoveId, path: str) -> str:
    """The private name, in the image's own folder: hard links end at the border of a file system. Pure.

    As long for every image, as names are limited (NAME_MAX).
    """
    digest = hashlib.blake2s(path.encode(errors="surrogateescape"), digest_size=4).hexdigest()
    return f"{path.rpartition('/')[0]}/.virt-ferry-{move}-{digest}"


def removal_command(move: MoveId, path: str) -> tuple[str, ...]:
    """find(1): remove the image if it is the same file as its mark, then the mark; nothing where no mark is. Pure.

    One process looks and removes. A link is not followed.
    """
    mark = mark_of(move, path)
    return ("find", path, mark, "-maxdepth", "0", "-samefile", mark, "-delete")


async def remove(shell: Shell, move: MoveId, path: str) -> Removal:
    """Remove the image if it is proved to be this move's, and its mark. Raises FerryError when that fails."""
    if not path.startswith("/"):
        return Removal.UNPROVED
    answer = await shell.run((*IN_ENGLISH, *removal_command(move, path), "-printf", _ONE))
    if answer.status == 0:
        return Removal.REMOVED if answer.out == _BOTH else Removal.FOREIGN
    has_image, has_mark = await is_there(shell, path), await is_there(shell, mark_of(move, path))
    if has_mark or (has_image and answer.out):
        raise CommandError(reason(answer))
    return Removal.UNPROVED if has_image else Removal.GONE


async def let_go(shell: Shell, move: MoveId, path: str) -> None:
    """Remove the mark: the image is somebody's own disk from now on. Raises FerryError."""
    answer = await shell.run((*IN_ENGLISH, "rm", "-f", "--", mark_of(move, path)))
    if answer.status != 0:
        raise CommandError(reason(answer))


async def is_there(shell: Shell, path: str) -> bool:
    """Has anything this name? A link counts as itself. Raises FerryError where that cannot be seen."""
    seen = await shell.run((*IN_ENGLISH, "stat", "--", path))
    if seen.status != 0 and not is_not_there(seen):
        raise CommandError(reason(seen))
    return seen.status == 0


async def is_marked(shell: Shell, move: MoveId, path: str) -> bool:
    """Are the image and its mark one file? Raises FerryError."""
    seen = await shell.run((*IN_ENGLISH, "stat", "-c", "%d:%i", "--", path, mark_of(move, path)))
    files = seen.out.split()
    return seen.status == 0 and len(files) == len(_BOTH) and len(set(files)) == 1
