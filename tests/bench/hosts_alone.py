"""Open test hosts and nothing else, and print how much memory they take: `python -m tests.bench.hosts_alone FILE...`.

libvirt's test hosts live inside the process that opens them, so a program on test hosts pays for the hosts too.
"""

from __future__ import annotations

import os
import sys

import libvirt

from tests.bench.process import peak_memory_mib


def main() -> None:
    """MiB that the peak resident set grew by."""
    before = peak_memory_mib(os.getpid())
    connections = [libvirt.open(f"test://{file}") for file in sys.argv[1:]]
    print(f"{peak_memory_mib(os.getpid()) - before:.1f}")
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    main()
