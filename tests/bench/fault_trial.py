"""One case of `./dev bench faults`, carried out on real hosts and judged by the oracle of tests/faults."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from backends.lab.channels import Channel
from backends.lab.errors import LabError
from backends.lab.guest import Guest
from backends.lab.lab import Lab
from tests.bench.fault_cases import ENDS_GUEST, ENDS_IF_ARRIVED, Case, Fault, Kind, Way
from tests.faults.disk import missing
from tests.faults.moving import Event, Program
from tests.faults.oracle import Oracle, Place, Truth, agrees
from tests.faults.scene import STATUS_OF
from tests.heartbeat import Heartbeats

SOURCE, DESTINATION = "h1", "h2"
WHILE_S = 3.0
"""How long a fault lasts that heals by itself: less than the daemons' patience."""
STAYS_S = 20.0
"""How long one lasts that stays, when no outcome comes before: more than that."""
OUTCOME_S = 150.0
"""After the last repair; longer than the engine may take to be sure, and than a guest may write as fast as the link."""
ANSWER_AGE_S = 1.0
"""Hosts are asked before the move tidies up after itself, and its outcome is told when that is done."""
SAVED_LINK = "120mbit"
"""A state file is carried at the speed of the link: so slow that there is time for a fault."""


@dataclass(slots=True)
class Result:
    """What came of a case."""

    case: Case
    verdict: str = "none"
    """The outcome's word."""
    hit: bool = False
    """The fault came before the outcome."""
    lost: str = ""
    doubled: str = ""
    wrong: list[str] = field(default_factory=list)
    """In what the verdict, or the state of guest and disk, is not as it should be."""
    transcript: str = ""
    truth: str = ""

    @property
    def bad(self) -> bool:
        """Is there anything to look at?"""
        return bool(self.lost or self.doubled or self.wrong)

    @property
    def complaints(self) -> list[str]:
        """All of it, in words."""
        return [text for text in (self.lost, self.doubled, *self.wrong) if text]


class Trial:
    """Carries out one case. The lab is left repaired and empty, whatever happens."""

    def __init__(self, lab: Lab, case: Case, environment: Mapping[str, str]) -> None:
        self._lab = lab
        self._case = case
        self._environment = environment
        self._result = Result(case)
        self._unasked: tuple[str, ...] = ()
        self._heals: Callable[[], None] | None = None

    def run(self) -> Result:
        """Raises LabError when the lab itself fails."""
        case = self._case
        try:
            with Heartbeats(self._lab.layout.gateway) as heartbeat:
                guest = self._make(heartbeat)
                if case.way is Way.SAVED:
                    for host in (SOURCE, DESTINATION):
                        self._lab.rate(host, SAVED_LINK)
                arguments = ("migrate", f"{SOURCE}/{case.name}", "--to", DESTINATION, "--accept-doubts")
                with self._program(*arguments, *case.options) as program:
                    outcome = self._suffer(program, guest)
                    self._judge(program, outcome, heartbeat)
        finally:
            self._lab.repair()
            self._lab.clear()
        return self._result

    def _program(self, *arguments: str) -> Program:
        return Program(self._lab.layout, *arguments, environment=self._environment)

    def _make(self, heartbeat: Heartbeats) -> Guest:
        case, source = self._case, self._lab.host(SOURCE)
        spec = case.spec(heartbeat.argument)
        guest = self._lab.guest(spec, host=SOURCE, transient=case.kind is Kind.TRANSIENT)
        if case.kind is Kind.PAUSED:
            source.virsh("suspend", case.name)
        elif case.kind is Kind.OFF:
            source.virsh("destroy", case.name)
        return guest

    # The fault --------------------------------------------------------------------------------

    def _suffer(self, program: Program, guest: Guest) -> Event | None:
        """The fault at its moment, and the outcome; None where nobody told one."""
        self._wait_for_the_moment(program)
        self._result.hit = not any(event["event"] == "outcome" for event in program.events)
        if self._case.fault is Fault.CLIENT:
            return self._outcome_of_the_next_program(program)
        with contextlib.suppress(
            LabError
        ):  # a guest or a process that is not there (any more) suffers nothing
            self._inject(program, guest)
        try:
            if self._heals is not None:
                with contextlib.suppress(AssertionError):
                    return program.outcome(STAYS_S)
                self._heal()
            return program.outcome(OUTCOME_S)
        except AssertionError:
            self._result.wrong.append(f"no outcome within {OUTCOME_S:.0f} s of the last repair")
            return None

    def _wait_for_the_moment(self, program: Program) -> None:
        def due(event: Event) -> bool:
            done = event["fraction"] if event["event"] == "progress" else float(event["event"] == "outcome")
            return bool(done >= self._case.moment)

        with contextlib.suppress(AssertionError):  # no figures: then at any moment
            program.wait_for(lambda event: event["event"] in ("phase", "outcome"), "start", 30)
            if self._case.way is not Way.OFFLINE:
                program.wait_for(due, "figures", 20)
        time.sleep(self._case.pause_s)  # the moment is random on purpose

    def _inject(self, program: Program, guest: Guest) -> None:
        lab, source, destination = self._lab, self._lab.host(SOURCE), self._lab.host(DESTINATION)
        match self._case.fault:
            case Fault.DAEMON_S:
                source.faults.kill_daemon()
            case Fault.DAEMON_D:
                destination.faults.kill_daemon()
            case Fault.QEMU_S:
                source.faults.kill_guest(guest.name)
            case Fault.QEMU_D:
                destination.faults.kill_guest(guest.name)
            case Fault.RESET:
                source.faults.reset_transfers()
            case Fault.POWEROFF | Fault.REBOOT | Fault.PANIC:
                words = {Fault.POWEROFF: "poweroff", Fault.REBOOT: "reboot", Fault.PANIC: "panic"}
                guest.tell(source, words[self._case.fault])
            case Fault.ABORT:
                program.interrupt()
            case Fault.POWER_S:
                lab.crash(SOURCE)
                self._stays(lambda: lab.boot(SOURCE), SOURCE)
            case Fault.POWER_D:
                lab.crash(DESTINATION)
                self._stays(lambda: lab.boot(DESTINATION), DESTINATION)
            case Fault.CUT_STAYS:
                lab.cut(DESTINATION)
                self._stays(lambda: lab.heal(DESTINATION), DESTINATION)
            case Fault.CONTROL:
                lab.block(DESTINATION, Channel.CONTROL, peer=SOURCE)
                self._stays(lambda: lab.unblock(DESTINATION))
            case _:
                self._inject_for_a_while()

    def _inject_for_a_while(self) -> None:
        lab, channels = self._lab, Channel.MIGRATION
        spells: dict[Fault, tuple[Callable[[], None], Callable[[], None]]] = {
            Fault.CUT_HEALS: (partial(lab.cut, DESTINATION), partial(lab.heal, DESTINATION)),
            Fault.CUT_S: (partial(lab.cut, SOURCE), partial(lab.heal, SOURCE)),
            Fault.CHANNEL: (partial(lab.block, DESTINATION, channels), partial(lab.unblock, DESTINATION)),
            Fault.FREEZE_S: (partial(lab.freeze, SOURCE), partial(lab.thaw, SOURCE)),
            Fault.FREEZE_D: (partial(lab.freeze, DESTINATION), partial(lab.thaw, DESTINATION)),
            Fault.SLOW: (partial(lab.rate, DESTINATION, "4mbit"), partial(lab.rate, DESTINATION, "off")),
        }
        if self._case.fault in spells:
            begin, end = spells[self._case.fault]
            begin()
            time.sleep(WHILE_S)  # the fault itself lasts this long
            end()

    def _stays(self, heals: Callable[[], None], *unasked: str) -> None:
        """The fault lasts until the outcome, which may then honestly be that nobody knows."""
        self._heals, self._unasked = heals, unasked

    def _heal(self) -> None:
        heals, self._heals, self._unasked = self._heals, None, ()
        if heals is not None:
            heals()

    def _outcome_of_the_next_program(self, program: Program) -> Event | None:
        """Kill the first, start another at once: it shows the move to its end, or its record says how it ended."""
        program.kill()
        with self._program("attach", f"{SOURCE}/{self._case.name}") as next_program:
            with contextlib.suppress(AssertionError):
                return next_program.outcome(OUTCOME_S)
            self._result.transcript += next_program.transcript()
        with self._program("history", self._case.name) as record:
            record.status()
        newest = next((event for event in record.events if event["event"] == "move"), None)
        return newest if newest is not None and newest["verdict"] else None

    # The truth --------------------------------------------------------------------------------

    def _judge(self, program: Program, outcome: Event | None, heartbeat: Heartbeats) -> None:
        case, result = self._case, self._result
        result.transcript += program.transcript()
        self._lab.repair()
        oracle = Oracle(self._lab, case.name)
        truth = oracle.settled()
        result.truth = str(truth)
        if outcome is not None:
            result.verdict = outcome["verdict"]
            when_told = self._when_told(program, outcome, oracle, truth)
            wrong = agrees(outcome, when_told, source=SOURCE, destination=DESTINATION, unasked=self._unasked)
            result.wrong += wrong
            if case.fault is not Fault.CLIENT and program.status() != STATUS_OF[outcome["verdict"]]:
                result.wrong.append(f"exit status {program.status()} for {outcome['verdict']}")
            if outcome["verdict"] == "refused":
                result.wrong.append(f"refused: {outcome['reason']}")
        if truth.place is Place.DOUBLED or heartbeat.heard_twice:
            result.doubled = f"doubled: {truth}; heard twice {heartbeat.heard_twice[:3]}"
        result.lost = self._loss(truth, outcome)
        if case.fault is not Fault.PANIC:
            result.wrong += truth.complaints
        result.wrong += self._holes(truth)

    def _when_told(self, program: Program, outcome: Event, oracle: Oracle, truth: Truth) -> Truth:
        """The truth when hosts were asked: a guest that ends later, as the fault wants it to, still ran then."""
        where, told_at = outcome["where"], program.outcome_at
        if outcome["state"] != "running" or told_at is None:
            return truth
        if truth.place is not Place.OFF or not self._may_be_off():
            return truth
        ended_at = oracle.ended_at(where)
        ran = ended_at is not None and ended_at > told_at - timedelta(seconds=ANSWER_AGE_S)
        return replace(truth, place=Place.RUNS, hosts=(where,)) if ran else truth

    def _loss(self, truth: Truth, outcome: Event | None) -> str:
        """Why the guest is not where and how it should be, whatever was told; nothing when it is well."""
        case = self._case
        kept = bool(outcome and outcome["left_to_do"])
        match truth.place:
            case Place.RUNS:
                was_still = case.kind in (Kind.PAUSED, Kind.OFF)
                return "it was still before, and runs now" if was_still else ""
            case Place.PAUSED:
                return "" if case.kind is Kind.PAUSED or kept else f"left paused, and nothing said: {truth}"
            case Place.OFF:
                return "" if case.kind is Kind.OFF or self._may_be_off() or kept else f"off: {truth}"
            case Place.LOST:
                gone = case.kind is Kind.TRANSIENT and self._may_be_off()
                return "" if gone else f"lost: {truth}"
            case Place.SPLIT:
                said = outcome is not None and outcome["verdict"] == "indeterminate" and kept
                return "" if case.way is Way.POSTCOPY and said else f"split: {truth}"
            case _:
                return f"unsettled: {truth}" if truth.place is Place.UNSETTLED else ""

    def _may_be_off(self) -> bool:
        return self._case.fault in (*ENDS_GUEST, *ENDS_IF_ARRIVED)

    def _holes(self, truth: Truth) -> list[str]:
        """What the guest has written and its disk does not have; for a guest that runs and did not boot again."""
        case = self._case
        if case.kind not in (Kind.WRITER, Kind.LOCAL) or truth.place is not Place.RUNS:
            return []
        if case.fault in (Fault.REBOOT, *ENDS_GUEST):
            return []
        folder = (
            self._lab.layout.node(truth.host) / "var/lib/libvirt/images"
            if case.kind is Kind.LOCAL
            else self._lab.layout.shared / "images"
        )
        holes = missing(folder / f"{case.name}.img")
        return [f"{len(holes)} writes are not on the disk, from {holes[0]}"] if holes else []
