"""A host's memory, from /proc/meminfo (proc(5)) and /sys/kernel/mm (the kernel's admin-guide/mm)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import humanize

from backends.model.capability import Fact, Section
from backends.probes.survey.cpuinfo import Family, family_of
from backends.probes.survey.question import Question, whole
from backends.probes.survey.readings import Readings

_MEMINFO = "/proc/meminfo"
_HUGE = "/sys/kernel/mm/hugepages"
_THP = "/sys/kernel/mm/transparent_hugepage/enabled"
_KSM = "/sys/kernel/mm/ksm"

_TOTAL = Question("memory.total", Section.MEMORY, "memory")
_AVAILABLE = Question("memory.available", Section.MEMORY, "available now")
_SWAP = Question("memory.swap", Section.MEMORY, "swap")
_HUGE_PAGES = Question("memory.huge_pages", Section.MEMORY, "huge pages")
_TRANSPARENT = Question("memory.transparent_huge_pages", Section.MEMORY, "transparent huge pages")
_SAME_PAGES = Question("memory.ksm", Section.MEMORY, "KSM")

_POOL = re.compile(re.escape(_HUGE) + r"/hugepages-(\d{1,12})kB/nr_hugepages")
_SMALL_PAGES = (Family.X86, Family.S390)
_PAGE_BYTES = 4096
"""The only size of an ordinary page on these architectures; others choose it when their kernel is built."""
_KSM_STATES = {0: "off", 1: "on", 2: "off, and what was merged is taken apart"}
"""mm/ksm.rst, `run`."""


def memory_facts(readings: Readings) -> tuple[Fact, ...]:
    """`memory.*`. Pure; what cannot be read or understood is a fact with its trouble."""
    amounts = meminfo(readings.text(_MEMINFO))
    return (
        _amount(_TOTAL, readings, amounts, "MemTotal"),
        _amount(_AVAILABLE, readings, amounts, "MemAvailable"),
        _swap(readings, amounts),
        _huge_pages(readings),
        _transparent(readings),
        _ksm(readings),
    )


def meminfo(text: str) -> Mapping[str, int]:
    """`NAME: COUNT kB` lines as bytes; what has another form is left out (counts of pages among it)."""
    amounts = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        match rest.split():
            case [count, "kB"] if (kib := whole(count)) is not None:
                amounts[name.strip()] = kib * 1024
    return amounts


def _amount(question: Question, readings: Readings, amounts: Mapping[str, int], name: str) -> Fact:
    if name not in amounts:
        return question.untold(readings, _MEMINFO)
    return question.answer(size(amounts[name]), f"{_MEMINFO}: {name}", number=amounts[name])


def _swap(readings: Readings, amounts: Mapping[str, int]) -> Fact:
    total, free = amounts.get("SwapTotal"), amounts.get("SwapFree")
    if total is None or free is None:
        return _SWAP.untold(readings, _MEMINFO)
    words = f"{size(total)}, {size(max(0, total - free))} of it used" if total else "none"
    return _SWAP.answer(words, f"{_MEMINFO}: SwapTotal, SwapFree", number=total)


def _huge_pages(readings: Readings) -> Fact:
    """Each size that has pages; the number is their bytes. hugetlbpage.rst: `nr_hugepages` are all of a size."""
    pools = []
    for path in readings.under(f"{_HUGE}/"):
        if match := _POOL.fullmatch(path):
            total = whole(readings.text(path))
            if total is None:
                return _HUGE_PAGES.untold(readings, path)
            free = whole(readings.text(path.replace("nr_hugepages", "free_hugepages")))
            pools.append((int(match[1]) * 1024, total, free))
    if not pools:
        return _HUGE_PAGES.untold(readings, _HUGE)
    pools.sort()
    told = [_pool_words(page, total, free) for page, total, free in pools if total]
    sizes = ", ".join(size(page) for page, _, _ in pools)
    words = "; ".join(told) or f"none set aside (possible: {sizes})"
    reserved = sum(page * total for page, total, _ in pools)
    return _HUGE_PAGES.answer(words, f"{_HUGE}/*/nr_hugepages, free_hugepages", number=reserved)


def _pool_words(page: int, total: int, free: int | None) -> str:
    words = f"{total} of {size(page)}"
    return words if free is None else f"{words}, {free} free"


def _transparent(readings: Readings) -> Fact:
    """`always [madvise] never`: the one in brackets holds (transhuge.rst)."""
    chosen = bracketed(readings.text(_THP))
    return _TRANSPARENT.answer(chosen, _THP) if chosen else _TRANSPARENT.untold(readings, _THP)


def bracketed(text: str) -> str:
    """The choice that holds of a sysfs file that lists all of them; empty where none is marked."""
    match = re.search(r"\[([a-z_-]{1,40})\]", text)
    return match[1] if match else ""


def _ksm(readings: Readings) -> Fact:
    """Whether pages of guests are merged, and what it saves: `pages_sharing` (ksm.rst). The number is bytes saved."""
    path = f"{_KSM}/run"
    run = whole(readings.text(path))
    if run not in _KSM_STATES:
        return _SAME_PAGES.untold(readings, path)
    words = _KSM_STATES[run]
    sharing = whole(readings.text(f"{_KSM}/pages_sharing"))
    if sharing is None:
        return _SAME_PAGES.answer(words, path)
    saved = sharing * _PAGE_BYTES if family_of(readings.text("uname -m").strip()) in _SMALL_PAGES else None
    if sharing:
        words += f", {sharing} pages saved" + (f" ({size(saved)})" if saved else "")
        words += "; what was merged stays so" if run == 0 else ""
    return _SAME_PAGES.answer(words, f"{path}, pages_sharing", number=saved)


def size(bytes_: float) -> str:
    """In words, with the binary units that memory comes in."""
    return humanize.naturalsize(bytes_, binary=True)
