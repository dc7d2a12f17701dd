"""Random faults in the middle of random moves of random guests: is any guest lost or doubled, any verdict wrong?

The oracle of tests/faults judges, which knows nothing of the engine. The same seed gives the same cases; `--only N`
tries one of them again, and shows what was told.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, Queue

from backends.lab.lab import Lab
from tests.bench.fault_cases import Case, Fault, case
from tests.bench.fault_trial import Result, Trial
from tests.bench.figures import Figure
from tests.bench.options import Options, Tell
from tests.lab_fixture import own_lab

LABS = 3
"""Side by side: a case is mostly waiting."""


def faults(options: Options, tell: Tell) -> Iterable[Figure]:
    """Needs the lab; brings up some of its own, each with a journal of its own."""
    numbers = range(options.count) if options.only is None else (options.only,)
    cases = [case(options.seed, number) for number in numbers]
    results = _tried(cases, tell)
    for result in results:
        if result.bad or options.only is not None:
            _show(result, options.seed)
    yield from _figures(results, options.seed)


def _tried(cases: Sequence[Case], tell: Tell) -> list[Result]:
    """All cases, each on whichever lab is free."""
    waiting: Queue[Case] = Queue()
    for one in cases:
        waiting.put(one)
    results: list[Result] = []
    lock = threading.Lock()

    def work(lab: Lab, state: Path) -> None:
        while True:
            try:
                one = waiting.get_nowait()
            except Empty:
                return
            result = Trial(lab, one, {"XDG_STATE_HOME": str(state)}).run()
            with lock:
                results.append(result)
                bad = sum(result.bad for result in results)
                tell(f"{len(results)} of {len(cases)}, {bad} bad; {one.words}: {result.verdict}")

    with ExitStack() as stack:
        labs = [stack.enter_context(own_lab()) for _ in range(min(LABS, len(cases)))]
        for lab in labs:
            lab.up()
        states = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in labs]
        with ThreadPoolExecutor(len(labs)) as pool:
            list(pool.map(work, labs, states))
    return sorted(results, key=lambda result: result.case.number)


def _show(result: Result, seed: int) -> None:
    """A case that went wrong, or that was asked for, on standard error."""
    lines = [result.case.words, *(f"  ! {text}" for text in result.complaints), f"  truth: {result.truth}"]
    lines += [f"  {line}" for line in result.transcript.splitlines()]
    again = f"  again: ./dev bench faults --seed {seed} --only {result.case.number}"
    sys.stderr.write("\n".join([*lines, again, ""]))


def _figures(results: Sequence[Result], seed: int) -> Iterator[Figure]:
    for fault in Fault:
        of_fault = [result for result in results if result.case.fault is fault]
        if of_fault:
            yield Figure(name=fault.value, value=len(of_fault), unit="cases", note=_verdicts(of_fault))
    hit = sum(result.hit for result in results)
    yield Figure(
        name="all", value=len(results), unit="cases", note=f"{hit} hit before the end; {_verdicts(results)}"
    )
    for name, bad in (
        ("guests lost", [result for result in results if result.lost]),
        ("guests doubled", [result for result in results if result.doubled]),
        ("wrong verdicts", [result for result in results if result.wrong]),
    ):
        cases = ", ".join(str(result.case.number) for result in bad)
        note = f"seed {seed}, cases {cases}" if bad else f"seed {seed}"
        yield Figure(name=name, value=len(bad), unit="", at_most=0, note=note)


def _verdicts(results: Sequence[Result]) -> str:
    counted = Counter(result.verdict for result in results)
    bad = sum(result.bad for result in results)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counted.most_common())
    return f"{told}; {bad} bad" if bad else told
