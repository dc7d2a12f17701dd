"""Hosts are understood as users type them, and a wrong configuration says where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.config import Config, load_config, parse_host
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


@pytest.mark.parametrize("typed", ["", "two words", "-oProxyCommand=evil", "a@b@c", "host:port", "h1;reboot"])
def test_what_is_no_host_is_refused_with_a_hint(typed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_host(typed)
    assert "user@host" in caught.value.hint


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
