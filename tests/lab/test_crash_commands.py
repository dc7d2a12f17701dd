"""`crashes`, `crashes follow`, `dump` and `crash-setting` on real hosts, as a script runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab

END_DEADLINE_S = 60.0

Typed = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def type_in(lab: Lab, tmp_path: Path) -> Typed:
    """Starts a command on the hosts of the lab, its output in a pipe."""
    environment = {
        **os.environ,
        "VIRT_FERRY_LAB": str(lab.layout.root),
        "VIRT_FERRY_LAB_NET": lab.layout.subnet,
        "XDG_STATE_HOME": str(tmp_path),
    }

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tui.cli", *words, "--lab", "--json"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    return start


@contextmanager
def at_work(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Killed if it goes on after the block."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def result_of(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and objects."""
    with at_work(process):
        out, _ = process.communicate(timeout=END_DEADLINE_S)
    return process.returncode, [json.loads(line) for line in out.splitlines()]


def read_until(process: subprocess.Popen[str], **fields: object) -> dict[str, Any]:
    """The next object with these fields."""
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if fields.items() <= found.items():
            return found
    raise AssertionError(f"it has ended without {fields}")


def test_a_killed_guest_comes_through_the_pipe_and_stands_in_the_list_afterwards(
    lab: Lab, type_in: Typed
) -> None:
    lab.guest(GuestSpec(name="lost", memory_mib=96))
    with at_work(type_in("crashes", "follow")) as following:
        read_until(following, event="crash_host", host="h1")
        lab.host("h1").exec("sh", "-c", "kill -KILL $(cat /run/libvirt/qemu/lost.pid)")
        told = read_until(following, event="crash", guest="lost", update=False)
        following.send_signal(signal.SIGINT)
        assert following.wait(END_DEADLINE_S) == 0
    assert (told["host"], told["kind"]) == ("h1", "guest ended")
    status, objects = result_of(type_in("crashes", "--since", "10m", "--guest", "lost"))
    (crash,) = [each for each in objects if each["event"] == "crash"]
    assert (status, crash["host"], crash["kind"]) == (0, "h1", "guest ended")
    assert objects[-1]["hosts"] == ["h1", "h2", "h3"]


def test_a_guest_is_told_to_leave_a_dump_and_one_is_brought_here_now(
    lab: Lab, type_in: Typed, tmp_path: Path
) -> None:
    lab.guest(GuestSpec(name="kept", memory_mib=96), host="h2")
    status, objects = result_of(type_in("crash-setting", "kept", "--on-crash", "coredump-destroy"))
    assert (status, objects[-1]["on_crash"]) == (0, "coredump-destroy")
    assert "<on_crash>coredump-destroy</on_crash>" in lab.host("h2").virsh("dumpxml", "--inactive", "kept")
    status, objects = result_of(type_in("dump", "kept", "--yes", "--bring", str(tmp_path)))
    assert (status, objects[-1]["verdict"]) == (0, "succeeded")
    assert Path(objects[-1]["local_path"]).read_bytes()[:4] == b"\x7fELF"
    assert lab.host("h2").guests() == {"kept": "running"}
