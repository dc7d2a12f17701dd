"""Names and places of a lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.lab.errors import LabError
from backends.lab.layout import NODES, Layout

LONGEST_INTERFACE_NAME = 15
"""IFNAMSIZ of the kernel, less the zero byte."""


def layout(subnet: str = "10.77.0", root: str = "/lab") -> Layout:
    return Layout(root=Path(root), subnet=subnet, prepared=Path("/prepared"))


def test_two_labs_share_no_name_and_no_address() -> None:
    first, second = layout("10.77.0"), layout("10.7.0")
    for name in (*NODES, "br"):
        assert first.link(name) != second.link(name)
        assert not second.link(name).startswith(f"{first.tag}-")
    assert not {first.address(node) for node in NODES} & {second.address(node) for node in NODES}


def test_interface_names_fit_the_kernel() -> None:
    widest = layout("10.255.0")
    assert max(len(widest.link(name)) for name in (*NODES, "br")) <= LONGEST_INTERFACE_NAME


@pytest.mark.parametrize(
    "subnet", ["192.168.1", "10.256.0", "10.1.1", "10.077.0", "10.77.0.0", "", "10.1.0; reboot"]
)
def test_a_subnet_that_names_cannot_be_made_from_is_refused(subnet: str) -> None:
    with pytest.raises(LabError, match="not a lab subnet"):
        layout(subnet)


@pytest.mark.parametrize("root", ["/my lab", "/a:b", "/a,b", "/a\\b"])
def test_a_folder_that_mount_options_cannot_carry_is_refused(root: str) -> None:
    with pytest.raises(LabError, match="folder"):
        layout(root=root)


def test_the_environment_chooses_folder_and_subnet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRT_FERRY_LAB", "/srv/lab")
    monkeypatch.setenv("VIRT_FERRY_LAB_NET", "10.78.0")
    chosen = Layout.from_environment()
    assert (chosen.root, chosen.gateway) == (Path("/srv/lab"), "10.78.0.254")
