"""Whether a lock of one host holds for another, with real tools. Two shells of this machine stand for two hosts."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from backends.model.storage import Sharing
from backends.probes.markers import End, prove_all
from backends.probes.storage import trial_locks
from backends.remote.local import LocalShell
from backends.remote.shell import COMMAND_DEADLINE_S, Answer
from tests.contract.test_markers import names_in
from tests.contract.test_sockets_of_a_host import ShellOf

needs_qemu = pytest.mark.skipif(shutil.which("qemu-io") is None, reason="no qemu-io on this machine")


class HangingShell(LocalShell):
    """A host on which looking for the marker never ends."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """For ever."""
        del argv, stdin, deadline_s
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


class WithoutQemu(LocalShell):
    """A host that has flock and no qemu-io."""

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """As env(1) says it."""
        if "qemu-io" in argv:
            return Answer(127, "", "env: 'qemu-io': No such file or directory")
        return await super().run(argv, stdin=stdin, deadline_s=deadline_s)


@needs_qemu
async def test_a_lock_as_qemu_takes_it_holds_for_another_on_the_same_file_system(tmp_path: Path) -> None:
    ends = [(End("h2", LocalShell()), str(tmp_path)), (End("h3", LocalShell()), str(tmp_path))]
    found = await prove_all(End("h1", LocalShell()), str(tmp_path), ends, with_locks=True)
    assert [(proof.sharing, proof.locks) for proof in found] == [(Sharing.PROVED, True)] * 2
    assert "a lock of QEMU's kind holds" in found[0].evidence
    assert names_in(tmp_path) == []


async def test_without_qemus_tools_flock_is_tried(tmp_path: Path) -> None:
    (found,) = await prove_all(
        End("h1", LocalShell()), str(tmp_path), [(End("h2", WithoutQemu()), str(tmp_path))], with_locks=True
    )
    assert found.locks is True and "flock holds" in found.evidence


async def test_a_host_without_either_tool_is_proved_and_its_locks_are_not_known(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "cat").symlink_to("/bin/cat")
    (tools / "env").symlink_to("/usr/bin/env")
    bare = End("h2", ShellOf("env", f"PATH={tools}"))
    (found,) = await prove_all(
        End("h1", LocalShell()), str(tmp_path), [(bare, str(tmp_path))], with_locks=True
    )
    assert (found.sharing, found.locks) == (Sharing.PROVED, None)
    assert "not tried" in found.evidence


async def test_a_lock_that_the_other_host_can_take_too_is_told_as_a_danger(tmp_path: Path) -> None:
    marker, copy = tmp_path / "marker", tmp_path / "copy"
    marker.write_text("x")
    copy.write_text("x")
    (trial,) = await trial_locks.hold_and_try(LocalShell(), str(marker), [(LocalShell(), str(copy))], 5.0)
    assert trial.holds is False and "both could write" in trial.words


async def test_a_silent_host_holds_up_no_other_and_no_marker_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.probes.markers.READER_DEADLINE_S", 0.3)
    ends = [(End("h2", HangingShell()), str(tmp_path)), (End("h3", LocalShell()), str(tmp_path))]
    silent, answered = await prove_all(End("h1", LocalShell()), str(tmp_path), ends)
    assert silent.sharing is Sharing.UNKNOWN and "h2: no answer within" in silent.evidence
    assert answered.sharing is Sharing.PROVED
    assert names_in(tmp_path) == []


async def test_who_gives_up_waiting_leaves_no_marker_behind(tmp_path: Path) -> None:
    hanging = HangingShell()
    proving = asyncio.ensure_future(
        prove_all(End("h1", LocalShell()), str(tmp_path), [(End("h2", hanging), str(tmp_path))])
    )
    await hanging.asked.wait()
    assert len(names_in(tmp_path)) == 1
    proving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await proving
    assert names_in(tmp_path) == []
