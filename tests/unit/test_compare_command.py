"""`virt-ferry compare`: what scripts and terminals are told (a scripted fleet)."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from backends.api import ActionError
from backends.model.comparison import (
    Baseline,
    BaselineGuest,
    Comparison,
    Fit,
    GuestFit,
    HostFit,
    Hurdle,
    Obstacle,
)
from backends.model.guest import GuestState
from backends.model.host import HostName
from tests.tui.scripted import NOW, ScriptedFleet, guest
from tests.unit.answered import (
    ANY,
    H1,
    H2,
    H3,
    MAIL,
    WEB,
    answered_by,
    fits_80_columns,
    objects,
    two_of_three,
)
from tui.headless import compare as compare_module
from tui.headless.compare import compare
from tui.headless.exits import Exit, UsageError

OLD = guest("h2", "old", GuestState.OFF)

LACKS = Obstacle(
    Hurdle.CPU,
    certain=True,
    words="h2 does not offer avx2",
    missing=("avx2", "fma"),
    mend="give the guests the common processor: virt-ferry compare --baseline",
)
OLDER = Obstacle(Hurdle.VERSION, certain=False, words="QEMU 9.0.0 on h1, 8.2.0 on h2")
COMPARED = Comparison(
    hosts=(H1, H2),
    at=NOW,
    fits=(
        HostFit(
            H1,
            H2,
            Fit.PART,
            (LACKS,),
            (
                GuestFit(WEB.key, "web", True, H2, Fit.NO, (LACKS,)),
                GuestFit(MAIL.key, "mail", True, H2, Fit.YES, (OLDER,)),
            ),
        ),
        HostFit(H2, H1, Fit.YES),
    ),
)

CPU_XML = "<cpu mode='custom' match='exact'>\n  <model fallback='forbid'>Haswell-noTSX</model>\n</cpu>"
COMMON = Baseline(
    hosts=(H1, H2),
    arch="x86_64",
    kind="kvm",
    model="Haswell-noTSX",
    xml=CPU_XML + "\n",
    dropped=((H1, ("avx512f", "avx512bw")), (H2, ())),
    guests=(
        BaselineGuest(WEB.key, "web", fits_already=False, needs_restart=True, reason="it has avx512f"),
        BaselineGuest(MAIL.key, "mail", fits_already=True, needs_restart=False),
        BaselineGuest(OLD.key, "old", fits_already=False, needs_restart=False, reason="it has avx512bw"),
    ),
)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """Two hosts that have answered and one that is down."""
    scripted = two_of_three()
    answered_by(monkeypatch, scripted, compare_module)
    return scripted


async def test_the_matrix_reads_from_the_left_to_the_top_and_names_what_is_missing(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.comparison = COMPARED
    assert await compare(ANY, baseline=False, json=False) == Exit.SUCCEEDED
    out = capsys.readouterr().out
    title, first, second, *_ = out.splitlines()
    assert title.split() == ["FROM", "\\", "TO", "h1", "h2"]
    assert first.split() == ["h1", "-", "part", "1/2"]
    assert second.split() == ["h2", "yes", "-"]
    words = " ".join(out.split())
    assert "h1 to h2: in part; of its 2 guests 1 can go there, 1 cannot" in words
    assert "processor h2 does not offer avx2 missing: avx2, fma for: a new guest, web mend: give" in words
    assert "version in doubt: QEMU 9.0.0 on h1, 8.2.0 on h2 for: mail" in words
    assert "h2 to h1" not in out, "nothing stands against it"
    assert fits_80_columns(out)


async def test_what_stops_all_guests_names_none_and_what_nobody_knows_counts_none(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    guests = tuple(GuestFit(each.key, each.name, True, H2, Fit.UNKNOWN, (OLDER,)) for each in (WEB, MAIL))
    fleet.comparison = Comparison((H1, H2), NOW, (HostFit(H1, H2, Fit.UNKNOWN, (OLDER,), guests),))
    await compare(ANY, baseline=False, json=False)
    words = " ".join(capsys.readouterr().out.split())
    assert "h1 to h2: not known; of its 2 guests 2 perhaps" in words
    assert "for: a new guest, all 2 guests" in words


async def test_a_matrix_wider_than_the_terminal_goes_on_below(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = tuple(HostName(f"compute-{number:02}.example.net") for number in range(12))
    fits = tuple(HostFit(a, b, Fit.YES) for a in hosts for b in hosts if a != b)
    fleet.comparison = Comparison(hosts, NOW, fits)
    await compare(ANY, baseline=False, json=False)
    out = capsys.readouterr().out
    assert fits_80_columns(out)
    titles = [line.split()[3:] for line in out.splitlines() if line.startswith("FROM")]
    assert len(titles) > 1
    assert [host for title in titles for host in title] == list(hosts)
    assert out.count("yes") == len(fits)


async def test_scripts_get_a_line_for_each_pair_each_guest_and_the_end(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.comparison = replace(COMPARED, left_out=((H3, "connection refused"),))
    await compare(ANY, baseline=False, json=True)
    pair, web, mail, back, end = objects(capsys)
    assert (pair["event"], pair["source"], pair["destination"], pair["fit"]) == (
        "host_fit", "h1", "h2", "in part",
    )  # fmt: skip
    assert (pair["fitting"], pair["guests"]) == (1, 2)
    assert (web["event"], web["guest"], web["uuid"], web["fit"]) == ("guest_fit", "web", WEB.key.uuid, "no")
    assert web["obstacles"] == [
        {
            "hurdle": "processor",
            "certain": True,
            "words": LACKS.words,
            "missing": ["avx2", "fma"],
            "mend": LACKS.mend,
        }
    ]
    assert (mail["guest"], mail["fit"]) == ("mail", "yes")
    assert (back["source"], back["fit"], back["obstacles"]) == ("h2", "yes", [])
    assert (end["event"], end["hosts"]) == ("comparison", ["h1", "h2"])
    assert end["left_out"] == [{"host": "h3", "reason": "connection refused"}]


async def test_a_host_that_was_left_out_is_told_once(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.comparison = replace(COMPARED, left_out=((H2, "no answer within 8 s"), (H3, "connection refused")))
    await compare(ANY, baseline=False, json=True)
    assert capsys.readouterr().err == "virt-ferry: h2 is left out: no answer within 8 s\n"


async def test_fewer_than_two_answers_are_no_comparison(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.comparison = Comparison((H1,), NOW, (), ((H2, "gone"),))
    assert await compare(ANY, baseline=False, json=False) == Exit.FAILED
    assert "fewer than two hosts answer" in capsys.readouterr().out


async def test_one_host_cannot_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = ScriptedFleet("h1")
    answered_by(monkeypatch, alone, compare_module)
    with pytest.raises(UsageError, match="one host alone"):
        await compare(ANY, baseline=False, json=False)


async def test_the_common_processor_ends_with_xml_that_can_be_pasted(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.common = COMMON
    assert await compare(ANY, baseline=True, json=False) == Exit.SUCCEEDED
    out = capsys.readouterr().out
    assert out.endswith(f"\n\n{CPU_XML}\n")
    words = " ".join(out.split())
    assert words.startswith("Haswell-noTSX for kvm guests, x86_64 on h1, h2")
    assert "h1 loses avx512f, avx512bw h2 loses nothing" in words
    assert "1 of 3 guests can move to all of these hosts as they are" in words
    assert "must be shut down and started anew to get it: h1/web it has avx512f" in words
    assert "get it at their next start: h2/old it has avx512bw" in words
    assert "h1/mail" not in words


async def test_scripts_get_the_common_processor_in_one_object(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.common = COMMON
    await compare(ANY, baseline=True, json=True)
    (line,) = objects(capsys)
    assert (line["event"], line["model"], line["kind"], line["xml"]) == (
        "baseline", "Haswell-noTSX", "kvm", COMMON.xml,
    )  # fmt: skip
    assert line["dropped"] == [
        {"host": "h1", "features": ["avx512f", "avx512bw"]},
        {"host": "h2", "features": []},
    ]
    assert line["guests"] == [
        {
            "host": "h1", "guest": "web", "uuid": WEB.key.uuid, "fits_already": False,
            "needs_restart": True, "reason": "it has avx512f",
        },
        {
            "host": "h1", "guest": "mail", "uuid": MAIL.key.uuid, "fits_already": True,
            "needs_restart": False, "reason": "",
        },
        {
            "host": "h2", "guest": "old", "uuid": OLD.key.uuid, "fits_already": False,
            "needs_restart": False, "reason": "it has avx512bw",
        },
    ]  # fmt: skip


async def test_hosts_without_a_common_processor_are_an_error(fleet: ScriptedFleet) -> None:
    with pytest.raises(ActionError, match="no processor in common"):
        await compare(ANY, baseline=True, json=True)


async def test_nothing_but_text_goes_into_a_pipe(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not sys.stdout.isatty()
    fleet.comparison = COMPARED
    await compare(ANY, baseline=False, json=False)
    assert "\x1b" not in capsys.readouterr().out
