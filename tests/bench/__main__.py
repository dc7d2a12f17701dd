"""`python -m tests.bench [NAME...] [--json]`: run benchmarks, print their figures beside the aims.

The exit status is 0 also when an aim is missed, and 1 when a benchmark could not be carried out, or when one that is a
proof (`faults`) found what must not be.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence

from backends.lab.errors import LabError
from backends.lab.prepare import why_not
from tests.bench.capabilities import capabilities
from tests.bench.crashes import crashes
from tests.bench.crowd import crowd
from tests.bench.faults import faults
from tests.bench.figures import Figure, table
from tests.bench.frozen import frozen
from tests.bench.killed import killed
from tests.bench.logs import logs
from tests.bench.move import move
from tests.bench.options import Benchmark, Options, Tell
from tests.bench.start import start
from tests.bench.stop import stop
from tests.bench.storage import storage
from tests.bench.terminal import NeverShownError

BENCHMARKS: dict[str, Benchmark] = {
    "start": start,
    "crowd": crowd,
    "capabilities": capabilities,
    "storage": storage,
    "crashes": crashes,
    "logs": logs,
    "frozen": frozen,
    "move": move,
    "killed": killed,
    "faults": faults,
    "stop": stop,
}
NEED_LAB = ("frozen", "move", "killed", "faults", "stop", "capabilities", "storage", "crashes", "logs")
PROOFS = ("faults",)
"""Here a missed aim is a failure."""


def main() -> int:
    """Run what was asked for; all by default."""
    arguments = _arguments()
    options = Options(
        starts=arguments.starts,
        idle_s=arguments.idle,
        keys=arguments.keys,
        pairs=arguments.pairs,
        count=arguments.count,
        seed=arguments.seed,
        only=arguments.only,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that a lab is taken down
    failed = 0
    for name in arguments.names or BENCHMARKS:
        if name in NEED_LAB and (reason := why_not()):
            _say(name, f"not run: {reason}", as_json=arguments.json)
            continue
        try:
            figures = list(BENCHMARKS[name](options, _teller(name)))
            _print(name, figures, as_json=arguments.json)
            failed += name in PROOFS and any(figure.verdict == "over" for figure in figures)
        except (NeverShownError, LabError) as error:
            _say(name, f"failed: {error}", as_json=arguments.json)
            failed += 1
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    usual = Options()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--starts", type=int, default=usual.starts, help="starts of each kind")
    parser.add_argument("--idle", type=float, default=usual.idle_s, help="seconds of doing nothing")
    parser.add_argument("--keys", type=int, default=usual.keys, help="keys of each kind")
    parser.add_argument("--pairs", type=int, default=usual.pairs, help="rounds of moves")
    parser.add_argument("--count", type=int, default=usual.count, help="faults, or kills")
    parser.add_argument("--only", type=int, default=usual.only, help="the one fault to try again")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the random choices")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    return arguments


def _print(name: str, figures: Sequence[Figure], *, as_json: bool) -> None:
    load = os.getloadavg()[0]
    if as_json:
        for figure in figures:
            print(json.dumps(figure.as_json(name)))
        print(json.dumps({"event": "done", "benchmark": name, "load": load, "processors": os.cpu_count()}))
    else:
        print(f"\n{name}  ({os.cpu_count()} processors, load {load:.1f} at the end)")
        print("\n".join(f"  {line}" for line in table(figures)))
    sys.stdout.flush()


def _say(name: str, text: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"event": "note", "benchmark": name, "text": text}))
    else:
        print(f"\n{name}  {text}")


def _teller(name: str) -> Tell:
    """Progress goes to standard error, on one line that is overwritten; nothing when that is no terminal."""

    def tell(text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{name}: {text}\r")
            sys.stderr.flush()

    return tell


if __name__ == "__main__":
    sys.exit(main())
