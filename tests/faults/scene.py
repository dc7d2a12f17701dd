"""What every test of a fault needs: a guest, a move of it under way, and the proof of how it ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backends.lab.guest import Guest
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from tests.faults.moving import Event, Program
from tests.faults.oracle import Oracle, Place, Truth, agrees

SLOWLY = ("--bandwidth", "16")
"""A lab guest of 128 MiB needs about 7 s at this rate (MiB/s)."""
STATUS_OF = {"succeeded": 0, "failed": 1, "refused": 3, "cancelled": 4, "indeterminate": 5}


@dataclass(frozen=True, slots=True)
class End:
    """How a move ended: what was told, and what is true."""

    outcome: Event
    truth: Truth
    log: str

    @property
    def verdict(self) -> str:
        """The outcome's one word."""
        verdict: str = self.outcome["verdict"]
        return verdict

    @property
    def words(self) -> str:
        """All that the user was told at the end, and on the way there."""
        return " / ".join([self.log, self.outcome["reason"], *self.outcome["left_to_do"]])


class Scene:
    """Moves between two hosts of a lab, each from h1 to h2 unless told otherwise."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def guest(self, name: str, **wishes: object) -> Guest:
        """A guest that runs on h1; `wishes` as GuestSpec has them."""
        return self.lab.guest(GuestSpec(name=name, **wishes))  # type: ignore[arg-type]

    @contextmanager
    def move(self, name: str, *options: str) -> Iterator[Program]:
        """`virt-ferry migrate` of this guest, from h1 to h2."""
        arguments = ("migrate", f"h1/{name}", "--to", "h2", "--accept-doubts", *options)
        with Program(self.lab.layout, *arguments) as program:
            yield program

    def hurry(self, name: str) -> None:
        """Lift the limit of a move whose fault is over, as another administrator would; it may be over, too."""
        self.lab.host("h1").virsh("migrate-setspeed", name, "400", check=False)

    def look(self, name: str) -> Truth:
        """At the guest, now."""
        return Oracle(self.lab, name).look()

    def end(
        self, program: Program, name: str, *, unasked: Collection[str] = (), timeout_s: float = 90
    ) -> End:
        """Wait for the outcome, and hold it against the truth.

        Raises:
            AssertionError: the outcome, the exit status and the truth do not agree, or the guest has a complaint.
        """
        outcome = program.outcome(timeout_s)
        assert program.status() == STATUS_OF[outcome["verdict"]], program.transcript()
        truth = Oracle(self.lab, name).settled(ignoring=unasked)
        wrong = agrees(outcome, truth, source="h1", destination="h2", unasked=unasked)
        assert not wrong, f"{wrong}: {program.transcript()}"
        assert not truth.complaints, truth
        return End(outcome, truth, program.told)

    def after(
        self,
        name: str,
        fault: Callable[[], None],
        *options: str,
        unasked: Collection[str] = (),
        hurry: bool = False,
    ) -> End:
        """A slow move, the fault once memory flows, and the end; with `hurry` it goes on quickly after the fault."""
        with self.move(name, *(options or SLOWLY)) as program:
            program.until_memory_flows()
            fault()
            if hurry:
                self.hurry(name)
            return self.end(program, name, unasked=unasked)

    def lives(self, guest: Guest, host: str) -> None:
        """Raises AssertionError or LabError unless the guest runs there, and there alone, and ticks on."""
        with guest.watch() as ticks:
            ticks.wait_for_more()
        truth = self.look(guest.name)
        assert (truth.place, truth.hosts) == (Place.RUNS, (host,)), truth
