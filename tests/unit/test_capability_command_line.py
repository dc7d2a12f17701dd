"""`capabilities`, `compare`, `posture` and those about storage as a shell starts them, on libvirt's test driver."""

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


@pytest.mark.parametrize("command", ["capabilities", "compare", "posture", "storage"])
def test_each_command_answers_about_the_test_hosts_within_80_columns(type_in: Typing, command: str) -> None:
    status, out, err = type_in(command, "--embedded")
    assert (status, err) == (0, "")
    assert all(host in out for host in ("test-1", "test-2", "test-3"))
    assert fits_80_columns(out)


@pytest.mark.parametrize(
    ("command", "events"),
    [
        ("capabilities", {"capabilities", "fact"}),
        ("compare", {"host_fit", "guest_fit", "comparison"}),
        ("posture", {"finding", "posture"}),
        ("storage", {"storage", "sighting", "disk", "storage_map"}),
    ],
)
def test_each_command_gives_one_object_a_line(type_in: Typing, command: str, events: set[str]) -> None:
    status, out, _ = type_in(command, "--embedded", "--json")
    assert status == 0
    assert {json.loads(line)["event"] for line in out.splitlines()} == events


def test_as_many_facts_follow_a_host_as_its_line_says_and_each_has_an_id_of_its_own(type_in: Typing) -> None:
    lines = [json.loads(line) for line in type_in("capabilities", "--embedded", "--json")[1].splitlines()]
    for host in (line for line in lines if line["event"] == "capabilities"):
        ids = [line["id"] for line in lines if line["event"] == "fact" and line["host"] == host["host"]]
        assert len(ids) == host["facts"] > 0
        assert len(set(ids)) == len(ids)


def test_a_processor_that_the_driver_cannot_find_is_an_error_with_what_to_do(type_in: Typing) -> None:
    status, out, err = type_in("compare", "--baseline", "--embedded")
    assert (status, out) == (1, "")
    assert "virConnectGetDomainCapabilities" in err


@pytest.mark.parametrize("command", ["capabilities", "posture"])
def test_a_host_that_does_not_answer_is_a_failure(type_in: Typing, command: str) -> None:
    status, out, err = type_in(command, "test:///nowhere/node.xml", "--json")
    assert (status, out) == (1, "")
    assert "is down" in err


def test_one_host_alone_is_nothing_to_compare(type_in: Typing) -> None:
    status, _, err = type_in("compare", "test:///default")
    assert status == 2
    assert "virt-ferry compare HOST HOST" in err


def test_disks_are_known_at_once_and_drawn_as_far_as_libvirt_alone_tells(type_in: Typing) -> None:
    status, out, err = type_in("chain", "web-100", "--embedded")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "vda of web-100 on test-1"
    assert "/guest/images/web-100.img" in out
    assert fits_80_columns(out)


def test_a_disk_that_libvirt_does_not_grow_is_refused_with_what_to_do(type_in: Typing) -> None:
    status, out, _ = type_in("grow", "web-100", "vda", "+1G", "--embedded", "--yes")
    assert status == 3
    assert "not started" in out
    assert "shut it down first" in out


def test_a_size_without_a_unit_is_a_usage_error_before_any_host_is_asked(type_in: Typing) -> None:
    status, out, err = type_in("grow", "web-100", "vda", "20")
    assert (status, out) == (2, "")
    assert "20 of what" in err
    assert "+5G" in err


def test_what_no_host_has_cannot_be_proved(type_in: Typing) -> None:
    status, out, err = type_in("prove", "no-such-pool", "--embedded")
    assert status == 1
    assert "a small marker file" in out
    assert "no-such-pool" in err


@pytest.mark.parametrize("words", [("targets",), ("login", "local", "10.0.0.1"), ("logout", "local")])
def test_iscsi_names_what_it_needs(type_in: Typing, words: tuple[str, ...]) -> None:
    status, out, _ = type_in("iscsi", *words)
    assert status == 2
    assert "{" not in out


def test_a_secret_is_no_argument(type_in: Typing) -> None:
    status, _, err = type_in("iscsi", "login", "local", "10.0.0.1", "iqn.2026-11.example:d", "--secret", "x")
    assert status == 2
    assert "--secret" in err
