"""`crowd_child` that writes down what runs on hosts: `python -m tests.bench.capabilities_child CONFIG FD FILE`."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from backends.model.host import HostName
from tests.bench import crowd_child
from tests.bench.counted import commands_heard


def main(config: Path, orders: int, file: Path) -> None:
    """Until the program is left."""
    with file.open("a", buffering=1) as tally:

        def note(host: HostName, argv: Sequence[str]) -> None:
            words = " ".join(shlex.join(argv).split())
            tally.write(f"{host} {words}\n")

        with commands_heard(note):
            asyncio.run(crowd_child.main(config, orders))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
