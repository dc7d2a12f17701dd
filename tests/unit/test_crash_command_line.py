"""`crashes`, `kdump`, `dump` and `crash-setting` as a shell starts them, on libvirt's test driver."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.answered import fits_80_columns
from tests.unit.typed import Typing


@pytest.fixture
def type_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typing:
    """A terminal of 80 columns."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    return Typing(capsys, monkeypatch)


def test_hosts_that_only_libvirt_reaches_say_what_they_cannot_tell(type_in: Typing) -> None:
    status, out, err = type_in("crashes", "--embedded", "--since", "1h")
    assert status == 0
    assert out.startswith("no crash is known since ")
    for host in ("test-1", "test-2", "test-3"):
        assert f"virt-ferry: {host}: " in err


def test_scripts_get_a_line_for_each_host_and_a_last_one(type_in: Typing) -> None:
    status, out, _ = type_in("crashes", "--embedded", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [line["event"] for line in lines] == ["crash_host"] * 3 + ["crashes"]
    assert lines[-1]["hosts"] == ["test-1", "test-2", "test-3"]


def test_a_host_can_be_named_like_everywhere(type_in: Typing) -> None:
    status, out, _ = type_in("crashes", "test:///default", "--json")
    assert status == 0
    assert json.loads(out.splitlines()[-1])["hosts"] == ["test-default"]


def test_a_host_that_does_not_answer_is_a_failure_and_named_to_scripts(type_in: Typing) -> None:
    status, out, err = type_in("crashes", "test:///nowhere/node.xml", "--json")
    (last,) = map(json.loads, out.splitlines())
    assert status == 1
    assert "is down" in err
    assert [each["host"] for each in last["left_out"]] == ["test-node"]


@pytest.mark.parametrize("command", [("crashes",), ("crashes", "follow")])
def test_a_time_that_cannot_be_read_is_a_usage_error_with_examples(
    type_in: Typing, command: tuple[str, ...]
) -> None:
    status, out, err = type_in(*command, "--since", "yesterday", "--embedded")
    assert (status, out) == (2, "")
    assert "12h" in err


def test_of_kdump_nothing_is_known_by_libvirt_alone(type_in: Typing) -> None:
    status, out, _ = type_in("kdump", "--embedded")
    assert status == 5
    assert out.count("not looked at") == 3


def test_what_the_driver_cannot_do_is_refused_before_the_guest_stands_still(type_in: Typing) -> None:
    status, out, _ = type_in("dump", "web-100", "--embedded", "--yes")
    assert status == 3
    assert "not started" in out
    assert fits_80_columns(out)


def test_an_unknown_guest_is_a_usage_error(type_in: Typing) -> None:
    for command in ("dump", "crash-setting"):
        status, _, err = type_in(command, "nobody", "--embedded")
        assert status == 2
        assert "no guest 'nobody'" in err


@pytest.mark.parametrize(
    "words", [("--live", "--crash"), ("--full", "--format", "kdump-zlib"), ("--format", "zip")]
)
def test_options_that_cannot_be_had_are_a_usage_error(type_in: Typing, words: tuple[str, ...]) -> None:
    assert type_in("dump", "web-100", "--embedded", *words)[0] == 2


def test_what_happens_to_a_guest_that_crashes_is_told_as_text_and_to_scripts(type_in: Typing) -> None:
    status, out, _ = type_in("crash-setting", "web-100", "--embedded")
    assert status == 0
    assert "on_crash" in out
    assert fits_80_columns(out)
    status, out, _ = type_in("crash-setting", "web-100", "--embedded", "--json")
    (line,) = map(json.loads, out.splitlines())
    assert (status, line["event"], line["guest"]) == (0, "crash_setting", "web-100")


@pytest.mark.parametrize("words", [("crashes", "--help"), ("dump", "--help"), ("kdump", "--help")])
def test_help_tells_the_exit_statuses(type_in: Typing, words: tuple[str, ...]) -> None:
    status, out, _ = type_in(*words)
    assert status == 0
    assert "Exit status: 0" in out
