"""Disk images, and what they have their contents from: qemu-img(1), in the form of QEMU's qapi/block-core.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from backends.errors import FerryError
from backends.remote.shell import Answer, Shell
from backends.untrusted import clean

DEADLINE_S = 15.0
"""It opens the images, which may be on slow storage."""
_PATH_LIMIT = 4096
_TWICE = re.compile(r"(Could not open '[^']{1,4096}': )\1")
"""Each of QEMU's layers says it anew."""
_MOST_IMAGES = 200
"""libvirt follows no longer chain."""
_MOST_BYTES = 1 << 63


@dataclass(frozen=True, slots=True)
class Image:
    """One image. Text is safe to show."""

    name: str
    """Its path, or QEMU's word for where it is."""
    format: str
    virtual_bytes: int | None = None
    """What a guest sees of it."""
    allocated_bytes: int | None = None
    """What it takes on its storage."""
    backing: str = ""
    snapshots: tuple[str, ...] = ()
    """Internal ones, by name."""
    encrypted: bool = False
    corrupt: bool = False
    data_file: str = ""
    """Where a qcow2 image keeps its data apart from itself."""


@dataclass(frozen=True, slots=True)
class Images:
    """An image and those below it, nearest first."""

    images: tuple[Image, ...] = ()
    trouble: str = ""
    """Why nothing is known, or nothing below the last one."""
    mend: str = ""

    @property
    def top(self) -> Image | None:
        """What the guest writes to."""
        return self.images[0] if self.images else None


async def read_images(shell: Shell, path: str, image_format: str) -> Images:
    """The image is never probed: a guest can write into a raw one what looks like another format.

    An image whose chain is broken is told without it. Raises FerryError where the host does not answer.
    """
    whole = parse(await _info(shell, path, image_format, "--backing-chain"))
    if whole.images or not whole.trouble or image_format == "raw":
        return whole
    alone = parse(await _info(shell, path, image_format))
    return Images(alone.images, whole.trouble if alone.images else alone.trouble, whole.mend)


async def _info(shell: Shell, path: str, image_format: str, *options: str) -> Answer:
    command = ("qemu-img", "info", "--output=json", "-U", *options, "-f", image_format, "--", path)
    try:
        return await shell.run(("env", "LC_ALL=C", *command), deadline_s=DEADLINE_S)
    except FerryError as error:
        error.operation = "look at the image"
        raise


def parse(answer: Answer) -> Images:
    """Of `qemu-img info --output=json`, with its chain or without. Pure."""
    if answer.status != 0:
        return Images(trouble=_reason(answer), mend=_mend(answer))
    try:
        told = json.loads(answer.out)
    except (ValueError, RecursionError):
        told = None
    rows = told if isinstance(told, list) else [told]
    images = tuple(_image(row) for row in rows[:_MOST_IMAGES] if isinstance(row, dict))
    if not images:
        return Images(trouble="what qemu-img tells is not readable")
    return Images(images, "" if len(images) == len(rows) else "a part of what qemu-img tells is not readable")


def _image(row: Mapping[str, object]) -> Image:
    specific = row.get("format-specific")
    data = specific.get("data") if isinstance(specific, dict) else None
    details: Mapping[str, object] = data if isinstance(data, dict) else {}
    snapshots = row.get("snapshots")
    return Image(
        name=_text(row, "filename"),
        format=_text(row, "format"),
        virtual_bytes=_size(row, "virtual-size"),
        allocated_bytes=_size(row, "actual-size"),
        backing=_text(row, "full-backing-filename") or _text(row, "backing-filename"),
        snapshots=tuple(
            _text(each, "name") or _text(each, "id") or "?"
            for each in (snapshots if isinstance(snapshots, list) else ())
            if isinstance(each, dict)
        ),
        encrypted=row.get("encrypted") is True,
        corrupt=details.get("corrupt") is True,
        data_file=_text(details, "data-file"),
    )


def _text(row: Mapping[str, object], key: str) -> str:
    value = row.get(key, "")
    return clean(value, limit=_PATH_LIMIT) if isinstance(value, str) else ""


def _size(row: Mapping[str, object], key: str) -> int | None:
    value = row.get(key)
    return value if type(value) is int and 0 <= value < _MOST_BYTES else None


def _reason(answer: Answer) -> str:
    if answer.status == 127 or "qemu-img: not found" in answer.err:
        return "the host has no qemu-img"
    said = " ".join((answer.err or answer.out).split()).removeprefix("qemu-img: ")
    said = _TWICE.sub(r"\1", said)
    return clean(said, limit=300) or f"qemu-img ended with status {answer.status}"


def _mend(answer: Answer) -> str:
    if "Permission denied" in answer.err:
        return "log in as root, or give this account leave to read the image"
    return ""
