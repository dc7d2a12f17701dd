"""libvirt's pools of an iSCSI target: which kinds a host has, and how one is described (formatstorage.html)."""

from __future__ import annotations

from typing import Any

from lxml import etree

from backends.errors import UnsupportedError
from backends.hypervisor.connection import Connection
from backends.hypervisor.xml import parse, serialize

DIRECT, BY_KERNEL = "iscsi-direct", "iscsi"
KINDS = (DIRECT, BY_KERNEL)
"""`iscsi-direct` logs in by libiscsi, without the kernel; `iscsi` by iscsiadm on the host."""


async def supported_kinds(connection: Connection) -> tuple[str, ...]:
    """In the order of `KINDS`. A libvirt before 5.2 does not say: then both may be tried. Raises FerryError."""

    def work(conn: Any) -> tuple[str, ...]:
        root = parse(conn.getStoragePoolCapabilities(0))
        named = {pool.get("type") for pool in root.iterfind("pool") if pool.get("supported") == "yes"}
        return tuple(kind for kind in KINDS if kind in named)

    try:
        return await connection.call("ask for kinds of pools", work)
    except UnsupportedError:
        return KINDS


def pool_xml(
    kind: str,
    name: str,
    iqn: str,
    address: str,
    port: str,
    *,
    initiator: str,
    user: str = "",
    usage: str = "",
) -> str:
    """A pool of one target. The secret is named by its `usage`, never written here. Pure."""
    root = etree.Element("pool", type=kind)
    etree.SubElement(root, "name").text = name
    source = etree.SubElement(root, "source")
    etree.SubElement(source, "host", name=address, port=port)
    etree.SubElement(source, "device", path=iqn)
    if kind == DIRECT:
        etree.SubElement(etree.SubElement(source, "initiator"), "iqn", name=initiator)
    if user:
        auth = etree.SubElement(source, "auth", type="chap", username=user)
        etree.SubElement(auth, "secret", usage=usage)
    if kind == BY_KERNEL:
        etree.SubElement(etree.SubElement(root, "target"), "path").text = "/dev/disk/by-path"
    return serialize(root)
