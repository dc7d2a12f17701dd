"""The one command of a look for crashes, really run here, with the programs of each kind of host."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from backends.model.crash import CrashGap
from backends.probes.crashes.wanted import SINCE, LogsWanted
from backends.probes.survey.asking import Command, Questions
from backends.remote.shell import MAX_OUTPUT_BYTES
from tests.unit.crashes.looking import HOSTS, NOBODY, HostLike, log_of, look

CRASHED = "2026-11-24 15:25:01.348+0000: shutting down, reason=crashed"
"""As libvirt 9.0 writes it."""
KEEP = "reason=crashed"


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> HostLike:
    if not shutil.which(request.param):
        pytest.skip(f"no {request.param} here")
    return HostLike(request.param, tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that other users may enter."""
    shut = (each for each in tmp_path.parents if "/pytest-of-" in str(each))  # pytest's own, for others
    logs = tmp_path / "logs"
    logs.mkdir()
    for each in (tmp_path, logs, *shut):
        each.chmod(each.stat().st_mode | 0o055)
    return logs


def like(folder: Path, pattern: str = "*.log", **more: object) -> LogsWanted:
    return LogsWanted((f"{folder}/{pattern}",), **{"keep": KEEP, **more})  # type: ignore[arg-type]


def is_gnu(host: HostLike) -> bool:
    return "env" not in host._before


def test_lines_that_are_wanted_come_with_those_around_them_and_where_they_stand(
    host: HostLike, folder: Path
) -> None:
    before = "first\nsecond\nthird é\n"
    (folder / "web.log").write_text(f"{before}fourth\n{CRASHED}\nsixth\nseventh\n")
    log = log_of(look(host, like(folder, before=1, after=1)), folder / "web.log")
    assert log.text == f"fourth\n{CRASHED}\nsixth"
    if is_gnu(host):
        first = len(before.encode())
        assert log.offsets == (first, first + 7, first + 7 + len(CRASHED) + 1)
    assert log.size_bytes == (folder / "web.log").stat().st_size
    assert log.mtime_s == int((folder / "web.log").stat().st_mtime)


def test_of_what_is_kept_lines_are_dropped(host: HostLike, folder: Path) -> None:
    (folder / "web.log").write_text(f"-device x \\\n-incoming defer \\\nsaid\n{CRASHED}\n")
    log = log_of(look(host, like(folder, before=9, drop=r"-device")), folder / "web.log")
    assert log.text == f"-incoming defer \\\nsaid\n{CRASHED}"


def test_old_logs_are_left_out_and_states_never(host: HostLike, folder: Path) -> None:
    for name in ("old.log", "old.xml", "new.log"):
        (folder / name).write_text(f"{CRASHED}\n")
    for name in ("old.log", "old.xml"):
        os.utime(folder / name, (1.7e9, 1.7e9))
    found = look(host, like(folder), like(folder, "*.xml", always=True))
    assert [Path(log.path).name for log in found.logs] == ["new.log", "old.xml"]


def test_the_newest_come_first(host: HostLike, folder: Path) -> None:
    now = time.time()
    for age in (30, 10, 20):
        (folder / f"{age}.log").write_text(f"{CRASHED}\n")
        os.utime(folder / f"{age}.log", (now - age, now - age))
    found = look(host, like(folder))
    assert [Path(log.path).name for log in found.logs] == ["10.log", "20.log", "30.log"]


def test_of_a_log_of_2_gib_only_the_end_is_read(host: HostLike, folder: Path) -> None:
    end = f"early {CRASHED}\n" + "x" * 3000 + f"\n{CRASHED}\n"
    with (folder / "huge.log").open("wb") as file:
        file.write(f"{CRASHED}\n".encode())
        file.truncate(2 * 2**30)
        file.seek(2 * 2**30)
        file.write(b"\n" + end.encode())
    log = log_of(look(host, like(folder, end_bytes=65536)), folder / "huge.log")
    assert log.text == f"early {CRASHED}\n{CRASHED}"
    if is_gnu(host):
        assert log.offsets == (2 * 2**30 + 1, 2 * 2**30 + 1 + end.rindex("2026"))


def test_the_line_in_which_the_end_begins_is_not_told_in_part(host: HostLike, folder: Path) -> None:
    (folder / "long.log").write_text(f"{CRASHED} {'x' * 9000} reason=crashed\n{CRASHED}\n")
    log = log_of(look(host, like(folder, end_bytes=4096)), folder / "long.log")
    if is_gnu(host):
        assert log.text == CRASHED


def test_packed_logs_are_unpacked_on_the_host(host: HostLike, folder: Path) -> None:
    text = f"first\n{CRASHED}\n".encode()
    (folder / "a.log.gz").write_bytes(gzip.compress(text))
    (folder / "b.log.xz").write_bytes(lzma.compress(text))
    (folder / "c.log.bz2").write_bytes(bz2.compress(text))
    if shutil.which("zstd"):
        (folder / "d.log.zst").write_bytes(
            subprocess.run(("zstd", "-c"), input=text, capture_output=True, check=True).stdout
        )
    found = look(host, like(folder, "*.log.*"))
    for log in found.logs:
        if log.path.endswith("zst") and not is_gnu(host):
            assert "cannot unpack" in log.trouble
            assert log.mend == "install zstd"
        else:
            assert (log.text, log.offsets) == (CRASHED, ())
    assert len(found.logs) == len(list(folder.iterdir()))


def test_a_packed_log_that_breaks_off_tells_what_is_there(host: HostLike, folder: Path) -> None:
    whole = gzip.compress(f"{CRASHED}\n".encode() + os.urandom(200_000))
    (folder / "a.log.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "b.log.gz").write_bytes(b"this is no gzip")
    found = look(host, like(folder, "*.log.gz"))
    assert log_of(found, folder / "a.log.gz").text.startswith(CRASHED)
    assert log_of(found, folder / "b.log.gz").text == ""


def test_bytes_that_are_no_text_do_no_harm(host: HostLike, folder: Path) -> None:
    (folder / "torn.log").write_bytes(
        b"\0" * 5000 + b"\n\xff\xfe\0\x1b]0;evil\x07 " + CRASHED.encode() + b"\n\0\0"
    )
    log = log_of(look(host, like(folder)), folder / "torn.log")
    assert CRASHED in log.text
    if is_gnu(host):
        assert log.offsets[0] == 5001


def test_names_and_texts_of_files_inject_and_forge_nothing(host: HostLike, folder: Path) -> None:
    names = (
        "a b.log",
        " two  blanks .log",
        "$(touch pwned).log",
        "`touch pwned`.log",
        "'quoted\"; touch pwned; '.log",
        "-rf.log",
        "*.log",
        "back\\slash\\n.log",
        "esc\x1b[2J\r.log",
    )
    forged = f"\n\nffff text id -u\n0\n{folder}/other.log\0{7}:{CRASHED} forged\n0 1 hidden 0 0 /etc\n"
    for name in names:
        (folder / name).write_text(f"{forged}{CRASHED}\n")
    found = look(host, like(folder), files=(f"{folder}/*",))
    assert {Path(log.path).name for log in found.logs} == set(names)
    assert all(log.text.endswith(CRASHED) for log in found.logs)
    assert {Path(file.path).name for file in found.files} == set(names)
    assert not list(Path().glob("pwned"))
    assert found.gaps == ()


def test_a_name_with_a_line_end_is_left_out_and_said(host: HostLike, folder: Path) -> None:
    (folder / "two\n9999999999 1 5 1 1 lines.log").write_text(f"{CRASHED}\n")
    found = look(host, like(folder))
    assert found.logs == ()
    assert found.gaps == (CrashGap("1 files", "their names hold a line end", "rename them"),)


def test_consoles_are_read_wherever_they_are(host: HostLike, folder: Path) -> None:
    odd = os.fsdecode(b"con \xff sole")
    (folder / odd).write_text(f"{CRASHED}\n")
    (folder / "of two").write_text(f"{CRASHED}\n")
    paths = [f"{folder}/{name}" for name in (odd, "of two", "none", "with\nline")]
    wanted = LogsWanted((f"{folder}/of*",), keep=KEEP, consoles=True)  # named twice, and told once
    found = look(host, wanted, like(folder), consoles=paths)
    assert [log.is_console for log in found.logs] == [True, True]
    assert {log.path for log in found.logs} == {paths[0], paths[1]}
    assert all(log.text == CRASHED for log in found.logs)


def test_what_this_account_may_not_read_is_told_with_the_permission(host: HostLike, folder: Path) -> None:
    (folder / "shut").mkdir()
    (folder / "shut" / "web.log").write_text(f"{CRASHED}\n")
    (folder / "mine.log").write_text(f"{CRASHED}\n")
    (folder / "mine.log").chmod(0)
    (folder / "open.log").write_text(f"{CRASHED}\n")
    (folder / "shut").chmod(0)
    host._before = (*NOBODY, *host._before)
    found = look(host, like(folder / "shut"), like(folder), files=(f"{folder}/shut/dump/*",))
    told = {gap.what: (gap.why, gap.mend) for gap in found.gaps}
    for what in (f"what is in {folder}/shut", f"{folder}/mine.log"):
        why, mend = told.pop(what)
        assert why == "permission denied"
        assert "log in as root" in mend
        assert "setfacl" in mend
        assert str(folder) in mend
    assert told == {}
    assert log_of(found, folder / "open.log").text == CRASHED
    assert log_of(found, folder / "mine.log").trouble == "permission denied"


def test_a_thousand_logs_that_may_not_be_read_are_told_once(folder: Path, tmp_path: Path) -> None:
    for number in range(1000):
        (folder / f"{number}.log").write_text(f"{CRASHED}\n")
        (folder / f"{number}.log").chmod(0)
    found = look(HostLike("dash", tmp_path, NOBODY), like(folder))
    (gap,) = found.gaps
    assert (gap.what, gap.why) == (f"1000 files in {folder}", "permission denied")
    assert f"setfacl -R -m u:ACCOUNT:rX {folder}" in gap.mend


def test_files_that_count_by_being_there_come_with_their_first_bytes(host: HostLike, folder: Path) -> None:
    (folder / "vmcore").write_bytes(b"\x7fELF" + bytes(range(200)))
    with (folder / "sparse").open("wb") as file:
        file.truncate(2**30)
    os.utime(folder / "sparse", (1.5e9, 1.5e9))
    found = {Path(file.path).name: file for file in look(host, files=(f"{folder}/*",)).files}
    assert found["vmcore"].begins == (b"\x7fELF" + bytes(range(200)))[:64]
    assert found["vmcore"].size_bytes == 204
    assert found["vmcore"].readable
    assert found["sparse"].size_bytes == 2**30
    assert found["sparse"].allocated_bytes == 0
    assert found["sparse"].mtime_s == 1.5e9


def test_what_is_no_file_is_not_opened(host: HostLike, folder: Path) -> None:
    os.mkfifo(folder / "pipe.log")
    (folder / "folder.log").mkdir()
    (folder / "broken.log").symlink_to("nowhere")
    found = look(host, like(folder), files=(f"{folder}/*",))
    assert (found.logs, found.files, found.gaps) == ((), (), ())


def test_a_host_of_a_thousand_guests_is_looked_at_in_time(folder: Path, tmp_path: Path) -> None:
    text = "\n".join([*("-device x \\" for _ in range(80)), "shutting down, reason=shutdown", ""]) * 3
    for number in range(1000):
        (folder / f"{number}.log").write_text(text)
    (folder / "500.log").write_text(f"{text}{CRASHED}\n")
    host = HostLike("dash", tmp_path)
    found = look(host, like(folder))
    assert [Path(log.path).name for log in found.logs] == ["500.log"]
    assert found.gaps == (), "what there is no time for would be told"
    assert host.answer_bytes < 200_000


def test_more_than_one_look_takes_is_cut_and_said(folder: Path, tmp_path: Path) -> None:
    now = time.time()
    for number in range(12):
        (folder / f"{number}.log").write_text(f"{CRASHED} {'x' * 100}\n" * 1000)
        (folder / f"{number}.long").write_text(f"{CRASHED} {'x' * 100}\n" * 2000)
        for end in ("log", "long"):
            os.utime(folder / f"{number}.{end}", (now - number, now - number))
    host = HostLike("dash", tmp_path)
    short = like(folder)
    found = look(host, short, like(folder, "*.long", end_bytes=150_000), questions=Questions(names=("/",)))
    assert host.answer_bytes < MAX_OUTPUT_BYTES
    assert CrashGap(
        f"older logs like {short.patterns[0]}", "not looked at: more was told than one look takes"
    ) in (found.gaps)
    newest = log_of(found, folder / "0.log")
    assert newest.text.count(CRASHED) == 1000
    long = log_of(found, folder / "0.long")
    assert long.trouble == "truncated"
    assert all(line.startswith(CRASHED) for line in long.text.split("\n"))
    assert found.readings.there("ended"), "what was asked beside is not lost"


def test_who_may_not_read_the_journal_is_told_which_groups_may(folder: Path, tmp_path: Path) -> None:
    """journalctl's own words (src/shared/journal-util.c)."""
    words = (
        "Hint: You are currently not seeing messages from other users and the system.",
        "No journal files were opened due to insufficient permissions.",
    )
    for number, said in enumerate(words):
        tool = tmp_path / f"{number}" / "journalctl"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {number}\n")
        tool.chmod(0o755)
        asked = Questions(commands=(Command(("journalctl", "-k")), Command(("journalctl", "--list-boots"))))
        before = ("env", f"PATH={tool.parent}:{os.environ['PATH']}")
        (gap,) = look(HostLike("dash", tmp_path, before), like(folder), questions=asked).gaps
        assert (gap.what, gap.why) == ("journal", "permission denied")
        assert "systemd-journal or adm" in gap.mend


def test_commands_are_told_from_when_on_and_keep_their_names(folder: Path, tmp_path: Path) -> None:
    command = Command(("echo", f"--since={SINCE}"))
    found = look(
        HostLike("dash", tmp_path), like(folder), questions=Questions(commands=(command,)), since_s=1.7e9
    )
    assert found.readings.text(command.name) == "--since=@1700000000"
