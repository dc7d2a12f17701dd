"""Hosts with disks, as `devices.sh` brings them, and forms that are broken in every way."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from backends.probes.storage import block
from backends.probes.storage.block import Devices
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Reading
from backends.untrusted import clean
from tests.unit.host_files import host

VIRTUAL = "../../devices/virtual/block"
ISCSI_DISK = "../../devices/platform/host3/session1/target3:0:0/3:0:0:1/block"
"""The way of a disk behind iSCSI, as `udevadm info` tells it: DEVPATH=/devices/platform/host3/session1/..."""
FC_DISK = "../../devices/pci0000:80/0000:80:03.0/0000:82:00.0/host1/rport-1:0-2/target1:0:2/1:0:2:4/block"
SATA_DISK = "../../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block"
NVME_DISK = "../../devices/pci0000:00/0000:00:1d.0/0000:04:00.0/nvme/nvme0"


def block_files(
    *attributes: str, links: Iterable[str] = (), slaves: Iterable[str] = (), **by: Iterable[str]
) -> dict[str, str | Reading]:
    """`attributes`: `sda/size:8`; `links`: `sda -> ../../devices/...`; `by`: `id=["wwn-0x... -> ../../sda"]`."""
    return {
        block.CLASS: "\n".join(attributes),
        block.LINKS: "\n".join(links),
        block.SLAVES: "\n".join(slaves),
        **{f"links /dev/disk/by-{way}": "\n".join(lines) for way, lines in by.items()},
    }


def devices(
    *attributes: str, links: Iterable[str] = (), slaves: Iterable[str] = (), **by: Iterable[str]
) -> Devices:
    return block.read(host(block_files(*attributes, links=links, slaves=slaves, **by)))


def broken(*texts: str) -> st.SearchStrategy[str]:
    """One of these texts with parts of it missing, doubled or replaced by any bytes, as a shell decodes them."""
    noise = st.one_of(
        st.binary(max_size=30).map(lambda raw: raw.decode(errors="replace")),
        st.text(alphabet="\0\x1b\u202e\n:/ -\\\"'{}[]()0123456789", max_size=20),
    )

    @st.composite
    def build(draw: st.DrawFn) -> str:
        text = draw(st.sampled_from(texts))
        for _ in range(draw(st.integers(0, 4))):
            start = draw(st.integers(0, len(text)))
            end = draw(st.integers(start, min(len(text), start + 40)))
            text = text[:start] + draw(noise) + text[end:]
        return text

    return build()


def is_presentable(seen: Seen) -> bool:
    """Safe to show, every part of it but the path, and with a key."""
    texts = (seen.key, seen.label, seen.detail, *seen.options, seen.way.words if seen.way else "")
    return bool(seen.key) and all(text == clean(text, limit=4096) for text in texts)
