"""The XML of the lab's guests."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from backends.lab.errors import LabError
from backends.lab.guest_xml import Disk, Format, GuestSpec, domain_xml
from backends.lab.layout import Layout

LAYOUT = Layout(root=Path("/lab"), subnet="10.78.0", prepared=Path("/prepared"))


def domain(spec: GuestSpec, number: int = 5) -> etree._Element:
    return etree.fromstring(domain_xml(spec, LAYOUT, number))


def test_a_guest_has_the_address_of_its_number_in_its_labs_subnet() -> None:
    assert "ip=10.78.0.105/24" in (domain(GuestSpec(name="web"), 5).findtext("os/cmdline") or "")


def test_the_same_name_is_another_guest_in_another_lab() -> None:
    other = Layout(root=Path("/lab"), subnet="10.79.0", prepared=Path("/prepared"))
    spec = GuestSpec(name="web")
    assert domain(spec).findtext("uuid") == domain(spec, 6).findtext("uuid")
    assert domain(spec).findtext("uuid") != etree.fromstring(domain_xml(spec, other, 5)).findtext("uuid")


@pytest.mark.parametrize(
    ("disk", "attribute", "value"),
    [
        (Disk.SHARED, "file", "/var/lib/libvirt/shared/images/web.img"),
        (Disk.LOCAL, "file", "/var/lib/libvirt/images/web.img"),
        (Disk.ISCSI, "name", "iqn.2026-11.lab:disks/2"),
        (Disk.DEVICE, "dev", "/dev/vg/web"),
    ],
)
def test_a_disk_is_where_it_was_asked_for(disk: Disk, attribute: str, value: str) -> None:
    spec = GuestSpec(name="web", disk=disk, lun=2, device="/dev/vg/web")
    source = domain(spec).find("devices/disk/source")
    assert source is not None
    assert source.get(attribute) == value


def test_a_file_has_the_format_and_the_cache_that_were_asked_for_and_a_device_is_raw() -> None:
    for disk, form in ((Disk.LOCAL, "qcow2"), (Disk.ISCSI, "raw")):
        spec = GuestSpec(name="web", disk=disk, disk_format=Format.QCOW2, cache="writethrough")
        driver = domain(spec).find("devices/disk/driver")
        assert driver is not None
        assert (driver.get("type"), driver.get("cache")) == (form, "writethrough")


def test_a_guest_can_do_without_a_disk() -> None:
    assert domain(GuestSpec(name="web", disk=Disk.NONE)).find("devices/disk") is None


def test_no_path_of_the_machine_is_in_a_guest() -> None:
    text = domain_xml(GuestSpec(name="web"), LAYOUT, 5)
    assert str(LAYOUT.root) + "/" not in text.replace("/var/lib", "")
    assert str(LAYOUT.prepared) not in text


@pytest.mark.parametrize("name", ["", "-web", "web/01", "we b", "<web>", "w'b", "x" * 60])
def test_names_that_would_break_xml_or_paths_are_refused(name: str) -> None:
    with pytest.raises(LabError, match="no name"):
        GuestSpec(name=name)


def test_a_guest_too_small_to_boot_is_refused() -> None:
    with pytest.raises(LabError, match="80 MiB"):
        GuestSpec(name="web", memory_mib=64)
