"""Which guests use a target: by themselves, through a pool, or through a device of the host's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.fleet.session import Session
from backends.hypervisor.volume_search import find_pool
from backends.model.guest import Disk, DiskKind, Guest, Layer
from backends.probes.storage import header
from backends.probes.storage.header import HostDevices


async def users_of(session: Session, guests: Sequence[Guest], iqn: str) -> tuple[str, ...]:
    """`web (vda)`, of these guests. Raises FerryError where a host with guests on devices does not tell of them."""
    pools = await _pools(session, guests, iqn)
    devices = await _devices(session, guests)
    return tuple(
        f"{guest.name} ({disk.target})"
        for guest in guests
        for disk in guest.disks
        if any(is_on(layer, iqn, pools, devices) for layer in layers_of(disk))
    )


def layers_of(disk: Disk) -> Iterator[Layer]:
    """Its own image first. Pure."""
    yield Layer(disk.kind, disk.source, disk.path, disk.local_service)
    yield from disk.layers


def is_on(layer: Layer, iqn: str, pools: frozenset[str], devices: HostDevices | None) -> bool:
    """Pure. `pools`: those of the target."""
    if layer.kind is DiskKind.NETWORK:
        name = layer.source.removeprefix("iscsi:").partition("@")[0]
        return layer.source.startswith("iscsi:") and (name == iqn or name.rpartition("/")[0] == iqn)
    if layer.kind is DiskKind.VOLUME:
        return layer.source.partition("/")[0] in pools
    if layer.kind is DiskKind.BLOCK:
        by_name = f"-iscsi-{iqn}-lun-" in layer.path
        return by_name or (
            devices is not None and any(disk.target == iqn for disk in devices.disks(layer.path))
        )
    return False


async def _pools(session: Session, guests: Sequence[Guest], iqn: str) -> frozenset[str]:
    """Those of the pools that guests name, whose target it is."""
    found = set()
    for guest in guests:
        for disk in guest.disks:
            for layer in layers_of(disk):
                name = layer.source.partition("/")[0]
                if layer.kind is DiskKind.VOLUME and name not in found:
                    driver = guest.key.driver
                    pool = await find_pool(session.connection(driver), driver, name)
                    if pool is not None and iqn in pool.source.devices:
                        found.add(name)
    return frozenset(found)


async def _devices(session: Session, guests: Sequence[Guest]) -> HostDevices | None:
    paths = [
        layer.path
        for guest in guests
        for disk in guest.disks
        for layer in layers_of(disk)
        if layer.kind is DiskKind.BLOCK
    ]
    if not paths or session.shell is None:
        return None
    return await header.ask(session.shell, session.host, paths)
