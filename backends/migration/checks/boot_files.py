"""Has the destination the files that QEMU opens before the guest runs: kernel, initial ramdisk, firmware?"""

from __future__ import annotations

import asyncio

from backends.hypervisor.guest_needs import NeededFile
from backends.migration.checks.context import Context
from backends.migration.checks.files import FileFacts, Presence, facts_of
from backends.model.move import Check, Verdict
from backends.untrusted import clean


async def there(context: Context) -> list[Check]:
    """Nothing where the definition names none."""
    needed = (await context.needs()).files
    found = await asyncio.gather(*(facts_of(context.destination.shell, file.path) for file in needed))
    return [
        file_verdict(file, facts, context.destination.host) for file, facts in zip(needed, found, strict=True)
    ]


def file_verdict(file: NeededFile, facts: FileFacts, host: str) -> Check:
    """Pure."""
    path, title = clean(file.path, limit=1024), f"{file.what} is there"
    match facts.presence:
        case Presence.THERE:
            return Check("guest.boot-file", title, Verdict.OK, f"{path} on {host}")
        case Presence.MISSING:
            mend = f"copy it to {host}, or install the package that has it"
            return Check("guest.boot-file", title, Verdict.REFUSE, f"{host} has no {path}", mend)
        case Presence.UNKNOWN:
            return Check(
                "guest.boot-file",
                title,
                Verdict.UNKNOWN,
                f"not seen whether {host} has {path}: {facts.words}",
            )
