"""The program as a user runs it: `virt-ferry migrate ... --json` as a process, heard line by line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from backends.lab.layout import Layout

Event = Mapping[str, Any]
FLOWING = ("copying", "converging")
"""Phases in which memory flows and the guest still is on the source."""


class Program:
    """One command of virt-ferry on a lab, with `--json`; killed at the end if it still runs."""

    def __init__(self, layout: Layout, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments, "--lab", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "VIRT_FERRY_LAB": str(layout.root),
                "VIRT_FERRY_LAB_NET": layout.subnet,
                **(environment or {}),
            },
        )
        self.events: list[Event] = []
        self.complaints = ""
        """What it wrote to standard error."""
        self.outcome_at: datetime | None = None
        """When the outcome was heard."""
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._listen, self._listen_to_errors)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()

    # What it says -----------------------------------------------------------------------------

    def wait_for(self, holds: Callable[[Event], bool], what: str, timeout_s: float = 40) -> Event:
        """The first event of which it holds, also one that was heard before.

        Raises:
            AssertionError: the program ended, or went on, without it; with what it said instead.
        """
        deadline_s = time.monotonic() + timeout_s
        looked_at = 0
        with self._changed:
            while True:
                for event in self.events[looked_at:]:
                    if holds(event):
                        return event
                looked_at = len(self.events)
                rest_s = deadline_s - time.monotonic()
                if self._ended or rest_s <= 0:
                    raise AssertionError(f"no {what}; the program said {self.transcript()}")
                self._changed.wait(rest_s)

    def until_phase(self, *phases: str, timeout_s: float = 40) -> Event:
        """The event with which the move went into one of these phases."""
        return self.wait_for(
            lambda event: event["event"] == "phase" and event["phase"] in phases,
            f"phase {' or '.join(phases)}",
            timeout_s,
        )

    def until_memory_flows(self, fraction: float = 0.05) -> Event:
        """The first sample that shows this much of the work done."""
        return self.wait_for(
            lambda event: event["event"] == "progress" and event["fraction"] >= fraction, "memory flowing"
        )

    def outcome(self, timeout_s: float = 90) -> Event:
        """The last word on the move."""
        return self.wait_for(lambda event: event["event"] == "outcome", "outcome", timeout_s)

    @property
    def told(self) -> str:
        """All log lines, joined."""
        return " / ".join(event["text"] for event in list(self.events) if event["event"] == "log")

    def transcript(self) -> str:
        """What was said, without the samples."""
        kept = [event for event in self.events if event["event"] not in ("progress", "check")]
        return "\n".join(json.dumps(event) for event in kept) + self.complaints

    # What is done to it -----------------------------------------------------------------------

    def kill(self) -> None:
        """As kill -9: it cannot say good-bye."""
        self._process.kill()
        self._process.wait()

    def interrupt(self) -> None:
        """ctrl-c."""
        self._process.send_signal(signal.SIGINT)

    def status(self, timeout_s: float = 20) -> int:
        """Its exit status, once it has ended by itself."""
        return self._process.wait(timeout_s)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                if self.events[-1]["event"] == "outcome":
                    self.outcome_at = datetime.now(UTC)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _listen_to_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.complaints += line
