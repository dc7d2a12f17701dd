"""What a host's kernel leaves of its end in pstore."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.crash import CrashKind, Source
from backends.probes.crashes import pstore
from backends.probes.crashes.looked import LogEnd
from backends.probes.crashes.sighting import Sighting
from tests.unit.crashes.looked_hosts import ANY_TEXT, NOW_S, is_presentable, log, looked, mangled
from tests.unit.crashes.test_kernel_text import KVM_NULL

LINES = KVM_NULL.strip("\n").split("\n")
AT_S = 1_779_990_000


def parts(reason: str = "Panic", *, count: int = 1) -> list[str]:
    """A kernel's end in three pieces as pstore_dump of fs/pstore/platform.c writes them: Part1 holds the newest."""
    pieces = [LINES[:8], LINES[8:14], LINES[14:]]
    return [
        f"{reason}#{count} Part{3 - index}\n" + "\n".join(f"<4>{line}" for line in piece)
        for index, piece in enumerate(pieces)
    ]


def efi(
    folder: str, texts: list[str], *, at_s: int = AT_S, backend: str = "efi", count: int = 1
) -> list[LogEnd]:
    """Named as efi-pstore names them; the order in which they come says nothing."""
    logs = []
    for text in sorted(texts):
        part = int(text.split("Part")[1].split("\n")[0])
        number = (at_s * 100 + part) * 1000 + count
        logs.append(log(f"{folder}/dmesg-{backend}-{number}", text, mtime_s=NOW_S))
    return logs


def of(logs: list[LogEnd]) -> list[Sighting]:
    return list(pstore.sightings(looked(logs=logs)))


@pytest.mark.parametrize("backend", ["efi", "efi_pstore"])
def test_the_pieces_of_one_panic_are_put_together_in_their_order(backend: str) -> None:
    (told,) = of(efi(pstore.LIVE, parts(), backend=backend))
    assert (told.kind, told.at_s, told.exact) == (CrashKind.HOST_PANIC, float(AT_S), True)
    assert told.evidence.source is Source.PSTORE
    assert told.evidence.lines[0].startswith("BUG: unable to handle kernel NULL pointer")
    assert told.evidence.lines[-1] == "Kernel panic - not syncing: Fatal exception"
    assert not told.evidence.trouble


def test_a_piece_that_is_missing_is_said() -> None:
    (told,) = of(efi(pstore.LIVE, [parts()[0], parts()[2]]))
    assert told.evidence.trouble == "1 of 3 parts are missing"
    assert told.evidence.lines[-1].startswith("Kernel panic")


def test_an_oops_that_was_survived_is_no_end_and_one_that_ended_in_a_panic_is_told_once() -> None:
    survived = [text.replace("Kernel panic - not syncing: Fatal exception", "") for text in parts("Oops")]
    assert of(efi(pstore.LIVE, survived)) == []
    both = [*efi(pstore.LIVE, survived), *efi(pstore.LIVE, parts("Panic", count=2), count=2)]
    (told,) = of(both)
    assert told.evidence.lines[-1].startswith("Kernel panic")


def test_two_panics_are_two() -> None:
    earlier = AT_S - 86_400
    changed = [text.replace("21345", "999") for text in parts()]
    told = of([*efi(pstore.LIVE, parts()), *efi(pstore.LIVE, changed, at_s=earlier)])
    assert sorted(each.at_s or 0 for each in told) == [float(earlier), float(AT_S)]


def test_what_systemd_has_put_away_is_told_once() -> None:
    """systemd-pstore writes the whole before each piece's text with the piece's name (src/pstore/pstore.c)."""
    folder = f"{pstore.KEPT}/{AT_S // 10}"
    pieces = efi(folder, parts())
    whole = "\n".join(f"{piece.path.rpartition('/')[2]}:\n{piece.text}" for piece in reversed(pieces))
    (told,) = of([*pieces, log(f"{folder}/dmesg.txt", whole)])
    assert told.evidence.path == f"{folder}/dmesg.txt"
    assert (told.at_s, told.exact) == (float(AT_S), True)
    assert told.evidence.lines[0].startswith("BUG: unable to handle")


def test_a_record_of_erst_or_ram_has_the_time_that_the_kernel_gives_the_file() -> None:
    (told,) = of([log(f"{pstore.LIVE}/dmesg-erst-6465654836573536257", "Panic#1 Part1\n<0>" + LINES[-2])])
    assert (told.at_s, told.exact) == (NOW_S, True)
    (told,) = of([log(f"{pstore.KEPT}/dmesg-ramoops-0", "Panic#1 Part1\n" + KVM_NULL)])
    assert (told.at_s, told.exact) == (NOW_S, False), "it was copied at the next start"


def test_the_last_words_on_a_console_are_an_end_only_if_they_are_one() -> None:
    (told,) = of([log(f"{pstore.LIVE}/console-ramoops-0", KVM_NULL)])
    assert told.evidence.lines[-1].startswith("Kernel panic")
    assert of([log(f"{pstore.LIVE}/console-ramoops-0", "[    5.0] reboot: Restarting system\n")]) == []


def test_what_could_not_be_unpacked_or_read_is_there_and_says_so() -> None:
    number = (AT_S * 100 + 1) * 1000 + 1
    (packed,) = of([log(f"{pstore.LIVE}/dmesg-efi-{number}.enc.z", "\ufffd\0\x1b]0;x\x07")])
    assert "compressed" in packed.evidence.trouble
    assert packed.evidence.lines == ()
    (shut,) = of(
        [
            LogEnd(
                f"{pstore.KEPT}/dmesg-efi-{number}", 900, NOW_S, "", (), "permission denied", "log in as root"
            )
        ]
    )
    assert (shut.evidence.trouble, shut.evidence.mend, shut.at_s) == (
        "permission denied",
        "log in as root",
        float(AT_S),
    )


@given(ANY_TEXT, mangled("\n".join(parts())), st.integers(0, 10**19))
def test_no_text_breaks_the_parser(text: str, other: str, number: int) -> None:
    logs = [
        log(f"{pstore.LIVE}/dmesg-efi-{number}", text),
        log(f"{pstore.LIVE}/dmesg-efi-{number + 1000}", other),
        log(f"{pstore.KEPT}/1/dmesg.txt", other),
        log(f"{pstore.LIVE}/console-ramoops-0", other),
    ]
    assert all(is_presentable(told) for told in of(logs))
