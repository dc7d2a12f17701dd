"""What a command line wishes of a move; the same for `check` and `migrate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from backends.model.fleet import FleetState
from backends.model.guest import Guest
from backends.model.host import HostName
from backends.model.move import DEFAULT_MAX_DOWNTIME_MS, LastResort, MoveMode, MoveRequest
from tui.headless.exits import UsageError
from tui.headless.session import Flag
from tui.wish import Option, Wish, driver_of, last_resorts, mode_of, obstacle, request_for

Positive = Annotated[int, Parameter(validator=validators.Number(gte=1))]

Mode = Literal["live", "paused", "saved", "offline"]
Resort = Literal["keep-trying", "auto-converge", "post-copy", "pause", "abort"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MoveOptions:
    """How a guest is to be moved."""

    mode: Mode | None = None
    """live: it runs on; paused: it stands still until it is there; saved: through a file; offline: it is off.
    What fits the guest's state when left out."""
    post_copy: Flag = False
    """Make it ready for post-copy: it can then be switched over before all memory is there."""
    copy_disks: Flag = False
    """Copy the disks that are not shared."""
    last_resort: Resort = "keep-trying"
    """What to do when the guest writes too much to fit into --max-downtime."""
    bandwidth: Positive | None = None
    """Upper limit of the transfer in MiB a second."""
    max_downtime: Positive = DEFAULT_MAX_DOWNTIME_MS
    """The most that the guest may stand still at the switch, in milliseconds."""
    echo: Annotated[str, Parameter(show_default=False)] = ""
    """The address at which the guest answers to an echo, to measure from outside how long it was away."""

    def wish(self) -> Wish:
        """The same in the model's terms."""
        return Wish(
            mode=MoveMode(self.mode) if self.mode else None,
            copy_disks=self.copy_disks,
            postcopy=self.post_copy,
            last_resort=LastResort(self.last_resort),
            bandwidth_mib_s=self.bandwidth,
            max_downtime_ms=self.max_downtime,
            echo_address=self.echo,
        )

    def request(self, state: FleetState, guest: Guest, destination: HostName) -> MoveRequest:
        """What is asked for. Raises UsageError when an option was named that the mode or the driver does not have.

        A mode that was named is kept even where the guest's state does not fit: the checks say so.
        """
        driver, wish = driver_of(state, guest), self.wish()
        mode = wish.mode or mode_of(wish, guest, driver)
        for option, is_named in self._named().items():
            found = obstacle(option, mode, guest.key.driver) if is_named else None
            if found:
                raise UsageError(
                    f"{option.value}: {found.reason}", f"{guest.name} would be moved {mode.value}"
                )
        if wish.last_resort not in last_resorts(guest.key.driver):
            raise UsageError(f"the {guest.key.driver} driver has no {self.last_resort}")
        return request_for(wish, guest, driver, destination, mode=mode)

    def _named(self) -> dict[Option, bool]:
        return {
            Option.COPY_DISKS: self.copy_disks,
            Option.POSTCOPY: self.post_copy,
            Option.LAST_RESORT: self.last_resort != LastResort.KEEP_TRYING.value,
            Option.BANDWIDTH: self.bandwidth is not None,
            Option.DOWNTIME: self.max_downtime != DEFAULT_MAX_DOWNTIME_MS,
        }
