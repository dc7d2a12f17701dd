"""What hosts can do, who takes whose guests, and how safe they are set up."""

from __future__ import annotations

from collections.abc import Sequence

from backends.capabilities import posture
from backends.capabilities.baseline import find_baseline
from backends.capabilities.compare import compare_hosts
from backends.capabilities.survey import survey
from backends.model.capability import HostCapabilities
from backends.model.comparison import Baseline, Comparison
from backends.model.fleet import Surveyed
from backends.model.host import HostName
from backends.model.posture import Posture
from backends.service.desk import Desk


class CapabilityService(Desk):
    """See backends.api.Fleet."""

    async def survey(self, host: HostName) -> HostCapabilities:
        """Ask what it can do."""
        found = await survey(self._supervisor(host).reached())
        self._board.publish(Surveyed(host, found))
        return found

    async def compare(self, hosts: Sequence[HostName] = ()) -> Comparison:
        """Which can take whose guests."""
        return await compare_hosts(self._chosen(hosts), self.state)

    async def baseline(self, hosts: Sequence[HostName] = ()) -> Baseline:
        """The processor that all can give."""
        return await find_baseline(self._chosen(hosts), self.state)

    async def posture(self, host: HostName) -> Posture:
        """How safe it is set up."""
        return await posture.read(self._supervisor(host).reached(), self.state.hosts[host])
