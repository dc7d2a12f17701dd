"""The storage part of the scripted fleet: it answers what a test has set, and records what it was asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from backends.api import ActionError, FerryError
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.storage import (
    Chain,
    GrowPlan,
    GrowProgress,
    IscsiLogin,
    IscsiTarget,
    SharingProof,
    StorageMap,
)
from tests.tui.capable import answer

_NOTHING = ActionError("nothing of that name is there")


class ScriptedStorage:
    """Mixed into ScriptedFleet, which has `asked`. What a test has not set is refused."""

    asked: list[tuple[object, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.storage_map: StorageMap | FerryError | None = None
        self.proof: SharingProof | FerryError | None = None
        self.disk_chain: Chain | FerryError | None = None
        self.growth: GrowPlan | FerryError | None = None
        self.growing: tuple[GrowProgress, ...] = ()
        self.targets: tuple[IscsiTarget, ...] | FerryError | None = None
        self.rescanned: tuple[str, ...] = ()

    async def storage(self, hosts: Sequence[HostName] = ()) -> StorageMap:
        """What the test has set."""
        self.asked.append(("storage", tuple(hosts)))
        return answer(self.storage_map, ActionError("no host answers"))

    async def prove(self, subject: str, hosts: Sequence[HostName] = ()) -> SharingProof:
        """What the test has set."""
        self.asked.append(("prove", subject, tuple(hosts)))
        return answer(self.proof, _NOTHING)

    async def chain(self, guest: GuestKey, target: str) -> Chain:
        """What the test has set."""
        self.asked.append(("chain", guest, target))
        return answer(self.disk_chain, _NOTHING)

    async def plan_growth(self, guest: GuestKey, target: str, size_bytes: int) -> GrowPlan:
        """What the test has set."""
        self.asked.append(("plan growth", guest, target, size_bytes))
        return answer(self.growth, _NOTHING)

    async def grow(self, plan: GrowPlan) -> AsyncGenerator[GrowProgress, None]:
        """The steps that the test has set."""
        self.asked.append(("grow", plan))
        for progress in self.growing:
            yield progress

    async def iscsi_targets(self, host: HostName, portal: str) -> tuple[IscsiTarget, ...]:
        """What the test has set."""
        self.asked.append(("iscsi targets", host, portal))
        return answer(self.targets, ActionError("the portal does not answer"))

    async def iscsi_login(self, host: HostName, login: IscsiLogin) -> None:
        """Noted."""
        self.asked.append(("iscsi login", host, login))

    async def iscsi_logout(self, host: HostName, login: IscsiLogin) -> None:
        """Noted."""
        self.asked.append(("iscsi logout", host, login))

    async def iscsi_rescan(self, host: HostName, iqn: str = "") -> tuple[str, ...]:
        """What the test has set."""
        self.asked.append(("iscsi rescan", host, iqn))
        return self.rescanned
