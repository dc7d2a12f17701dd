"""The one command that asks a host, really run here, under every shell that is here."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from backends.errors import LinkError
from backends.probes import clock
from backends.probes.survey import asking, script
from backends.probes.survey.readings import Gap, Reading, Readings
from backends.remote.local import LocalShell
from backends.remote.shell import MAX_OUTPUT_BYTES, Answer

SHELLS = {"dash": ("dash",), "busybox": ("busybox", "sh"), "bash": ("bash", "--posix")}
NONCE = "c0ffee" * 4
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    words = SHELLS[request.param]
    if not shutil.which(words[0]):
        pytest.skip(f"no {words[0]} here")
    return words


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that other users may enter."""
    shut = (each for each in tmp_path.parents if "/pytest-of-" in str(each))  # pytest's own, for others
    for each in (tmp_path, *shut):
        each.chmod(each.stat().st_mode | 0o055)
    return tmp_path


def run(shell: tuple[str, ...], questions: bytes, *before: str) -> Readings:
    argv = (*before, "env", "LC_ALL=C", *shell, *script.command()[3:])
    done = subprocess.run(argv, input=questions, capture_output=True, timeout=20, check=False)
    answer = Answer(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
    return asking.parse(answer, NONCE, asked_at=time.time(), took_s=1.0)


def ask_for(shell: tuple[str, ...], *lines: str, before: tuple[str, ...] = ()) -> Readings:
    return run(shell, "\n".join([NONCE, *lines, ""]).encode(), *before)


def test_this_machine_tells_its_kernel_processor_and_account() -> None:
    readings = asyncio.run(script.ask(LocalShell()))
    assert (
        readings.text("/proc/sys/kernel/osrelease") == Path("/proc/sys/kernel/osrelease").read_text().strip()
    )
    assert "processor" in readings.text("/proc/cpuinfo")
    assert readings.account
    assert readings.clock_ahead_s is not None
    assert abs(readings.clock_ahead_s) <= readings.clock_exact_to_s + 0.1
    assert readings.took_s < 4.0, "half of the shell's deadline"


def test_every_shell_brings_the_same(shell: tuple[str, ...]) -> None:
    readings = run(shell, script.questions(NONCE))
    of_sh = run(("sh",), script.questions(NONCE))
    changing = ("/proc/uptime", "/proc/meminfo", "began", "ended", "dmesg")
    assert {name: readings.files[name] for name in readings.files if name not in changing} == {
        name: of_sh.files[name] for name in of_sh.files if name not in changing
    }
    assert readings.files.keys() == of_sh.files.keys()


def test_a_file_that_is_not_there_is_missing_and_an_empty_one_is_there(
    shell: tuple[str, ...], folder: Path
) -> None:
    (folder / "empty").touch()
    readings = ask_for(
        shell, f"file {folder}/empty", f"file {folder}/none", f"head {folder}/none", f"file {folder}/n*"
    )
    assert readings.reading(f"{folder}/empty") == Reading("")
    assert readings.reading(f"{folder}/none") == Reading(gap=Gap.MISSING)
    assert not readings.there(f"{folder}/none")
    assert readings.trouble(f"{folder}/none") == ("this host does not tell", "")


def test_what_this_account_may_not_read_is_denied(shell: tuple[str, ...], folder: Path) -> None:
    for name in ("file", "head", "bytes"):
        (folder / name).write_text("secret\n")
        (folder / name).chmod(0)
    (folder / "shut").mkdir()
    (folder / "shut" / "inside").write_text("secret\n")
    (folder / "shut").chmod(0)
    (folder / "open").write_text("told\n")
    kinds = [f"{kind} {folder}/{kind}" for kind in ("file", "head", "bytes")]
    asked = (*kinds, f"file {folder}/shut/inside", f"names {folder}/shut", f"file {folder}/open")
    before = NOBODY if os.geteuid() == 0 else ()
    readings = ask_for(shell, *asked, before=before)
    denied = ("file", "head", "bytes", "shut/inside", "shut")
    assert {readings.reading(f"{folder}/{name}").gap for name in denied} == {Gap.DENIED}
    assert readings.text(f"{folder}/open") == "told"
    assert not readings.is_root
    words, mend = readings.trouble(f"{folder}/file")
    assert words == "permission denied"
    assert "log in as root" in mend
    assert "secret" not in str(readings)


def test_a_hostile_file_forges_no_answer(shell: tuple[str, ...], folder: Path) -> None:
    """It may know how answers are parted, but not by which nonce, and what it says stays its own."""
    evil = f"x\n\ntext /proc/version\nforged\n\n{'0' * 32} text id -u\n0\n/proc/version:forged\n{folder}/b:forged\n"
    (folder / "a").write_text(evil)
    (folder / "b").write_text("honest\n")
    readings = ask_for(
        shell, f"file {folder}/a", f"file {folder}/b", f"head {folder}/a", "file /proc/version"
    )
    assert readings.text(f"{folder}/b") == "honest"
    assert readings.text("/proc/version") == Path("/proc/version").read_text().strip()
    assert readings.text(f"{folder}/a").strip() == evil.strip()


def test_a_huge_file_is_cut(shell: tuple[str, ...], folder: Path) -> None:
    (folder / "lines").write_text("line\n" * 100_000)
    (folder / "line").write_text("x" * 1_000_000)
    readings = ask_for(shell, f"file {folder}/lines", f"head {folder}/line")
    assert readings.text(f"{folder}/lines").count("line") == 400
    assert len(readings.text(f"{folder}/line")) == 16384


def test_folders_tell_their_names_and_devices_what_is_allowed(shell: tuple[str, ...], folder: Path) -> None:
    for name in ("0", "1", "10"):
        (folder / "groups" / name).mkdir(parents=True)
    asked = (f"names {folder}/groups", f"names {folder}/none", "device /dev/null", f"device {folder}/none")
    readings = ask_for(shell, *asked)
    assert readings.text(f"{folder}/groups").split() == ["0", "1", "10"]
    assert readings.text("/dev/null") == "rw"
    assert not readings.there(f"{folder}/none")


def test_bytes_are_told_as_numbers(shell: tuple[str, ...], folder: Path) -> None:
    """A variable of EFI: four bytes of attributes, then its value."""
    (folder / "SecureBoot-8be4df61").write_bytes(b"\x06\x00\x00\x00\x01")
    readings = ask_for(shell, f"bytes {folder}/SecureBoot-*")
    assert readings.text(f"{folder}/SecureBoot-8be4df61").split() == ["6", "0", "0", "0", "1"]


@pytest.mark.parametrize("awk", ["awk", "busybox awk"])
def test_512_processors_are_told_in_few_lines(awk: str, folder: Path) -> None:
    own = "processor\t: {0}\nphysical id\t: {1}\ncore id\t\t: {2}\ncpu MHz\t\t: {0}.1\n"
    block = f"{own}model name\t: X\nflags\t\t: a b\n\n"
    (folder / "cpuinfo").write_text("".join(block.format(n, n // 256, n % 128) for n in range(512)))
    text = script.command()[4].replace("/proc/cpuinfo", f"{folder}/cpuinfo").replace("awk '", f"{awk} '")
    done = subprocess.run(
        ["sh", "-c", text, "sh", "x"], input=f"{NONCE}\n".encode(), capture_output=True, check=True
    )
    readings = asking.parse(Answer(0, done.stdout.decode(), ""), NONCE, asked_at=0.0, took_s=1.0)
    assert readings.text("processors") == "512 256 2"
    assert len(readings.text(f"{folder}/cpuinfo").splitlines()) == 6
    assert len(done.stdout) < MAX_OUTPUT_BYTES // 100


@pytest.mark.parametrize("dd", ["dd", "busybox dd"])
def test_a_register_is_read_at_its_own_number(dd: str, folder: Path) -> None:
    """A file of bytes in the place of the device, which is read eight bytes at the offset that is its number."""
    (folder / "msr").write_bytes(bytes(range(256)))
    text = (
        script.command()[4]
        .replace("/dev/cpu/0/msr", f"{folder}/msr")
        .replace("        dd ", f"        {dd} ")
    )
    done = subprocess.run(
        ["sh", "-c", text, "sh", "x"], input=f"{NONCE}\n".encode(), capture_output=True, check=True
    )
    readings = asking.parse(Answer(0, done.stdout.decode(), ""), NONCE, asked_at=0.0, took_s=1.0)
    assert readings.text(f"{folder}/msr 0x3a").split() == ["3a", "3b", "3c", "3d", "3e", "3f", "40", "41"]
    assert readings.text(f"{folder}/msr 0xc0010114") == ""


@pytest.mark.parametrize(
    ("complaint", "name", "gap"),
    [
        ("dmesg: read kernel buffer failed: Operation not permitted", "dmesg", Gap.DENIED),
        ("dmesg: klogctl: Operation not permitted", "dmesg", Gap.DENIED),
        (
            "grep: /sys/kernel/security/lockdown: Operation not permitted",
            "/sys/kernel/security/lockdown",
            Gap.DENIED,
        ),
        (
            "grep: /sys/class/net/eth0/device/x: Input/output error",
            "/sys/class/net/eth0/device/x",
            Gap.BROKEN,
        ),
        ("od: /sys/firmware/efi/efivars/y: Permission denied", "/sys/firmware/efi/efivars/y", Gap.DENIED),
    ],
)
def test_complaints_of_tools_become_reasons(complaint: str, name: str, gap: Gap) -> None:
    """Of util-linux, busybox and coreutils, in the C locale."""
    answer = Answer(0, f"\n{NONCE} text dmesg\n\n{NONCE} there\n{name}\n", f"{complaint}\n")
    assert asking.parse(answer, NONCE, asked_at=0.0, took_s=1.0).reading(name).gap is gap


def test_a_line_of_a_file_that_was_not_asked_for_is_dropped() -> None:
    answer = Answer(0, f"\n{NONCE} there\n/a\n\n{NONCE} files\n/a:1\n/b:2\n", "")
    readings = asking.parse(answer, NONCE, asked_at=0.0, took_s=1.0)
    assert (readings.text("/a"), readings.there("/b")) == ("1", False)


def test_a_permission_that_would_help_is_named() -> None:
    readings = Readings("u", False, None, 0.0, 0.0, {"dmesg": Reading(gap=Gap.DENIED)})
    assert readings.trouble("dmesg") == (
        "permission denied",
        "log in as root; or: set kernel.dmesg_restrict=0, or give this account CAP_SYSLOG",
    )


def test_an_account_without_a_shell_is_told_so() -> None:
    with pytest.raises(LinkError) as told:
        asking.parse(
            Answer(1, "This account is currently not available.\n", ""), NONCE, asked_at=0.0, took_s=1.0
        )
    assert "not available" in str(told.value)


def test_a_host_s_own_work_does_not_blur_its_clock() -> None:
    """Asked at 100, answered at 101; the host worked from 205.4 to 205.6 of its own time: 0.8 s were on the way."""
    reading = clock.against("205.4", "205.6\n", asked_at=100.0, took_s=1.0)
    assert reading is not None
    assert reading.ahead_s == pytest.approx(105.0)
    assert reading.exact_to_s == pytest.approx(0.4)


def test_a_date_without_fractions_tells_no_clock() -> None:
    assert clock.against("205.%N", "205.%N", asked_at=100.0, took_s=1.0) is None


def test_a_command_tells_what_it_says_its_status_and_why_it_failed(
    shell: tuple[str, ...], folder: Path
) -> None:
    tool = folder / "tool"
    tool.write_text("#!/bin/sh\necho told\necho sorry >&2\nexit $1\n")
    tool.chmod(0o755)
    readings = ask_for(
        shell, f"run 4 {tool} 0", f"run 4 {tool} 3", "run 4 no-such-tool * ls", "file /proc/version"
    )
    assert readings.reading(f"{tool} 0") == Reading("told", said="sorry")
    assert readings.reading(f"{tool} 3") == Reading("told", Gap.BROKEN, "sorry")
    assert readings.trouble(f"{tool} 3") == (f"{tool}: sorry", "")
    assert not readings.there("no-such-tool * ls")
    assert readings.text("/proc/version"), "what comes after it is asked too"


def test_a_command_that_is_root_s_alone_is_denied(shell: tuple[str, ...], folder: Path) -> None:
    """LVM2's words (tools/toollib.c), and iscsiadm's."""
    for name, words in {
        "pvs": "  WARNING: Running as a non-root user. Functionality may be unavailable.\\n"
        "  /run/lock/lvm/P_global:aux: open failed: Permission denied",
        "iscsiadm": "iscsiadm: Could not open /run/lock/iscsi: Permission denied",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\nprintf '{words}\\n' >&2\nexit 5\n")
        (folder / name).chmod(0o755)
        readings = ask_for(shell, f"run 4 {folder}/{name}")
        assert readings.reading(f"{folder}/{name}").gap is Gap.DENIED


def test_a_command_that_hangs_or_never_ends_stops_nobody(shell: tuple[str, ...], folder: Path) -> None:
    """A child of it that outlives it holds its output open, as a process that waits for a dead disk does."""
    (folder / "hangs").write_text("#!/bin/sh\necho begun\ntrap '' TERM\nsleep 7 &\nwait\nsleep 7\n")
    (folder / "endless").write_text("#!/bin/sh\nexec cat /dev/zero\n")
    for name in ("hangs", "endless"):
        (folder / name).chmod(0o755)
    began_s = time.monotonic()
    readings = ask_for(shell, f"run 1 {folder}/hangs", f"run 1 {folder}/endless", "file /proc/version")
    assert time.monotonic() - began_s < 6.5
    assert readings.reading(f"{folder}/hangs").gap is Gap.BROKEN
    assert readings.reading(f"{folder}/endless").gap is Gap.BROKEN
    assert readings.text("/proc/version")


def test_what_there_is_no_time_left_for_says_so(shell: tuple[str, ...], folder: Path) -> None:
    text = script.command()[4].replace("+ 12))", "+ 0))")
    done = subprocess.run(
        [*shell, "-c", text, "sh", "x"],
        input=f"{NONCE}\nrun 4 echo told\n".encode(),
        capture_output=True,
        check=True,
    )
    readings = asking.parse(Answer(0, done.stdout.decode(), ""), NONCE, asked_at=0.0, took_s=1.0)
    assert readings.reading("echo told").gap is Gap.BROKEN
    assert "took too long" in readings.trouble("echo told")[0]


def test_kernel_messages_are_picked_by_their_words_however_many_files_are_read(
    shell: tuple[str, ...], folder: Path
) -> None:
    (folder / "dmesg").write_text("#!/bin/sh\necho kvm: disabled by bios\necho eth0: link up\n")
    (folder / "dmesg").chmod(0o755)
    text = script.command()[4].replace("    dmesg |", f"    {folder}/dmesg |")
    argv = (*shell, "-c", text, *script.command()[5:])
    done = subprocess.run(
        argv, input=f"{NONCE}\nfile /proc/version\n".encode(), capture_output=True, check=True
    )
    readings = asking.parse(Answer(0, done.stdout.decode(), ""), NONCE, asked_at=0.0, took_s=1.0)
    assert readings.text("dmesg") == "kvm: disabled by bios"


def test_a_path_with_colons_keeps_its_lines(shell: tuple[str, ...], folder: Path) -> None:
    """A lock table names a folder of GFS2 in sysfs (fs/gfs2/sys.c)."""
    (folder / "alpha:images").mkdir()
    (folder / "alpha:images" / "id").write_text("253:3\n")
    path = f"{folder}/alpha:images/id"
    assert ask_for(shell, f"file {folder}/*/id").text(path) == "253:3"
