"""Storage by its identity, proofs, the growth of disks, and iSCSI."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from backends.errors import FerryError, JournalError
from backends.journal.journal import Journal
from backends.model.guest import GuestKey
from backends.model.host import HostName, HostSpec
from backends.model.question import Asker
from backends.model.storage import (
    Chain,
    GrowPlan,
    GrowProgress,
    IscsiLogin,
    IscsiTarget,
    SharingProof,
    StorageMap,
)
from backends.service.desk import Desk
from backends.storage import iscsi
from backends.storage.chain import read_chain
from backends.storage.growth.plan import plan_growth
from backends.storage.growth.run import grow
from backends.storage.prove import prove
from backends.storage.survey import read_storage
from backends.storage.watched import Watched
from backends.untrusted import clean


class StorageService(Desk):
    """See backends.api.Fleet."""

    def __init__(
        self, specs: Sequence[HostSpec], ask: Asker | None, folder: Path, journal: Journal | JournalError
    ) -> None:
        super().__init__(specs, ask, folder, journal)
        self._watched = Watched()

    async def storage(self, hosts: Sequence[HostName] = ()) -> StorageMap:
        """All storage, by identity."""
        return await read_storage(self._chosen(hosts), self.state, self._watched)

    async def prove(self, subject: str, hosts: Sequence[HostName] = ()) -> SharingProof:
        """Do hosts see one storage?"""
        chosen = await self._described(self._chosen(hosts))
        with self._audited(f"prove that {clean(subject)} is shared"):
            return await prove(subject, chosen, self.state)

    async def chain(self, guest: GuestKey, target: str) -> Chain:
        """From a guest's disk down to the bytes."""
        return await read_chain(self._supervisor(guest.host), self._guest(guest), target)

    async def plan_growth(self, guest: GuestKey, target: str, size_bytes: int) -> GrowPlan:
        """How the disk would grow."""
        return await plan_growth(self._supervisor(guest.host), self._guest(guest), target, size_bytes)

    async def grow(self, plan: GrowPlan) -> AsyncGenerator[GrowProgress, None]:
        """Carry a plan out."""
        supervisor = self._supervisor(plan.guest.host)
        end = "broken off before its first step"
        try:
            async for progress in grow(plan, supervisor):
                said = progress.words or "not begun"
                end = said if progress.finished else f"broken off: {said}"
                yield progress
        except FerryError as error:
            end = str(error)
            raise
        finally:
            act = f"grow {plan.target} of {plan.name} to {plan.after_bytes} bytes"
            self._engine.note(act, end)
            supervisor.mark(plan.guest)

    async def iscsi_targets(self, host: HostName, portal: str) -> tuple[IscsiTarget, ...]:
        """What a portal offers to a host."""
        return await iscsi.discover(self._supervisor(host), portal)

    async def iscsi_login(self, host: HostName, login: IscsiLogin) -> None:
        """Log a host in to a target."""
        with self._audited(f"log {host} in to {clean(login.iqn)}"):
            await iscsi.log_in(self._supervisor(host), login)

    async def iscsi_logout(self, host: HostName, login: IscsiLogin) -> None:
        """Log it out."""
        with self._audited(f"log {host} out of {clean(login.iqn)}"):
            await iscsi.log_out(self._supervisor(host), login, self.state)

    async def iscsi_rescan(self, host: HostName, iqn: str = "") -> tuple[str, ...]:
        """Look anew at its LUNs."""
        with self._audited(f"let {host} look at the LUNs of {clean(iqn) or 'all targets'}"):
            return await iscsi.rescan(self._supervisor(host), iqn)
