"""What hosts have told of storage, put together by what it is: one thing is one row, whoever tells of it. Pure.

Two hosts' words are of one storage where they share a name that the storage itself has: a WWID, an IQN with its LUN, an
export, a cluster file system's UUID. UUIDs of volume groups and of plain file systems are copied with the disk that
they are on, by every clone of a machine: they count only on a disk that is itself the same. An IQN with its LUN counts
not where a target shows each host another disk by it. A path counts never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from backends.model.host import HostName
from backends.model.storage import Access, Health, Sighting, StorageId, StorageKind
from backends.probes.storage.lvm import Sharing
from backends.probes.storage.seen import Seen

_NAMED_BY_WHAT_IT_IS = (
    StorageKind.ISCSI,
    StorageKind.FIBRE_CHANNEL,
    StorageKind.RBD,
    StorageKind.DRBD,
    StorageKind.NFS,
    StorageKind.GFS2,
    StorageKind.OCFS2,
    StorageKind.GLUSTER,
    StorageKind.CEPHFS,
    StorageKind.LVM,
    StorageKind.BLOCK,
    StorageKind.FILE_SYSTEM,
    StorageKind.OTHER,
)
"""Where several readers tell of one storage, the first of these says what it is."""
_LAYERS = (StorageKind.LVM, StorageKind.FILE_SYSTEM, StorageKind.OTHER)
"""What lies on disks, lowest first; all others are disks, or reached over a network."""
_COPIED_WITH_THE_DISK = ("fsuuid:", "vg:")
_OF_ONE_HOST = ("dev:", "path:")
_BY_TARGET, _BY_WWID = "iqn:", "wwid:"
LOCKED_GROUPS = frozenset(
    each.value for each in (Sharing.SANLOCK, Sharing.DLM, Sharing.IDM, Sharing.CLUSTERED)
)
"""A group that says so is made to be seen by several hosts (lvmlockd(8)); a copy of it would share its locks."""
_BEST = (Access.READ_WRITE, Access.READ_ONLY, Access.UNKNOWN, Access.NOT_SEEN)
_WORST = (Health.BROKEN, Health.DEGRADED, Health.GOOD, Health.UNKNOWN)

Token = tuple[object, ...]
WhyUnknown = Callable[[HostName, StorageKind], str]
"""Why a host's silence on a kind of storage proves nothing, with the permission that it needs; empty: it proves that
the host does not see it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One storage, and who has told what of it."""

    id: StorageId
    label: str
    told: Mapping[HostName, tuple[Seen, ...]]
    under: frozenset[int] = frozenset()
    """What it lies on: places in `Identities.rows`."""


@dataclass(frozen=True, slots=True)
class Identities:
    """All of them, and by which names each host knows them."""

    rows: tuple[Identity, ...]
    _names: Mapping[Token, int] = field(repr=False)
    _masked: frozenset[str] = field(default=frozenset(), repr=False)

    def find(self, host: HostName, aliases: Iterable[str]) -> int | None:
        """The place in `rows` of what this host calls so."""
        tokens = (token for alias in sorted(aliases) for token in (("all", alias), ("host", host, alias)))
        return next((self._names[token] for token in tokens if token in self._names), None)

    def place(self, host: HostName, seen: Seen | None) -> int | None:
        """The place in `rows` of what this host has told; None for what was not among it."""
        return None if seen is None else self._names.get(_name(host, seen, self._masked))


def merge(told: Mapping[HostName, Sequence[Seen]]) -> Identities:
    """In the order of the hosts. Takes a time that grows as what was told does."""
    entries = [(host, seen) for host, all_seen in told.items() for seen in all_seen]
    masked = _masked(seen for _, seen in entries)
    sets = _Sets(len(entries))
    for layer in (None, *_LAYERS):
        for number, (host, seen) in enumerate(entries):
            if (seen.kind if seen.kind in _LAYERS else None) is layer:
                for token in _tokens(host, seen, sets, masked):
                    sets.join(number, token)
    groups: dict[int, list[int]] = {}
    for number in range(len(entries)):
        groups.setdefault(sets.root(number), []).append(number)
    places = {root: place for place, root in enumerate(groups)}
    below = [_below(entries, group, sets, places) for group in groups.values()]
    ids = _ids([[entries[number] for number in group] for group in groups.values()])
    rows = (
        _identity(id_, [entries[number] for number in group], under - {place})
        for place, (id_, group, under) in enumerate(zip(ids, groups.values(), below, strict=True))
    )
    names = {token: places[sets.root(number)] for token, number in sets.tokens.items()}
    return Identities(tuple(rows), names, masked)


def _masked(told: Iterable[Seen]) -> frozenset[str]:
    """Names of LUNs that are other disks for other hosts: two WWIDs of one type (naa, eui, ...) are known for them."""
    wwids: dict[tuple[str, str], set[str]] = {}
    for seen in told:
        names = [alias for alias in seen.aliases if alias.startswith(_BY_WWID)]
        for alias in seen.aliases:
            if alias.startswith(_BY_TARGET):
                for name in names:
                    wwids.setdefault((alias, name.partition(".")[0]), set()).add(name)
    return frozenset(alias for (alias, _), names in wwids.items() if len(names) > 1)


class _Sets:
    """Union-find: entries that share a token are one."""

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))
        self.tokens: dict[Token, int] = {}
        """One entry for each."""

    def root(self, number: int) -> int:
        """The entry that stands for all that are one with this."""
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def join(self, number: int, token: Token) -> None:
        """The earliest entry stands for all."""
        first, second = self.root(self.tokens.setdefault(token, number)), self.root(number)
        self._parents[max(first, second)] = min(first, second)

    def known(self, host: HostName, alias: str) -> int | None:
        """The set that this host calls so."""
        for token in (("all", alias), ("host", host, alias)):
            if token in self.tokens:
                return self.root(self.tokens[token])
        return None


def _tokens(host: HostName, seen: Seen, sets: _Sets, masked: frozenset[str]) -> Iterator[Token]:
    """All by which other tellings of the same are found."""
    for alias in seen.aliases:
        if seen.kind in _LAYERS and alias.startswith(_COPIED_WITH_THE_DISK):
            yield from _scoped(alias, host, seen, sets, masked)
        elif alias in masked:
            yield "host", host, alias
        else:
            yield "all", alias
    yield _name(host, seen, masked)
    if seen.kind in _LAYERS and not seen.is_own:
        yield from _scoped(f"{seen.kind.name}:{seen.key}", host, seen, sets, masked)


def _name(host: HostName, seen: Seen, masked: frozenset[str]) -> Token:
    """Its key, as far as that reaches."""
    if seen.is_own or seen.kind in _LAYERS or f"{_BY_TARGET}{seen.key}" in masked:
        return "own", host, seen.kind, seen.key
    return "id", seen.kind, seen.key


def _scoped(alias: str, host: HostName, seen: Seen, sets: _Sets, masked: frozenset[str]) -> Iterator[Token]:
    yield "host", host, alias
    if any(option in LOCKED_GROUPS for option in seen.options):
        yield "all", alias
    for under in sorted(seen.under):
        if (base := sets.known(host, under)) is not None:
            yield "on", base, alias
        if not (under in masked or under.startswith((*_COPIED_WITH_THE_DISK, *_OF_ONE_HOST))):
            yield "on", under, alias  # nobody may have told of the disk itself


def _below(
    entries: Sequence[tuple[HostName, Seen]], group: Iterable[int], sets: _Sets, places: Mapping[int, int]
) -> frozenset[int]:
    told = (entries[number] for number in group)
    bases = (sets.known(host, alias) for host, seen in told for alias in seen.under)
    return frozenset(places[base] for base in bases if base is not None)


def _ids(groups: Sequence[Sequence[tuple[HostName, Seen]]]) -> list[StorageId]:
    """One for each, all different, and the same in the next round whoever else is asked then."""
    ids = [_id(group) for group in groups]
    often: dict[StorageId, int] = {}
    for id_ in ids:
        often[id_] = often.get(id_, 0) + 1
    found: list[StorageId] = []
    taken: set[StorageId] = set()
    for id_, group in zip(ids, groups, strict=True):
        name = StorageId(id_.kind, f"{group[0][0]}:{id_.key}") if often[id_] > 1 else id_
        number = 1
        while name in taken:
            number += 1
            name = StorageId(id_.kind, f"{group[0][0]}:{id_.key} ({number})")
        taken.add(name)
        found.append(name)
    return found


def _id(group: Sequence[tuple[HostName, Seen]]) -> StorageId:
    kind = _kind(group)
    host, seen = min(
        ((host, seen) for host, seen in group if seen.kind is kind),
        key=lambda each: (each[1].is_own, each[1].key),
    )
    is_of_one = len({host for host, _ in group}) == 1
    if seen.is_own and not is_of_one:
        copied = sorted(alias.partition(":")[2] for alias in seen.aliases)
        return StorageId(kind, next(iter(copied), f"{host}:{seen.key}"))
    is_local = seen.is_own or (kind is StorageKind.FILE_SYSTEM and is_of_one)
    return StorageId(kind, f"{host}:{seen.key}" if is_local else seen.key)


def _kind(group: Iterable[tuple[HostName, Seen]]) -> StorageKind:
    return min((seen.kind for _, seen in group), key=_NAMED_BY_WHAT_IT_IS.index)


def _identity(id_: StorageId, group: Iterable[tuple[HostName, Seen]], under: frozenset[int]) -> Identity:
    told: dict[HostName, list[Seen]] = {}
    label = ""
    for host, seen in group:
        told.setdefault(host, []).append(seen)
        if seen.kind is id_.kind and (not label or label == seen.key):
            label = seen.label  # words for people, if one of them has some
    if id_.kind is StorageKind.FILE_SYSTEM and len(told) == 1 and label.startswith("/"):
        label = f"{next(iter(told))}:{label}"  # every host has a `/`
    return Identity(id_, label or id_.key, {host: tuple(each) for host, each in told.items()}, under)


def is_of_one_host(identity: Identity) -> bool:
    """Is it nothing that another host could see?"""
    told = [seen for each in identity.told.values() for seen in each]
    return len(identity.told) == 1 and (
        identity.id.kind is StorageKind.FILE_SYSTEM or all(seen.is_own for seen in told)
    )


def sightings(
    identity: Identity, asked: Iterable[HostName], why_unknown: WhyUnknown
) -> Mapping[HostName, Sighting]:
    """One for each host that was asked."""
    return {host: _sighting(identity, host, why_unknown) for host in asked}


def _sighting(identity: Identity, host: HostName, why_unknown: WhyUnknown) -> Sighting:
    told = identity.told.get(host, ())
    if not told:
        why = "" if is_of_one_host(identity) else why_unknown(host, identity.id.kind)
        return Sighting(host, Access.UNKNOWN if why else Access.NOT_SEEN, detail=why)
    health = min((seen.health for seen in told), key=_WORST.index)
    measured = next((seen for seen in told if seen.capacity_bytes is not None), None)
    room = next((seen.available_bytes for seen in told if seen.available_bytes is not None), None)
    if measured is not None and measured.available_bytes is not None:
        room = measured.available_bytes
    details = [seen.detail for seen in told if seen.health is health] + [seen.detail for seen in told]
    return Sighting(
        host,
        access=min((seen.access for seen in told), key=_BEST.index),
        ways=tuple(dict.fromkeys(seen.way for seen in told if seen.way is not None)),
        health=health,
        detail=next(filter(None, details), ""),
        options=tuple(dict.fromkeys(option for seen in told for option in seen.options)),
        capacity_bytes=measured.capacity_bytes if measured is not None else None,
        available_bytes=room,
    )
