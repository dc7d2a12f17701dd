"""Files and folders of a host, asked for through its shell in the C locale."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

from backends.probes.markers import IN_ENGLISH, is_not_there, reason
from backends.remote.shell import Answer, Shell


class Presence(Enum):
    """Is there such a file?"""

    THERE = "there"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of one host. `words` say why nothing is known; safe to show."""

    presence: Presence
    size_bytes: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One disk image of one host, read as an image of a given format."""

    presence: Presence
    virtual_bytes: int | None = None
    """What a guest would see of it; None for a file that is no image of that format."""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """What a folder's file system has."""

    presence: Presence
    available_bytes: int = 0
    total_bytes: int = 0
    words: str = ""


async def facts_of(shell: Shell | None, path: str) -> FileFacts:
    """Links are followed. Raises FerryError where the host does not answer."""
    if shell is None:
        return FileFacts(Presence.UNKNOWN, words="reached by libvirt alone")
    return parse_stat(await shell.run((*IN_ENGLISH, "stat", "-L", "-c", "%s", "--", path)))


def parse_stat(answer: Answer) -> FileFacts:
    """Pure."""
    if answer.status == 0 and answer.out.strip().isdecimal():
        return FileFacts(Presence.THERE, int(answer.out))
    if is_not_there(answer):
        return FileFacts(Presence.MISSING)
    return FileFacts(Presence.UNKNOWN, words=reason(answer))


async def image_of(shell: Shell | None, path: str, image_format: str) -> ImageFacts:
    """Never probed: a guest can write into a raw image what looks like another format. Raises FerryError."""
    if shell is None:
        return ImageFacts(Presence.UNKNOWN, words="reached by libvirt alone")
    command = ("qemu-img", "info", "--output=json", "-U", "-f", image_format, "--", path)
    return parse_image(await shell.run((*IN_ENGLISH, *command)))


def parse_image(answer: Answer) -> ImageFacts:
    """From qemu-img(1). Pure."""
    if answer.status == 0:
        try:
            size = json.loads(answer.out)["virtual-size"]
        except (ValueError, KeyError, TypeError):
            size = None
        if isinstance(size, int):
            return ImageFacts(Presence.THERE, size)
    elif is_not_there(answer):
        return ImageFacts(Presence.MISSING)
    elif answer.status == 1 and "Image is not in" in answer.err:
        return ImageFacts(Presence.THERE, None, reason(answer))
    return ImageFacts(Presence.UNKNOWN, words=reason(answer))


async def room_of(shell: Shell | None, folder: str) -> Room:
    """From df(1). Raises FerryError where the host does not answer."""
    if shell is None:
        return Room(Presence.UNKNOWN, words="reached by libvirt alone")
    return parse_room(await shell.run((*IN_ENGLISH, "df", "--output=avail,size", "-B1", "--", folder)))


def parse_room(answer: Answer) -> Room:
    """Pure."""
    figures = answer.out.splitlines()[-1].split() if answer.status == 0 and answer.out.strip() else []
    if len(figures) == 2 and all(figure.isdecimal() for figure in figures):
        return Room(Presence.THERE, int(figures[0]), int(figures[1]))
    if is_not_there(answer):
        return Room(Presence.MISSING)
    return Room(Presence.UNKNOWN, words=reason(answer))


async def file_system_of(shell: Shell | None, folder: str) -> str:
    """Its type as mount(8) calls it; empty where it is not told. Raises FerryError."""
    if shell is None:
        return ""
    answer = await shell.run(
        (*IN_ENGLISH, "findmnt", "--noheadings", "--output", "FSTYPE", "--target", folder)
    )
    return answer.out.strip() if answer.status == 0 else ""
