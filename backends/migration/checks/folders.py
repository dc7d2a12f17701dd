"""Has the destination the folders that a container lives in? Only its definition moves, and they stay behind."""

from __future__ import annotations

import asyncio

from backends.hypervisor.guest_needs import SharedFolder
from backends.migration.checks.context import Context
from backends.migration.checks.files import FileFacts, Presence, facts_of
from backends.model.move import Check, Verdict
from backends.untrusted import clean


async def there(context: Context) -> list[Check]:
    """One check for each folder of the host's; nothing where the definition names none."""
    needed = [folder for folder in (await context.needs()).folders if folder.folder]
    found = await asyncio.gather(*(facts_of(context.destination.shell, each.folder) for each in needed))
    host = context.destination.host
    return [folder_verdict(folder, facts, host) for folder, facts in zip(needed, found, strict=True)]


def folder_verdict(folder: SharedFolder, facts: FileFacts, host: str) -> Check:
    """Pure. That a folder of the same name is there says nothing about what is in it."""
    path, id_, title = clean(folder.folder, limit=1024), "guest.folder", "its files are there"
    match facts.presence:
        case Presence.THERE:
            evidence = f"{host} has {path}; nothing tells whether it holds the same files"
            mend = "copy them while the container is off, unless the folder is on shared storage"
            return Check(id_, title, Verdict.WARNING, evidence, mend)
        case Presence.MISSING:
            mend = f"copy it to {host} while the container is off: rsync -aHAX --numeric-ids"
            return Check(id_, title, Verdict.REFUSE, f"{host} has no {path}", mend)
        case Presence.UNKNOWN:
            evidence = f"not seen whether {host} has {path}: {facts.words}"
            return Check(id_, title, Verdict.UNKNOWN, evidence)
