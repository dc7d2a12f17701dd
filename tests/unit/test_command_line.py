"""What a user types, and what comes of it: exit statuses, messages and lines (no screen)."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from tui import cli


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, str, str]:
    """The command, as the shell would start it: exit status, standard output, standard error."""
    monkeypatch.setattr(sys, "argv", ["virt-ferry", *words])
    interrupt = signal.getsignal(signal.SIGINT)  # the command lets nothing change its status; the tests go on
    with pytest.raises(SystemExit) as ended:
        cli.main()
    signal.signal(signal.SIGINT, interrupt)
    said = capsys.readouterr()
    code = ended.value.code
    return code if isinstance(code, int) else 0, said.out, said.err


@pytest.fixture
def type_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typing:
    """A shell without a configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Typing(capsys, monkeypatch)


class Typing:
    """Types commands."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        return run(self._capsys, self._monkeypatch, *words)

    def lines(self, *words: str) -> tuple[int, list[dict[str, object]]]:
        """Exit status and the JSON objects of standard output."""
        status, out, _ = self(*words)
        return status, [json.loads(line) for line in out.splitlines()]


def test_without_hosts_a_user_is_told_how_to_give_some(type_in: Typing) -> None:
    status, out, err = type_in("guests")
    assert status == 2
    assert out == ""
    assert "no hosts are known" in err
    assert "virt-ferry root@h1 root@h2" in err
    assert "--lab" in err


def test_without_a_terminal_the_program_names_all_commands_that_need_none(type_in: Typing) -> None:
    status, _, err = type_in("--embedded")
    assert status == 2
    assert "needs a terminal" in err
    named = next(word for word in err.split() if "|" in word).rstrip(",").split("|")
    assert set(named) == {name for name in cli.app if not name.startswith("-")} - {"lab"}


@pytest.mark.parametrize(
    "words",
    [
        ("migrate", "web-100"),
        ("migrate", "web-100", "--to", "test-2", "--bandwidth", "0"),
        ("migrate", "web-100", "--to", "test-2", "--mode", "dead"),
        ("guests", "--nonsense"),
        ("guests", "--host", "not a host"),
        ("guests", "--config", "/nowhere/config.toml"),
        ("guests", "-H", "local", "-H", "local"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(type_in: Typing, words: tuple[str, ...]) -> None:
    status, out, _ = type_in(*words)
    assert status == 2
    assert "{" not in out


def test_a_configuration_error_names_file_line_and_key(type_in: Typing, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('theme = "ferry-dark"\nread_only = "yes"\n')
    status, _, err = type_in("guests", "--config", str(config))
    assert status == 2
    assert f"{config}:2: read_only" in err


def test_guests_come_as_an_aligned_table(type_in: Typing) -> None:
    status, out, _ = type_in("guests", "--embedded")
    assert status == 0
    title, *rows = out.splitlines()
    assert title.split()[:3] == ["GUEST", "HOST", "STATE"]
    assert len(rows) == 24
    assert {row.index("test-") for row in rows} == {title.index("HOST")}
    assert "\x1b" not in out


def test_guests_come_as_one_object_a_line(type_in: Typing) -> None:
    status, lines = type_in.lines("guests", "--embedded", "--json")
    assert status == 0
    assert len(lines) == 24
    assert {line["event"] for line in lines} == {"guest"}
    web = next(line for line in lines if line["name"] == "web-100")
    assert (web["host"], web["state"], web["current"], web["driver"]) == ("test-1", "running", True, "test")


def test_hosts_come_as_one_object_a_line(type_in: Typing) -> None:
    status, lines = type_in.lines("hosts", "--embedded", "--json")
    assert status == 0
    assert [(line["name"], line["link"], line["guests"]) for line in lines] == [
        ("test-1", "up", 8),
        ("test-2", "up", 8),
        ("test-3", "up", 8),
    ]


def test_a_host_that_says_no_is_told_on_standard_error(type_in: Typing) -> None:
    status, out, err = type_in("hosts", "--host", "test:///nowhere/node.xml")
    assert status == 1
    assert "down" in out
    assert "is down" in err


def test_no_jobs_is_no_error(type_in: Typing) -> None:
    assert type_in("jobs", "--embedded")[:2] == (0, "no jobs\n")
    assert type_in("jobs", "--embedded", "--json")[:2] == (0, "")


def test_a_guest_that_is_not_there_is_a_usage_error(type_in: Typing) -> None:
    status, _, err = type_in("check", "nobody", "--to", "test-2", "--embedded")
    assert status == 2
    assert "no guest 'nobody'" in err


def test_a_destination_that_is_not_there_is_a_usage_error(type_in: Typing) -> None:
    status, _, err = type_in("check", "web-100", "--to", "h9", "--embedded")
    assert status == 2
    assert "known hosts: test-1, test-2, test-3" in err


def test_the_checks_end_with_what_they_come_to(type_in: Typing) -> None:
    words = ("check", "test-1/web-100", "--to", "test-2", "--mode", "live", "--embedded", "--json")
    status, lines = type_in.lines(*words)
    assert status == 3, "libvirt's test driver has no migration"
    *checks, end = lines
    assert {line["event"] for line in checks} == {"check"}
    assert (end["event"], end["guest"], end["refused"]) == ("preflight", "web-100", True)


def test_a_move_that_a_check_refuses_starts_nothing(type_in: Typing) -> None:
    words = ("migrate", "web-100", "--to", "test-2", "--mode", "live", "--embedded", "--json")
    status, lines = type_in.lines(*words)
    assert status == 3
    assert all("event" in line for line in lines)
    assert lines[0]["event"] == "plan"
    outcome = lines[-1]
    assert (outcome["event"], outcome["verdict"], outcome["where"], outcome["state"]) == (
        "outcome",
        "refused",
        "test-1",
        "running",
    )


def test_a_guest_of_a_driver_that_cannot_migrate_is_moved_saved_unless_told_otherwise(
    type_in: Typing,
) -> None:
    status, lines = type_in.lines("migrate", "web-100", "--to", "test-2", "--embedded", "--json")
    assert status == 0
    assert (lines[0]["event"], lines[0]["mode"]) == ("plan", "saved")
    assert (lines[-1]["verdict"], lines[-1]["where"]) == ("succeeded", "test-2")


@pytest.mark.parametrize(
    ("option", "why"),
    [
        (("--post-copy",), "the test driver has no post-copy"),
        (("--last-resort", "pause"), "only a live move may fail to converge"),
        (("--copy-disks",), "needs disks that are shared"),
        (("--max-downtime", "10"), "only a live move has a limit of downtime"),
    ],
)
def test_an_option_that_the_mode_does_not_have_is_a_usage_error_that_says_why(
    type_in: Typing, option: tuple[str, ...], why: str
) -> None:
    status, out, err = type_in("check", "web-100", "--to", "test-2", "--embedded", *option)
    assert status == 2
    assert out == ""
    assert why in err
    assert "web-100 would be moved saved" in err


def test_the_journal_keeps_moves_and_acts_for_the_next_program(type_in: Typing) -> None:
    assert type_in("history")[:2] == (0, "no move in the journal\n")
    assert type_in("audit")[:2] == (0, "nothing has been done\n")
    type_in("migrate", "web-100", "--to", "test-2", "--embedded")
    _, (move,) = type_in.lines("history", "--json")
    assert (
        move["event"],
        move["guest"],
        move["source"],
        move["destination"],
        move["mode"],
        move["verdict"],
    ) == (
        "move",
        "web-100",
        "test-1",
        "test-2",
        "saved",
        "succeeded",
    )
    assert type_in("history", "no-such-guest")[:2] == (0, "no such move in the journal\n")
    title, row = type_in("history")[1].splitlines()
    assert title.split()[:3] == ["ID", "WHEN", "GUEST"]
    assert row.startswith(str(move["id"]))
    _, acts = type_in.lines("audit", "web-100", "--json")
    assert {act["event"] for act in acts} == {"act"}
    assert any("move web-100 from test-1 to test-2" in str(act["what"]) for act in acts)


def test_nothing_left_to_do_is_no_error(type_in: Typing) -> None:
    assert type_in("unfinished", "--embedded")[:2] == (0, "nothing is left to do\n")
    assert type_in("unfinished", "--embedded", "--json")[:2] == (0, "")
    status, _, err = type_in("unfinished", "--embedded", "--mend", "nothing/of/that")
    assert status == 2
    assert "nothing with the id 'nothing/of/that' is left to do" in err


@pytest.mark.parametrize("command", ["attach", "abort"])
def test_a_job_that_is_not_there_is_a_usage_error(type_in: Typing, command: str) -> None:
    status, _, err = type_in(command, "test-1/web-100", "--embedded")
    assert status == 2
    assert "no job 'test-1/web-100'" in err
    assert "virt-ferry jobs lists them" in err


def test_the_version_is_one_line(type_in: Typing) -> None:
    status, out, _ = type_in("--version")
    assert status == 0
    assert len(out.splitlines()) == 1


def test_a_host_of_the_configuration_can_be_named_as_it_is_called_there(
    type_in: Typing, tmp_path: Path
) -> None:
    config = tmp_path / "hosts.toml"
    config.write_text(
        '[hosts.rack-1]\ntarget = "test:///default"\n\n[hosts.rack-2]\ntarget = "test:///default"\n'
    )
    status, hosts = type_in.lines("hosts", "rack-2", "--config", str(config), "--json")
    assert status == 0
    assert [host["name"] for host in hosts] == ["rack-2"]
