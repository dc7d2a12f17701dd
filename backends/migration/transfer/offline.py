"""A move of a guest that is off: its definition is made known on the destination."""

from __future__ import annotations

from backends.errors import ActionError, FerryError
from backends.hypervisor import saving
from backends.hypervisor.saving import WholeDefinition
from backends.hypervisor.whereabouts import whereabouts
from backends.migration.machine import Signal
from backends.migration.transfer.transfer import Transfer
from backends.model.move import Trace, TraceKind


class OfflineTransfer(Transfer):
    """The source's definition is removed after the settlement, when both hosts were asked."""

    async def run(self) -> FerryError | None:
        """See Transfer."""
        try:
            definition = await self._read()
            was_there = await self._must_be_off()
            self._record.leave(Trace(TraceKind.DEFINITION, self._destination.name, was_there=was_there))
            await self._record.durable()
            self._record.signal(Signal.TRANSFER_BEGAN)
            await self._define(definition)
            self._record.leave(Trace(TraceKind.DEFINED, self._destination.name))
        except FerryError as error:
            # Only a definition is at stake: the settlement finds out whether it is there.
            return ActionError(error.cause, host=error.host, operation=error.operation, hint=error.hint)
        return None

    async def _read(self) -> WholeDefinition:
        connection = self._source.current().connection(self._request.guest.driver)
        definition = await saving.read_whole_definition(connection, self._uuid)
        if not definition.persistent:
            raise ActionError(
                "a transient guest has no definition that could move",
                host=self._source.name,
                operation="move",
            )
        for what in definition.local_state:
            self._record.log(
                f"its {what} file stays on {self._source.name}: copy it before the guest is started there"
            )
        return definition

    async def _must_be_off(self) -> bool:
        """Asked right before: a guest that runs must not be defined twice. Does the destination know it already?"""
        was_there = False
        for host in (self._source, self._destination):
            seen = await whereabouts(host.current().connection(self._request.guest.driver), self._uuid)
            if seen.state.active:
                raise ActionError(
                    f"the guest is {seen.state.value}: somebody has started it",
                    host=host.name,
                    operation="move",
                    hint="move it live, or shut it down first",
                )
            was_there = host is self._destination and seen.defined
        return was_there

    async def _define(self, definition: WholeDefinition) -> None:
        connection = self._destination.current().connection(self._request.guest.driver)
        await saving.define(connection, definition.xml, autostart=definition.autostart)
        too = ", to be started with the host" if definition.autostart else ""
        self._record.log(f"defined on {self._destination.name}{too}")
