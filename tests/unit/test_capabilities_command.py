"""`virt-ferry capabilities`: what scripts and terminals are told (a scripted fleet)."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace

import pytest

from backends.api import LinkError
from backends.model.capability import (
    Fact,
    GuestKind,
    GuestWidth,
    HardwareVerdict,
    HardwareVirtualization,
    HostCapabilities,
    KindSupport,
    Section,
    Support,
)
from backends.model.host import HostName
from tests.tui.scripted import GIB, NOW, ScriptedFleet
from tests.unit.answered import ANY, H1, H2, H3, answered_by, fits_80_columns, objects, two_of_three
from tui.headless import capabilities as capabilities_module
from tui.headless.capabilities import capabilities
from tui.headless.exits import Exit
from tui.headless.paragraphs import wrap

LOCKED = HostCapabilities(
    host=H1,
    at=NOW,
    took_s=0.41234,
    commands=2,
    hardware=HardwareVirtualization(
        HardwareVerdict.LOCKED,
        "VT-x",
        "the kernel's message: kvm: disabled by bios",
        "switch on Intel Virtualization Technology in the firmware's setup, then switch the machine off and on",
        "dmesg",
    ),
    kinds=(
        KindSupport(GuestKind.FULL, Support.EMULATED, "qemu: qemu", "libvirt capabilities: guest"),
        KindSupport(GuestKind.PARA, Support.NO, "no driver of this host takes them"),
        KindSupport(GuestKind.CONTAINER, Support.YES, "lxc: exe"),
    ),
    widths=(
        GuestWidth("32-bit", True, 4 * GIB, "", "libvirt capabilities: guest/arch"),
        GuestWidth("32-bit with PAE", False, None, "the processor has no pae flag"),
        GuestWidth("64-bit", None, None, "permission denied"),
    ),
    facts=(
        Fact("processor.model", Section.PROCESSOR, "CPU model", "EPYC", "/proc/cpuinfo: model name"),
        Fact("memory.total", Section.MEMORY, "memory", "24.0 GiB", "/proc/meminfo", number=24.0 * GIB),
        Fact(
            "kernel.log",
            Section.KERNEL,
            "kernel log",
            source="dmesg",
            trouble="permission denied",
            mend="read access to the kernel's log: root, or kernel.dmesg_restrict=0",
        ),
    ),
)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """Two hosts that have answered and one that is down."""
    scripted = two_of_three()
    answered_by(monkeypatch, scripted, capabilities_module)
    return scripted


async def test_the_hardware_and_its_mend_come_first_then_kinds_widths_and_facts(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.surveys["h1"] = LOCKED
    assert await capabilities(ANY, sources=False, json=False) == Exit.SUCCEEDED
    out = capsys.readouterr().out
    title, verdict, *_ = out.splitlines()
    assert (title, verdict.split(maxsplit=2)) == (
        "h1",
        ["virtualization", "hardware", "VT-x: switched off by the firmware"],
    )
    words = " ".join(out.split())
    told = (
        "kvm: disabled by bios",
        "mend: switch on Intel Virtualization Technology",
        "full emulated only; qemu: qemu",
        "para-virtual no; no driver of this host takes them",
        "single kernel image yes; lxc: exe",
        "32-bit guests yes, with up to 4.00 GiB each",
        "32-bit with PAE guests no; the processor has no pae flag",
        "64-bit guests not known; permission denied",
        "PROCESSOR CPU model EPYC",
        "MEMORY memory 24.0 GiB",
        "KERNEL kernel log not known: permission denied needs: read access to the kernel's log",
    )
    places = [words.find(each) for each in told]
    assert -1 not in places
    assert places == sorted(places)
    assert "from:" not in out
    assert fits_80_columns(out)


async def test_each_answer_says_on_demand_where_it_was_read(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.surveys["h1"] = LOCKED
    await capabilities(ANY, sources=True, json=False)
    out = capsys.readouterr().out
    for source in ("dmesg", "libvirt capabilities: guest/arch", "/proc/cpuinfo: model name"):
        assert f"from: {source}\n" in out


async def test_scripts_get_the_verdicts_and_then_a_line_for_each_fact(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.surveys["h1"] = LOCKED
    await capabilities(ANY, sources=False, json=True)
    head, model, memory, log = objects(capsys)
    assert (head["event"], head["host"], head["took_s"], head["commands"], head["facts"]) == (
        "capabilities", "h1", 0.412, 2, 3,
    )  # fmt: skip
    assert head["hardware"] == {
        "verdict": "switched off by the firmware",
        "technology": "VT-x",
        "evidence": LOCKED.hardware.evidence,
        "mend": LOCKED.hardware.mend,
        "source": "dmesg",
    }
    kinds, widths = head["kinds"], head["widths"]
    assert isinstance(kinds, list)
    assert isinstance(widths, list)
    assert [(k["kind"], k["support"]) for k in kinds] == [
        ("full", "emulated only"),
        ("para-virtual", "no"),
        ("single kernel image", "yes"),
    ]
    assert [(w["allowed"], w["memory_limit_bytes"]) for w in widths] == [
        (True, 4 * GIB),
        (False, None),
        (None, None),
    ]
    assert model == {
        "event": "fact", "host": "h1", "id": "processor.model", "section": "processor", "label": "CPU model",
        "value": "EPYC", "number": None, "source": "/proc/cpuinfo: model name", "trouble": "", "mend": "",
    }  # fmt: skip
    assert memory["number"] == 24 * GIB
    assert (log["value"], log["trouble"]) == ("", "permission denied")
    assert "dmesg_restrict" in str(log["mend"])


async def test_a_host_that_fails_is_told_on_standard_error_and_stops_no_other(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.surveys["h1"] = LinkError("the connection was lost", host="h1", hint="is it up?")
    fleet.surveys["h2"] = replace(LOCKED, host=H2)
    assert await capabilities(ANY, sources=False, json=True) == Exit.SUCCEEDED
    said = capsys.readouterr()
    assert {json.loads(line)["host"] for line in said.out.splitlines()} == {"h2"}
    assert said.err == "virt-ferry: h1: the connection was lost (is it up?)\n"
    assert ("survey", H3) not in fleet.asked, "it is down, and that was told before"


async def test_when_no_host_answers_the_command_has_failed(fleet: ScriptedFleet) -> None:
    assert await capabilities(ANY, sources=False, json=True) == Exit.FAILED


async def test_no_host_waits_for_another(fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: set[str] = set()
    both = asyncio.Event()

    async def survey(host: HostName) -> HostCapabilities:
        begun.add(host)
        if begun == {"h1", "h2"}:
            both.set()
        await both.wait()
        return replace(LOCKED, host=host)

    monkeypatch.setattr(fleet, "survey", survey)
    async with asyncio.timeout(5):
        assert await capabilities(ANY, sources=False, json=True) == Exit.SUCCEEDED


def test_words_are_wrapped_by_the_cells_they_cover_and_never_broken() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("読み 書き", 7) == ["読み", "書き"]
    path = "/sys/module/kvm_intel/parameters/nested"
    assert wrap(f"see {path} there", 10) == ["see", path, "there"]
    assert wrap("", 10) == [""]


async def test_a_label_wider_than_its_column_moves_nothing(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    long = Fact("x.y", Section.DEVICES, "a label that somebody has made much too long", "value")
    fleet.surveys["h1"] = replace(LOCKED, facts=(*LOCKED.facts, long))
    await capabilities(ANY, sources=False, json=False)
    out = capsys.readouterr().out
    assert fits_80_columns(out)
    lines = out.splitlines()
    column = next(line.index("EPYC") for line in lines if "EPYC" in line)
    assert lines[lines.index(f"  {long.label}") + 1].index("value") == column


async def test_nothing_but_text_goes_into_a_pipe(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not sys.stdout.isatty()
    fleet.surveys["h1"] = LOCKED
    await capabilities(ANY, sources=True, json=False)
    assert "\x1b" not in capsys.readouterr().out
