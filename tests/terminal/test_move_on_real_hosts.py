"""The main job, by keys only, in a real terminal on real hosts: a guest moves from h1 to h2 and a person watches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backends.lab.guest import Guest
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from tests.terminal.terminals import Terminal, virt_ferry

PHASES = ("preparing", "copying", "converging", "switching over", "verifying")


def on(lab: Lab) -> dict[str, str]:
    """The environment in which `--lab` means this lab."""
    return {"VIRT_FERRY_LAB": str(lab.layout.root), "VIRT_FERRY_LAB_NET": lab.layout.subnet}


def plan_move(terminal: Terminal, guest: Guest, *, bandwidth_mib_s: int) -> None:
    """From the list of guests to a checked plan that may start."""
    terminal.sees("hosts 3 up")
    terminal.sees(guest.name)
    terminal.press(f"/{guest.name}\r")
    terminal.sees(f"▸ {guest.name}")
    terminal.press("m")
    terminal.sees("choose the destination")
    terminal.press("b")
    terminal.sees("The transfer may use at most")
    terminal.press(f"{bandwidth_mib_s}\r")
    limited = f"--bandwidth {bandwidth_mib_s} "
    terminal.until(lambda: limited in " ".join(terminal.text().split()), "checked again with the limit")
    terminal.sees(f"enter moves {guest.name} to h2")


def watch_to_the_end(terminal: Terminal) -> list[tuple[str, str]]:
    """Every state of progress that was on the screen: phase and percent, as a person saw them."""
    seen: list[tuple[str, str]] = []

    def over() -> bool:
        text = terminal.text()
        phase = next((phase for phase in PHASES if phase in text), "")
        percent = re.search(r"\d+%", text)
        state = (phase, percent[0] if percent else "")
        if phase and state not in seen:
            seen.append(state)
        return "nothing left to do" in text or "left to do:" in text

    terminal.until(over, "the move ends")
    return seen


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["80x24", "200x50"])
def test_a_guest_moves_by_keys_only_and_loses_no_tick(
    lab: Lab, tmp_path: Path, size: tuple[int, int]
) -> None:
    guest = lab.guest(GuestSpec(name="traveller", dirty_mib_s=4))
    with virt_ferry("--lab", home=tmp_path, size=size, environment=on(lab)) as terminal:
        plan_move(terminal, guest, bandwidth_mib_s=16)
        with guest.watch() as ticks:
            terminal.press("\r")
            seen = watch_to_the_end(terminal)
            ticks.wait_for_more()
        card = terminal.text()
        terminal.press("\x1b")
        terminal.sees("▸ traveller")
        terminal.press("q")
        assert terminal.ends() == 0
    assert len(seen) >= 5, seen
    assert "traveller is running on h2" in card
    assert lab.where("traveller").name == "h2"
    report = ticks.report()
    assert report.intact, report
    stood_still = re.search(r"stopped (\d+) ms by libvirt", card)
    assert stood_still, card
    print(  # noqa: T201 - the figures of the run, shown by pytest -s and -rP
        f"\n{len(seen)} states of progress on the screen; stopped {stood_still[1]} ms by libvirt, largest gap"
        f" between ticks of 100 ms {report.largest_gap_s * 1000:.0f} ms from outside, none of {report.count} lost"
    )


def test_an_abort_by_keys_asks_first_and_leaves_the_guest_where_it_runs(lab: Lab, tmp_path: Path) -> None:
    guest = lab.guest(GuestSpec(name="homebody", dirty_mib_s=4))
    with virt_ferry("--lab", home=tmp_path, environment=on(lab)) as terminal:
        plan_move(terminal, guest, bandwidth_mib_s=8)
        terminal.press("\r")
        terminal.sees("copying")
        terminal.press("X")
        terminal.sees("no")
        terminal.press("y")
        terminal.until(lambda: "cancelled" in terminal.text(), "the card says that it was cancelled")
        assert "h1" in terminal.text()
    assert lab.where("homebody").name == "h1"


def test_the_programs_sudden_end_does_not_end_the_move(lab: Lab, tmp_path: Path) -> None:
    guest = lab.guest(GuestSpec(name="orphan"))
    with virt_ferry("--lab", home=tmp_path, environment=on(lab)) as terminal:
        plan_move(terminal, guest, bandwidth_mib_s=16)
        with guest.watch() as ticks:
            terminal.press("\r")
            terminal.sees("copying")
            terminal.child.kill(9)
            assert terminal.ends() == -9
            lab.host("h2").exec(
                "sh",
                "-c",
                "until virsh domstate orphan 2>/dev/null | grep -q running; do :; done",
                timeout_s=60,
            )
            ticks.wait_for_more()
    assert ticks.report().intact
