"""Disks on devices and in pools: each host's own word on what is behind them, as two paths or two names prove nothing.

Devices are compared by WWID and first bytes, and never written to. A volume is looked for in each host's own pool.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from backends.errors import FerryError
from backends.hypervisor.pool_definitions import Pool
from backends.hypervisor.volume_search import FoundVolume
from backends.hypervisor.volume_search import find_volumes as search_volumes
from backends.migration.checks.context import Context
from backends.migration.checks.findings import Finding
from backends.model.guest import Layer
from backends.model.move import Verdict
from backends.model.storage import Sharing
from backends.probes.markers import End
from backends.probes.storage import devices_apart, same_pool
from backends.probes.storage.same_device import Sameness

Pair = tuple[str, str]
"""What a path is called on the source, and on the destination."""
_FILES, _DEVICES, _FAR = ("file", "dir"), ("block",), ("network", "netdir")


@dataclass(frozen=True, slots=True)
class VolumePair:
    """One volume, as each of the two hosts has it."""

    here: FoundVolume
    there: FoundVolume
    trouble: str = ""
    """Why one of them could not be asked."""

    @property
    def paths(self) -> Pair | None:
        """Where it is on both, if it is there."""
        here, there = self.here.volume, self.there.volume
        if here is None or there is None or not (here.path and there.path):
            return None
        return here.path, there.path

    @property
    def type(self) -> str:
        """libvirt's type of the volume, on the source."""
        return self.here.volume.type if self.here.volume else ""

    @property
    def file_paths(self) -> Pair | None:
        """As `paths`, for a volume that is a file."""
        return self.paths if self.type in _FILES else None

    @property
    def device_paths(self) -> Pair | None:
        """As `paths`, for one that is a device."""
        return self.paths if self.type in _DEVICES else None


@dataclass(frozen=True, slots=True)
class Apart:
    """All answers about devices and volumes."""

    devices: Mapping[Pair, Sameness] = field(default_factory=dict)
    volumes: Mapping[str, VolumePair] = field(default_factory=dict)
    """By `Layer.source`."""


async def find_volumes(context: Context, sources: Collection[str]) -> Mapping[str, VolumePair]:
    """Both hosts at once, every volume once. Raises LinkError where one of them has no such driver."""
    ends = context.source_connection, context.destination_connection
    names = [source.partition("/")[::2] for source in sources]
    try:
        here, there = await asyncio.gather(*(search_volumes(end, context.driver, names) for end in ends))
    except FerryError as error:
        return {source: VolumePair(FoundVolume(), FoundVolume(), str(error)) for source in sources}
    pairs = map(VolumePair, here, there)
    return dict(zip(sources, pairs, strict=True))


async def compare_devices(source: End, destination: End, pairs: Collection[Pair]) -> Mapping[Pair, Sameness]:
    """Never raises: a host that does not answer is not known."""
    if not pairs:
        return {}
    ordered = tuple(pairs)
    here, there = [pair[0] for pair in ordered], [pair[1] for pair in ordered]
    (found,) = await devices_apart.compare_all(source, here, [(destination, there)])
    return dict(zip(ordered, found, strict=True))


def device_finding(sameness: Sameness) -> Finding:
    """Pure."""
    if sameness.obstacle or sameness.sharing is Sharing.DIFFERENT:
        return Finding(Verdict.REFUSE, sameness.evidence, sameness.mend)
    if sameness.sharing in (Sharing.SAME_IDENTITY, Sharing.PROVED):
        return Finding(Verdict.OK, sameness.evidence)
    return Finding(Verdict.UNKNOWN, sameness.evidence, sameness.mend or "compare the WWID on both hosts")


def volume_obstacle(
    layer: Layer, pair: VolumePair, source: str, destination: str, uri: str
) -> Finding | None:
    """Why libvirt would not find the volume there; None where it does. Pure. `uri`: the destination's, for virsh."""
    pool, _, volume = layer.source.partition("/")
    virsh = ("virsh", "-c", uri)
    if pair.trouble:
        return Finding(Verdict.UNKNOWN, pair.trouble, f"compare the pool {pool} on both hosts")
    if pair.here.volume is None:
        return Finding(Verdict.UNKNOWN, f"{source} has no volume {layer.source} (any more)")
    if pair.there.pool is None:
        mend = f"define and start the pool {pool} on {destination}: virsh pool-dumpxml on {source} shows it"
        return Finding(Verdict.REFUSE, f"{destination} has no pool {pool}", mend)
    if not pair.there.pool.active:
        mend = shlex.join([*virsh, "pool-start", pool])
        return Finding(Verdict.REFUSE, f"the pool {pool} is not active on {destination}", mend)
    if pair.there.volume is None:
        mend = shlex.join([*virsh, "pool-refresh", pool])
        evidence = f"libvirt on {destination} knows no volume {volume} in its pool {pool}"
        return Finding(Verdict.REFUSE, evidence, mend)
    return None


def far_volume_finding(pair: VolumePair, source: str, destination: str) -> Finding:
    """Of a volume that each host opens over the network. Pure."""
    here, there = _pools(pair)
    if pair.type not in _FAR:
        return Finding(
            Verdict.UNKNOWN, f"a volume of type {pair.type or 'unknown'}: nothing tells it from another"
        )
    return device_finding(same_pool.compare(here, there, source, destination))


def _pools(pair: VolumePair) -> tuple[Pool, Pool]:
    assert pair.here.pool is not None and pair.there.pool is not None, "volume_obstacle has looked"
    return pair.here.pool, pair.there.pool
