"""What hosts can do, who takes whose guests and how safe they are, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backends.errors import LinkError
from backends.model.capability import Fact, GuestWidth, HardwareVerdict, Section, Support
from backends.model.comparison import Fit, HostFit
from backends.model.host import HostName
from backends.model.posture import Severity
from tests.tui.capable import (
    FINDINGS,
    LACKS,
    all_fit,
    baseline,
    capabilities,
    comparison,
    guest_fit,
    half_fit,
    hardware,
    posture,
)
from tui.glyphs import ASCII, UNICODE
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, flow, length
from tui.words.baseline import baseline_page
from tui.words.capabilities import (
    capability_lines,
    survey_cost,
    verdict_words,
    virtualization_cell,
    width_cell,
)
from tui.words.comparison import fit_cell, fit_lines, left_out_lines, row_lines
from tui.words.facts import facts_page
from tui.words.posture import (
    finding_lines,
    not_asked,
    nothing_found,
    posture_filter,
    posture_heading,
    rows_of,
    severity_cell,
)

GIB = 1024**3
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def text(lines: list[Line]) -> str:
    """Without tones."""
    return "\n".join("".join(cell.text for cell in line) for line in lines)


@pytest.mark.parametrize(
    ("verdict", "sentence", "cell"),
    [
        (HardwareVerdict.USABLE, "VT-x is usable", "✓ usable"),
        (HardwareVerdict.NESTED, "AMD-V is usable; this host is itself a guest", "✓ nested"),
        (
            HardwareVerdict.LOCKED,
            "the processor has VT-x, and the firmware has switched it off",
            "✘ locked",
        ),
        (
            HardwareVerdict.NO_MODULE,
            "the processor has AMD-V, and the kernel's module for it is not loaded",
            "! no module",
        ),
        (HardwareVerdict.TAKEN, "VT-x is taken by another hypervisor", "! taken"),
        (HardwareVerdict.NONE, "no hardware virtualization here", "– none"),
        (HardwareVerdict.UNKNOWN, "not known whether there is hardware virtualization", "? unknown"),
    ],
)
def test_each_verdict_has_its_own_sentence_and_its_own_sign_and_word(
    verdict: HardwareVerdict, sentence: str, cell: str
) -> None:
    assert verdict_words(hardware(verdict)) == sentence
    assert virtualization_cell(capabilities("h1", verdict, Support.NO), UNICODE).text == cell


def test_no_verdict_is_told_by_a_sign_that_a_plain_terminal_lacks() -> None:
    for verdict in HardwareVerdict:
        assert text(capability_lines(capabilities("h1", verdict), ASCII, 80)).isascii()
        assert text(facts_page(capabilities("h1", verdict), ASCII, 80, sources=True)).isascii()


def test_without_hardware_the_column_says_that_guests_are_emulated() -> None:
    without = capabilities("h1", HardwareVerdict.NONE, Support.EMULATED)
    assert virtualization_cell(without, UNICODE).text == "! emulated"


def test_what_libvirt_offers_counts_where_the_processor_could_not_be_looked_at() -> None:
    offered = capabilities("h1", HardwareVerdict.UNKNOWN, Support.HARDWARE)
    assert virtualization_cell(offered, UNICODE).text == "✓ usable"


def test_a_locked_processor_is_told_with_how_it_was_seen_and_what_to_switch_on() -> None:
    shown = text(capability_lines(capabilities("h1", HardwareVerdict.LOCKED), UNICODE, 120))
    assert "kernel: kvm: disabled by bios" in shown
    assert "→ switch on Intel Virtualization Technology" in shown


def test_the_three_kinds_and_the_widths_of_guests_fit_a_narrow_screen() -> None:
    shown = capability_lines(capabilities("h1"), UNICODE, 80)
    assert all(length(line) <= 80 + 3 for line in shown)
    for words in ("full ✓ by hardware", "para-virtual – no", "single kernel image ✓ yes", "64-bit ✓ yes"):
        assert words in text(shown)


def test_a_width_is_told_with_the_memory_that_it_reaches() -> None:
    assert width_cell(GuestWidth("32-bit with PAE", True, 64 * GIB), UNICODE).text == "✓ yes, up to 64 G"
    assert width_cell(GuestWidth("64-bit", False), UNICODE).text == "– no"
    assert width_cell(GuestWidth("64-bit", None), UNICODE) == Cell("? not known", Tone.DIM)


def test_groups_are_not_torn_apart_at_the_end_of_a_line() -> None:
    lines = flow("label", [(dim("a" * 20),), (dim("b" * 20),), (dim("c" * 20),)], 60)
    assert text(lines).split() == ["label", "a" * 20, "b" * 20, "c" * 20]
    assert len(lines) == 2


def test_an_answer_is_priced_in_commands() -> None:
    assert survey_cost(capabilities("h1")) == "2 commands in 0.8 s"
    assert survey_cost(replace(capabilities("h1"), commands=0)) == "by libvirt alone in 0.8 s"


# -- the page -----------------------------------------------------------------------------------------


def test_the_page_begins_with_the_verdict_and_its_mend() -> None:
    lines = text(facts_page(capabilities("h1", HardwareVerdict.LOCKED), UNICODE, 100, sources=False))
    first = lines.splitlines()[:4]
    assert first[0] == " HARDWARE VIRTUALIZATION"
    assert "the firmware has switched it off" in first[1]
    assert "→ switch on" in "".join(first)


def test_sections_come_in_their_order() -> None:
    shown = text(facts_page(capabilities("h1"), UNICODE, 100, sources=False))
    places = [shown.index(f"\n {section.value.upper()}\n") for section in Section]
    assert places == sorted(places)


def test_an_unknown_fact_says_why_and_what_would_tell_it() -> None:
    shown = text(facts_page(capabilities("h1"), UNICODE, 100, sources=False))
    assert "firmware             ? not known: permission denied" in shown
    assert "→ log in as root, or give this account leave" in shown
    assert "? not known: this host does not tell" in shown


def test_sources_are_shown_on_demand_only() -> None:
    source = "from /proc/cpuinfo: model name"
    assert source not in text(facts_page(capabilities("h1"), UNICODE, 100, sources=False))
    assert source in text(facts_page(capabilities("h1"), UNICODE, 100, sources=True))


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_the_page_never_runs_over_the_edge(width: int) -> None:
    shown = facts_page(capabilities("h1", HardwareVerdict.LOCKED), UNICODE, width, sources=True)
    assert max(map(length, shown)) <= width


def test_the_page_is_narrowed_by_words_of_labels_values_sections_and_ids() -> None:
    def labels(query: str) -> str:
        return text(facts_page(capabilities("h1"), UNICODE, 100, sources=False, query=query))

    assert "CPU model" in labels("xeon")
    assert "memory  " not in labels("xeon")
    assert "NUMA nodes" in labels("processor numa")
    assert "IOMMU" in labels("devices.iommu")
    assert labels("no such thing") == " No fact has these words: esc shows all."


def test_a_fact_with_an_empty_value_is_a_dash_and_no_blank() -> None:
    empty = capabilities("h1", facts=[Fact("kernel.tainted", Section.KERNEL, "taint")])
    assert "taint                –" in text(facts_page(empty, UNICODE, 100, sources=False))


# -- who takes whose guests ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (all_fit("h1", "h2"), "✓ 2/2"),
        (half_fit("h1", "h2"), "~ 1/2"),
        (replace(half_fit("h1", "h2"), fit=Fit.NO, guests=half_fit("h1", "h2").guests[1:]), "✘ 0/1"),
        (HostFit(HostName("h1"), HostName("h2"), Fit.UNKNOWN), "? unknown"),
        (HostFit(HostName("h1"), HostName("h2"), Fit.YES), "✓ fits"),
        (HostFit(HostName("h1"), HostName("h2"), Fit.NO), "✘ no"),
        (None, "–"),
    ],
)
def test_a_cell_is_a_sign_and_a_count(fit: HostFit | None, words: str) -> None:
    assert fit_cell(fit, UNICODE).text == words


def test_the_pane_names_what_each_guest_lacks_and_who_can_go() -> None:
    shown = text(fit_lines(half_fit("h1", "h2"), UNICODE, 100))
    assert "~ 1 of 2 guests can go there" in shown
    assert "✘ db-h1\n" in shown
    assert "avx2, bmi2" in shown
    assert "→ give the guest a common processor" in shown
    assert "✓ can go: web-h1" in shown


def test_features_that_the_words_do_not_name_are_named_all_the_same() -> None:
    fit = replace(
        half_fit("h1", "h2"),
        obstacles=(replace(LACKS, words="the processor is older", missing=("avx512f", "pku")),),
    )
    assert "missing: avx512f, pku" in text(fit_lines(fit, UNICODE, 100))


def test_a_doubt_looks_other_than_a_certain_obstacle() -> None:
    doubt = replace(LACKS, certain=False, words="libvirt 9.0 is older")
    fit = replace(all_fit("h1", "h2"), guests=(guest_fit("h1", "web", "h2", Fit.UNKNOWN, doubt),))
    shown = text(fit_lines(fit, UNICODE, 100))
    assert "! processor: libvirt 9.0 is older" in shown
    assert "? web\n" in shown


def test_guests_with_the_same_obstacles_are_told_together_and_nothing_is_said_twice() -> None:
    stuck = [guest_fit("h1", name, "h2", Fit.NO, LACKS) for name in ("web", "db")]
    asleep = replace(guest_fit("h1", "old", "h2", Fit.NO, LACKS), active=False)
    whole = HostFit(HostName("h1"), HostName("h2"), Fit.NO, (), (*stuck, asleep))
    shown = text(fit_lines(whole, UNICODE, 100))
    assert "✘ web, db, old (off)\n" in shown
    assert shown.count("avx2") == 1
    shown = text(fit_lines(replace(whole, obstacles=(LACKS,)), UNICODE, 100))
    assert "for what is said above" in shown and "above, and" not in shown
    assert shown.count("avx2") == 1


def test_what_is_against_a_new_guest_is_not_said_of_guests_that_can_go() -> None:
    shown = text(fit_lines(replace(all_fit("h1", "h2"), fit=Fit.PART, obstacles=(LACKS,)), UNICODE, 100))
    assert "a new guest with the processor of h1:\n" in shown
    assert "all guests:" not in shown
    assert "✓ can go: web-h1, db-h1" in shown


def test_a_guest_that_a_second_thing_stops_is_told_of_both() -> None:
    older = replace(LACKS, words="libvirt 9.0 is older", missing=())
    stuck = (guest_fit("h1", "web", "h2", Fit.NO, LACKS, older),)
    shown = text(fit_lines(HostFit(HostName("h1"), HostName("h2"), Fit.NO, (LACKS,), stuck), UNICODE, 100))
    assert "for what is said above, and:\n" in shown
    assert shown.count("avx2") == 1 and "libvirt 9.0 is older" in shown


def test_what_is_not_known_is_not_counted_as_a_no() -> None:
    guests = (guest_fit("h1", "web", "h2", Fit.UNKNOWN), guest_fit("h1", "db", "h2", Fit.UNKNOWN))
    unknown = HostFit(HostName("h1"), HostName("h2"), Fit.UNKNOWN, (), guests)
    assert fit_cell(unknown, UNICODE).text == "? unknown"
    assert "? not known whether any of its 2 guests can go there" in text(fit_lines(unknown, UNICODE, 100))


def test_a_host_on_the_diagonal_tells_where_its_guests_can_go() -> None:
    whole = comparison("h1", "h2", "h3", special={("h1", "h2"): half_fit("h1", "h2")})
    shown = text(row_lines(whole, HostName("h1"), UNICODE, 100)).splitlines()
    assert shown[1].split() == ["h2", "~", "1/2", "lacks", "avx2,", "bmi2"]
    assert shown[2].split() == ["h3", "✓", "2/2"]


def test_a_host_without_guests_is_judged_by_a_new_one() -> None:
    fit = HostFit(HostName("h1"), HostName("h2"), Fit.NO, (LACKS,))
    assert "✘ no guests now; one made for h1 would not run there" in text(fit_lines(fit, UNICODE, 100))


def test_hosts_that_were_left_out_say_why() -> None:
    assert text(left_out_lines([(HostName("h9"), "no route to host")], 80)) == (
        " h9 is left out: no route to host"
    )


def test_a_common_processor_tells_what_to_paste_what_is_given_up_and_who_restarts() -> None:
    shown = text(baseline_page(baseline("h1", "h2"), UNICODE, 100))
    assert "<model fallback='forbid'>SandyBridge</model>" in shown
    assert " h1   avx2, bmi2" in shown
    assert " h2   nothing" in shown
    assert shown.index("! must be restarted") < shown.index("db on h1") < shown.index("✓ can move to all")
    assert shown.index("✓ can move to all") < shown.index("web on h1")


# -- how safe -----------------------------------------------------------------------------------------


def test_the_severities_are_told_apart_by_sign_and_word() -> None:
    for glyphs in (UNICODE, ASCII):
        cells = {severity_cell(severity, glyphs).text for severity in Severity}
        assert len({cell[0] for cell in cells}) == len(Severity)


def test_a_finding_is_told_with_evidence_mend_and_source() -> None:
    row = rows_of(posture("h1"))[1]
    shown = text(finding_lines(row, UNICODE, 100))
    for words in (
        "! medium",
        "web-01 on h1",
        "asks for no confinement",
        "take <seclabel type='none'/> out",
        "source",
    ):
        assert words in shown


def test_two_findings_of_one_kind_are_two_rows() -> None:
    rows = rows_of(posture("h1", FINDINGS[0], FINDINGS[0]))
    assert len({row.key for row in rows}) == 2


def test_a_host_that_could_not_be_asked_is_neither_good_nor_bad() -> None:
    row = not_asked(HostName("h3"), LinkError("login refused", hint="check the key"))
    assert row.finding.severity is Severity.UNKNOWN
    assert "login refused" in text(finding_lines(row, UNICODE, 80))
    assert "check the key" in text(finding_lines(row, UNICODE, 80))


def test_the_heading_counts_and_says_that_good_findings_are_hidden() -> None:
    rows = rows_of(posture("h1"))
    assert "1 good (not shown)" in text([posture_heading(rows, (), shows_good=False)])
    assert "not shown" not in text([posture_heading(rows, (), shows_good=True)])
    assert "asking h2, h3 ..." in text([posture_heading(rows, ("h2", "h3"), shows_good=True)])
    assert "asking 5 hosts ..." in text([posture_heading(rows, ("a", "b", "c", "d", "e"), shows_good=True)])


def test_an_empty_table_says_whether_that_is_good() -> None:
    good = posture("h1", FINDINGS[-1])
    assert nothing_found({}, ["h1"]).startswith("Asking h1")
    assert nothing_found({}, []).startswith("No host answers")
    assert nothing_found({good.host: good}, []).startswith("Nothing found that needs you.")


def test_findings_are_filtered_by_field() -> None:
    keep = posture_filter("severity:high,medium guest:web")
    assert keep is not None
    assert [row.finding.id for row in rows_of(posture("h1")) if keep(row)] == ["guests.confinement"]


def test_findings_are_filtered_by_words_of_what_was_seen() -> None:
    keep = posture_filter("16509")
    assert keep is not None
    assert [row.finding.id for row in rows_of(posture("h1")) if keep(row)] == ["libvirt.tcp"]
