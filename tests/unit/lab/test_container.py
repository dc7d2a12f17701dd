"""The XML of the lab's containers."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from backends.lab.container import ContainerSpec, container_xml
from backends.lab.errors import LabError
from backends.lab.guest_xml import GuestSpec, domain_xml
from backends.lab.layout import Layout

LAYOUT = Layout(root=Path("/lab"), subnet="10.78.0", prepared=Path("/prepared"))


def test_a_container_is_a_folder_of_the_host_and_sits_in_a_network_of_its_own() -> None:
    box = etree.fromstring(container_xml(ContainerSpec(name="box"), LAYOUT))
    assert box.get("type") == "lxc"
    assert [source.get("dir") for source in box.iterfind("devices/filesystem/source")] == [
        "/var/lib/libvirt/containers/box"
    ]
    assert box.find("features/privnet") is not None


def test_a_container_is_another_guest_than_a_machine_of_its_name() -> None:
    box = etree.fromstring(container_xml(ContainerSpec(name="web"), LAYOUT))
    machine = etree.fromstring(domain_xml(GuestSpec(name="web"), LAYOUT, 1))
    assert box.findtext("uuid") != machine.findtext("uuid")


@pytest.mark.parametrize("name", ["", "../etc", "a b", "x'/><y", "-c"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="no name"):
        ContainerSpec(name=name)
