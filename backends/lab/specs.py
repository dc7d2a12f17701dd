"""The lab's hosts as the program is told of them: SSH targets with the lab's own client configuration."""

from __future__ import annotations

from backends.lab.layout import HOSTS, Layout
from backends.model.host import HostName, HostSpec, Reach


def lab_specs(layout: Layout | None = None, *, user: str = "root") -> tuple[HostSpec, ...]:
    """One spec for each host. Whether the lab is up is for the links to say."""
    lab = layout or Layout.from_environment()
    return tuple(
        HostSpec(HostName(host), Reach.SSH, f"{user}@{host}", ssh_config=str(lab.ssh_config))
        for host in HOSTS
    )
