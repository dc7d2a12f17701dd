"""libvirt's secrets: what a host's libvirt logs in to a target with (formatsecret.html). Written, never read back."""

from __future__ import annotations

import contextlib
from typing import Any

import libvirt
from lxml import etree

from backends.hypervisor.connection import Connection
from backends.hypervisor.xml import serialize


async def keep_secret(connection: Connection, usage: str, value: str) -> str:
    """A CHAP secret under this usage, in place of one that is there; returns its UUID. Raises FerryError.

    It is private: libvirt gives it to nobody, and shows it only to its own drivers.
    """

    def work(conn: Any) -> str:
        known = _find(conn, usage)
        secret = conn.secretDefineXML(secret_xml(usage), 0) if known is None else known
        try:
            secret.setValue(value.encode(), 0)
        except libvirt.libvirtError:
            if known is None:
                secret.undefine()
            raise
        return str(secret.UUIDString())

    return await connection.call("keep a secret", work)


async def forget_secret(connection: Connection, usage: str) -> None:
    """Whether it is there or not. Raises FerryError."""

    def work(conn: Any) -> None:
        secret = _find(conn, usage)
        if secret is not None:
            secret.undefine()

    await connection.call("forget a secret", work)


def secret_xml(usage: str) -> str:
    """Of the secret object, without its value. Pure."""
    root = etree.Element("secret", ephemeral="no", private="yes")
    etree.SubElement(root, "description").text = f"CHAP, kept by virt-ferry for {usage}"
    at = etree.SubElement(root, "usage", type="iscsi")
    etree.SubElement(at, "target").text = usage
    return serialize(root)


def _find(conn: Any, usage: str) -> Any:
    with contextlib.suppress(libvirt.libvirtError):  # there is none
        return conn.secretLookupByUsage(libvirt.VIR_SECRET_USAGE_TYPE_ISCSI, usage)
    return None
