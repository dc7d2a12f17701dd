"""SSH keys of the lab, and what a client needs to trust and be trusted by its hosts."""

from __future__ import annotations

import shlex
from pathlib import Path

from backends.lab.layout import CLIENT, HOSTS, STORAGE, Layout
from backends.lab.process import run

CLIENT_OPTIONS = """\
Host *
  User root
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
"""


def host_key(layout: Layout, host: str) -> Path:
    return layout.keys / f"{host}.host"


def user_key(layout: Layout, host: str) -> Path:
    """The key of root on `host`, for host-to-host connections."""
    return layout.keys / f"{host}.root"


def create(layout: Layout) -> None:
    """Make what is missing: keys stay the same for the life of the lab's folder."""
    layout.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    _generate(layout.client_key, "lab-client")
    for host in HOSTS:
        _generate(host_key(layout, host), host)
        _generate(user_key(layout, host), f"root@{host}")
    layout.known_hosts.write_text(known_hosts(layout))
    layout.ssh_config.write_text(
        "".join(f"Host {host}\n  HostName {layout.address(host)}\n" for host in HOSTS)
        + CLIENT_OPTIONS.format(key=layout.client_key, known_hosts=layout.known_hosts)
    )
    layout.ssh_command.write_text(f'#!/bin/sh\nexec ssh -F {shlex.quote(str(layout.ssh_config))} "$@"\n')
    layout.ssh_command.chmod(0o755)


def known_hosts(layout: Layout) -> str:
    """Every host's key under its name and its address."""
    return "".join(f"{host},{layout.address(host)} {_public(host_key(layout, host))}\n" for host in HOSTS)


def authorized_keys(layout: Layout) -> str:
    """The client and every host's root may log in everywhere."""
    keys = (layout.client_key, *(user_key(layout, host) for host in HOSTS))
    return "".join(_public(key) + "\n" for key in keys)


def hosts_file(layout: Layout) -> str:
    """/etc/hosts of every node."""
    names = {layout.address(host): f"{host} {host}.lab" for host in HOSTS}
    names |= {layout.address(STORAGE): STORAGE, layout.gateway: CLIENT}
    return "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for address, name in names.items())


def _generate(path: Path, comment: str) -> None:
    if not path.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def _public(path: Path) -> str:
    """Type and key, without the comment."""
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])
