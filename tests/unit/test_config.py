"""Hosts are understood as users type them, and a wrong configuration says where it is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backends.config import Config, load_config, parse_host, require_unique
from backends.errors import ConfigError
from backends.model.host import Reach


@pytest.mark.parametrize(
    ("typed", "name", "reach", "target", "drivers"),
    [
        ("h1", "h1", Reach.SSH, "h1", ()),
        ("root@h1.example", "h1.example", Reach.SSH, "root@h1.example", ()),
        ("root@h1:2222", "h1", Reach.SSH, "root@h1:2222", ()),
        ("root@[fe80::1]:22", "fe80::1", Reach.SSH, "root@[fe80::1]:22", ()),
        ("qemu+ssh://root@h2/system", "h2", Reach.SSH, "root@h2", ("qemu",)),
        ("xen+ssh://h3/", "h3", Reach.SSH, "h3", ("xen",)),
        ("QEMU+SSH://root@h3:2222/system?no_tty=1", "h3", Reach.SSH, "root@h3:2222", ("qemu",)),
        ("xen+libssh2://h3", "h3", Reach.SSH, "h3", ("xen",)),
        ("qemu+ssh://root@[::1]:2222/system", "::1", Reach.SSH, "root@[::1]:2222", ("qemu",)),
        ("::1", "::1", Reach.SSH, "[::1]", ()),
        ("fe80::1%eth0", "fe80::1%eth0", Reach.SSH, "[fe80::1%eth0]", ()),
        ("root@2001:db8::22", "2001:db8::22", Reach.SSH, "root@[2001:db8::22]", ()),
        ("qemu+tcp://h4/system", "h4", Reach.URI, "qemu+tcp://h4/system", ()),
        ("test:///default", "test-default", Reach.URI, "test:///default", ()),
        ("local", "local", Reach.LOCAL, "", ()),
    ],
)
def test_a_host_is_understood_as_it_is_typed(
    typed: str, name: str, reach: Reach, target: str, drivers: tuple[str, ...]
) -> None:
    spec = parse_host(typed)
    assert (spec.name, spec.reach, spec.target, spec.drivers) == (name, reach, target, drivers)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "two words",
        "-oProxyCommand=evil",
        "root@-oProxyCommand=evil",
        "qemu+ssh://-oProxyCommand=evil/system",
        "a@b@c",
        "host:port",
        "host:0",
        "host:65536",
        "h1;reboot",
        "1:2:3",
        "[1:2:3]",
        "h\0",
        "h\x1b[2J",
        "qemu+tcp://h\0/system",
        "qemu+tcp://h\ud800/system",
        "test:///a\nb",
        "qemu+tcp://h\u202e/system",
    ],
)
def test_what_is_no_host_is_refused_with_a_hint(typed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_host(typed)
    assert "user@host" in caught.value.hint


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("qemu+ssh://h/session", "/session"),
        ("qemu+ssh://h/system/", "/system/"),
        ("qemu+libssh://h/embed?root=/tmp", "/embed"),
        ("qemu+ssh://h/system?keyfile=/k", "keyfile"),
        ("qemu+ssh://h/system?no_tty=1&command=evil", "command"),
        ("qemu+ssh://h/system?socket=/s;no_tty=1", "socket"),
        ("qemu+ssh://h/system?no_verify=1", "no_verify"),
    ],
)
def test_what_ssh_alone_would_not_do_is_refused_by_name_and_never_left_to_libvirts_own_ssh(
    typed: str, named: str
) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        parse_host(typed)
    assert "qemu+tls" in caught.value.hint


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("h1", "ssh h1"),
        ("ops@h1:2222", "ssh -p 2222 ops@h1"),
        ("ops@[fe80::1%eth0]:2222", "ssh -p 2222 ops@fe80::1%eth0"),
        ("::1", "ssh ::1"),
        ("local", ""),
        ("qemu+tcp://h1/system", ""),
    ],
)
def test_a_login_by_hand_is_told_as_ssh_takes_it(typed: str, command: str) -> None:
    assert parse_host(typed).ssh_command == command


def test_a_login_by_hand_uses_the_same_ssh_configuration() -> None:
    assert parse_host("h1", ssh_config="/my conf").ssh_command == "ssh -F '/my conf' h1"


def test_two_hosts_of_one_name_are_both_told() -> None:
    specs = [parse_host("root@h1"), parse_host("h2"), parse_host("qemu+tcp://h1/system")]
    require_unique(specs[:2])
    with pytest.raises(ConfigError, match=re.escape("h1: root@h1 and qemu+tcp://h1/system")):
        require_unique(specs)


def test_no_file_means_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_config() == Config()


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.toml")


def test_hosts_keep_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[hosts.b]\n[hosts.a]\ntarget = "root@a.example"\npeer_uri = "qemu+tcp://a/system"\n')
    specs = load_config(file).specs()
    assert [(spec.name, spec.target, spec.peer_uri) for spec in specs] == [
        ("b", "b", None),
        ("a", "root@a.example", "qemu+tcp://a/system"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("read_only = 1\n", 1, "read_only"),
        ("theme = 'x'\n\n[hosts.h1]\ntarget = 7\n", 4, "hosts.h1.target"),
        ("[hosts.h1]\ntarget = 'h1'\n\n[hosts.h2]\ntarget = 7\n", 5, "hosts.h2.target"),
        ("[hosts.h1]\ncolour = 'red'\n", 2, "hosts.h1.colour"),
        ("glyphs = 'emoji'\n", 1, "glyphs"),
        ("[hosts.h1]\n\n[hosts.h2]\ntarget = 'a b'\n", 4, "hosts.h2.target"),
        ("[hosts.h1]\n[hosts.'a b']\n", 2, "hosts.a b"),
        ("[hosts.h1]\npeer_uri = 'h2'\n", 2, "hosts.h1.peer_uri"),
        ("[hosts.h1]\ndrivers = ['qemu', '../x']\n", 2, "hosts.h1.drivers"),
        (
            f"[hosts.{'n' * 70}1]\ntarget='h1'\n[hosts.{'n' * 70}2]\ntarget = 'h2'\n",
            4,
            f"hosts.{'n' * 70}2.target",
        ),
    ],
)
def test_a_wrong_value_is_named_with_file_line_and_key(
    tmp_path: Path, text: str, line: int, key: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}:{line}: {key}: ")


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("theme = \n")
    with pytest.raises(ConfigError, match="line 1"):
        load_config(file)
