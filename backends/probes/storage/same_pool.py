"""Are pools of two hosts one storage? For those whose source says it: iSCSI, Ceph, Gluster. Pure.

A pool's name says nothing, and neither does a path of one host: pools of folders are tried with a marker, those of
devices by what the devices are.
"""

from __future__ import annotations

from collections.abc import Iterable

from backends.hypervisor.pool_definitions import Pool
from backends.model.storage import Sharing
from backends.probes.storage.nfs import is_each_host_itself
from backends.probes.storage.same_device import Sameness

ISCSI = ("iscsi", "iscsi-direct")
FOLDERS = ("dir", "fs", "netfs")
_ISCSI_PORT = "3260"


def compare(here: Pool, there: Pool, host: str, host_there: str) -> Sameness:
    """By target, cluster or volume. The hosts' names are for the words."""
    if here.type in ISCSI and there.type in ISCSI:
        return compare_targets(
            _target(here), _portals(here), _target(there), _portals(there), (host, host_there)
        )
    if here.type != there.type:
        evidence = f"the pool is of type {here.type} on {host} and of type {there.type} on {host_there}"
        return Sameness(Sharing.UNKNOWN, evidence)
    if here.type in ("rbd", "gluster") and here.source.name:
        return _by_name(here, there, host, host_there)
    return Sameness(Sharing.UNKNOWN, f"nothing tells two pools of type {here.type} from each other")


def compare_targets(
    iqn: str, portals: frozenset[str], iqn_there: str, portals_there: frozenset[str], hosts: tuple[str, str]
) -> Sameness:
    """The same IQN at the same portal is one target. At another one it should be: nobody checks.

    A portal of the host itself is another one on each host.
    """
    if iqn != iqn_there:
        evidence = f"{iqn} on {hosts[0]} and {iqn_there} on {hosts[1]}"
        return Sameness(Sharing.DIFFERENT, evidence, f"let {hosts[1]} use the target {iqn}")
    if both := _of_others(portals & portals_there):
        return Sameness(Sharing.SAME_IDENTITY, f"the same target {iqn} at {min(both)}")
    ours, theirs = (", ".join(sorted(each)) or "an unknown portal" for each in (portals, portals_there))
    evidence = f"{iqn} at {ours} on {hosts[0]} and at {theirs} on {hosts[1]}: not proved to be one target"
    return Sameness(Sharing.UNKNOWN, evidence, "use the same portal on both hosts")


def compare_luns(ours: frozenset[str], theirs: frozenset[str], host_there: str) -> Sameness:
    """Pools of LUNs, by WWIDs. Hosts that see some of each other's share those, and not the pool."""
    both = ours & theirs
    if not both:
        return Sameness(Sharing.DIFFERENT, f"{host_there} sees none of these {len(ours)} LUNs")
    if ours == theirs:
        return Sameness(Sharing.SAME_IDENTITY, f"the same {len(ours)} LUNs, by WWID")
    evidence = f"{host_there} sees {len(both)} of these {len(ours)} LUNs, and {len(theirs - ours)} others"
    return Sameness(Sharing.UNKNOWN, f"{evidence}: prove each by itself")


def with_port(portal: str) -> str:
    """`10.0.0.1` is `10.0.0.1:3260`; so are portals told alike (RFC 7143). Pure."""
    bare = portal.startswith("[") and portal.endswith("]")
    return f"{portal}:{_ISCSI_PORT}" if portal and (bare or ":" not in portal) else portal


def _target(pool: Pool) -> str:
    return pool.source.devices[0] if pool.source.devices else ""


def _portals(pool: Pool) -> frozenset[str]:
    return frozenset(with_port(host) for host in pool.source.hosts)


def _by_name(here: Pool, there: Pool, host: str, host_there: str) -> Sameness:
    ours, theirs = ((pool.source.name, pool.source.directory.strip("/")) for pool in (here, there))
    names = " and ".join(
        f"{pool.type} {pool.source.name} on {each}" for pool, each in ((here, host), (there, host_there))
    )
    if ours != theirs:
        return Sameness(Sharing.DIFFERENT, names, f"let both hosts use {here.source.name}")
    if both := _of_others(set(here.source.hosts) & set(there.source.hosts)):
        return Sameness(Sharing.SAME_IDENTITY, f"the same {here.type} {here.source.name} of {min(both)}")
    return Sameness(Sharing.UNKNOWN, f"{names}, of other servers: not proved to be one")


def _of_others(servers: Iterable[str]) -> set[str]:
    """Without those that are, for every host, the host itself."""
    return {server for server in servers if not is_each_host_itself(server)}
