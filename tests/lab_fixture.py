"""Real hosts for tests: `lab` is a lab of the test session's own, clean at the start of every test.

It never is the user's own lab, and sessions that run at the same time get different ones. Where no lab can
run, the tests that need one are skipped by name with the reason; with CI=true they fail instead.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import platformdirs
import pytest

from backends.lab.lab import Lab
from backends.lab.layout import Layout
from backends.lab.prepare import why_not

SUBNETS = tuple(f"10.{number}.0" for number in range(90, 122))


@contextmanager
def own_layout() -> Iterator[Layout]:
    """A folder and a subnet that no other test uses now; the lock goes with the process, however it ends."""
    prepared = Layout.from_environment().prepared
    labs = Path(platformdirs.user_cache_dir("virt-ferry"), "test-labs")
    labs.mkdir(parents=True, exist_ok=True, mode=0o700)
    for subnet in SUBNETS:
        with (labs / f"{subnet}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield Layout(root=labs / subnet, subnet=subnet, prepared=prepared)
            return
    pytest.fail("every subnet for test labs is in use")


@contextmanager
def own_lab() -> Iterator[Lab]:
    """A lab that is down, and will be down again; what a killed test left in its place is removed."""
    with own_layout() as layout:
        lab = Lab(layout)
        lab.down()
        try:
            yield lab
        finally:
            lab.down()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Three hosts and a storage node, up for the whole session. See `_clean_lab` for what a test finds."""
    with own_lab() as lab:
        lab.up()
        yield lab


@pytest.fixture(autouse=True)
def _clean_lab(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test that used the lab: no faults and no guests are left."""
    yield
    if "lab" in request.fixturenames:
        session_lab: Lab = request.getfixturevalue("lab")
        session_lab.repair()
        session_lab.clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever uses the lab is marked so: `-m 'not lab'` leaves out all that needs root."""
    for item in items:
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.lab)


@cache
def no_lab_because() -> str:
    """Asked once a session, as it starts a process."""
    return why_not()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("lab") is None or not no_lab_because():
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"no lab on a CI machine: {no_lab_because()}", pytrace=False)
    pytest.skip(f"no lab here: {no_lab_because()}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much went untried, so that a green run without a lab does not pass for a full one."""
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if "no lab here" in str(report.longrepr)
    ]
    for report in skipped:
        terminalreporter.write_line(f"not run: {report.nodeid}")
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} tests need real hosts and did not run: {no_lab_because()}", yellow=True
        )
