"""What a running process has cost so far, as the kernel counts it (proc(5))."""

from __future__ import annotations

import subprocess
from pathlib import Path

MIB = 1024 * 1024


def peak_memory_mib(pid: int) -> float:
    """Peak resident set size (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / MIB
    raise ValueError(f"process {pid} has ended")


def main_thread_cpu_ms(pid: int) -> float:
    """Time that the first thread has been on a processor, to the nanosecond (schedstat)."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e6


def output_of(argv: list[str], timeout_s: float = 120) -> str:
    """Standard output of a command that must succeed. Raises subprocess.SubprocessError."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=True)
    return done.stdout
