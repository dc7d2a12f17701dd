"""What Xen's toolstacks keep of guests: libvirt's libxl driver, xl, xend of old systems, and QEMU as device model.

xl and QEMU write no times, so the file's own time is all there is: it happened then or before. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes import host_time, xen_names
from backends.probes.crashes.log_time import STAMP, seconds
from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import LogsWanted, Wanted
from backends.probes.survey.asking import Questions
from backends.untrusted import clean

LIBXL, XEN = "/var/log/libvirt/libxl", "/var/log/xen"
_DRIVER = "libxl-driver"
_FAILED = (
    r"domcreate_\w+: |initiate_domain_create: |do_domain_create: |libxl__domain_config_setdefault: |libxl__build_\w+: |"
    r"device_model_postconfig_done: |device_pci_add_done: |pci_add_dm_done: |device_backend_callback: |"
    r"device_hotplug_child_death_cb: |libxl__domain_make: |xc_dom_\w+: |console_xswait_callback: "
)
"""Functions of libxl that speak only while they start a domain and something goes wrong."""
_XEND = (
    r"Domain has (?:crashed|shutdown): name=|VmError: |XendDomainInfo\.create\(|Hotplug scripts not working"
)
_MODEL_DIED = (
    r"[Aa]ssertion|hardware error|stack smashing|double free|Segmentation fault|Bail out|load of migration failed|"
    r"[Cc]ould not open|failed to find romfile|Failed to get (?:shared )?\"|cannot set up guest memory"
)


def _all(folder: str, name: str) -> tuple[str, ...]:
    return f"{folder}/{name}.log", f"{folder}/{name}.log.[0-9]*", f"{folder}/{name}.log-[0-9]*"


_DRIVER_LOGS = LogsWanted(_all(LIBXL, "*"), keep=rf"^Domain start: |{_FAILED}".replace(r"\w", "[a-z_0-9]"))
_XL_LOGS = LogsWanted(_all(XEN, "xl-*"), end_bytes=32 * 1024)
_MODEL_LOGS = LogsWanted(_all(XEN, "qemu-dm-*"), end_bytes=16 * 1024)
_XEND_LOGS = LogsWanted(_all(XEN, "xend"), keep=_XEND.replace("(?:", "("), end_bytes=128 * 1024)
WANTED = Wanted(
    questions=Questions(commands=(host_time.ZONE, xen_names.LIST)),
    logs=(_DRIVER_LOGS, _XL_LOGS, _MODEL_LOGS, _XEND_LOGS),
)

_START_FAILED = re.compile(_FAILED)
_STAMPED = re.compile(rf"(?P<at>{STAMP}): ")
_SHUT_DOWN = re.compile(r"Domain (?P<domid>\d{1,5}) has shut down, reason code (?P<code>\d{1,3})\b")
_CODES = {"3": CrashKind.PANIC, "4": CrashKind.ENDED}
"""SHUTDOWN_crash and SHUTDOWN_watchdog (xen/include/public/sched.h)."""
_MODEL_LINE = re.compile(_MODEL_DIED)
_MODEL_ENDED = re.compile(
    r"[Aa]ssertion|hardware error|stack smashing|double free|Segmentation fault|Bail out"
)
_XEND_LINE = re.compile(
    r"\[(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:xend )?\d{1,9}\] [A-Z]{3,8} \(\w{1,64}:\d{1,6}\) ?(?P<said>.*)"
)
_XEND_CRASHED = re.compile(r"Domain has crashed: name=(?P<name>.{1,255}) id=\d{1,5}\.$")
_XEND_CREATED = re.compile(r"XendDomainInfo\.create\(.{0,80}?\['name', '(?P<name>[^']{1,255})'\]")
_NAME = re.compile(r"/(?:libxl/|xl-|qemu-dm-)(?P<name>[^/]+?)\.log(?:[.-]\d{1,10})*(?:\.(?:gz|xz|bz2|zst))?$")
_TOGETHER_S = 5.0
"""Lines of one start of which no guest is told."""
_MOST_LINES = 12
_LINE_LIMIT = 400
_LONGEST = 4096

_Line = tuple[int | None, str]


def sightings(looked: Looked) -> Iterator[Sighting]:
    """Pure."""
    for log in looked.logs_like(f"{LIBXL}/*.log*"):
        yield from _of_driver(log)
    for log in looked.logs_like(f"{XEN}/xl-*.log*"):
        yield from _of_xl(log)
    for log in looked.logs_like(f"{XEN}/qemu-dm-*.log*"):
        yield from _of_model(log)
    ahead_s = host_time.zone_s(looked.readings)
    for log in looked.logs_like(f"{XEN}/xend.log*"):
        yield from _of_xend(log, ahead_s)
    for name, _, state, line in xen_names.listed(looked):
        if "c" in state:
            evidence = Evidence(Source.XEN_LOG, "xl list", (clean(line, limit=_LINE_LIMIT),))
            yield Sighting(CrashKind.PANIC, evidence, exact=False, guest=name)


def _lines(log: LogEnd) -> list[_Line]:
    return [(offset, text[:_LONGEST].rstrip("\r")) for offset, text in log.lines()]


def _name(log: LogEnd) -> str:
    match = _NAME.search(log.path)
    return match["name"] if match else ""


def _of_driver(log: LogEnd) -> Iterator[Sighting]:
    """A guest's log, or the driver's own, which has what libxl says before a domain has a number."""
    name = _name(log)
    is_driver = name == _DRIVER
    run: list[_Line] = []
    last_s: float | None = None
    for offset, text in _lines(log):
        stamped = _STAMPED.match(text)
        at_s = seconds(stamped["at"]) if stamped else None
        is_other = is_driver and run and (at_s is None or last_s is None or at_s - last_s > _TOGETHER_S)
        if run and (is_other or text.startswith("Domain start: ")):
            yield _not_started(log, "" if is_driver else name, run, last_s)
            run = []
        if stamped and _START_FAILED.search(text):
            run.append((offset, text))
            last_s = at_s
    if run:
        yield _not_started(log, "" if is_driver else name, run, last_s)


def _not_started(log: LogEnd, name: str, run: Sequence[_Line], at_s: float | None) -> Sighting:
    evidence = _evidence(Source.LIBXL_LOG, log, run[-_MOST_LINES:])
    exact = at_s is not None
    return Sighting(CrashKind.NOT_STARTED, evidence, at_s if exact else log.mtime_s, exact=exact, guest=name)


def _of_xl(log: LogEnd) -> Iterator[Sighting]:
    """The newest crash: there is only one time for all of them. And a start after it that failed."""
    lines = _lines(log)
    ends = [index for index, (_, text) in enumerate(lines) if _SHUT_DOWN.match(text)]
    crashes = [
        index for index in ends if (match := _SHUT_DOWN.match(lines[index][1])) and match["code"] in _CODES
    ]
    if crashes:
        index = crashes[-1]
        match = _SHUT_DOWN.match(lines[index][1])
        kind = _CODES[match["code"]] if match else CrashKind.PANIC
        yield _sighting(kind, log, lines[max(0, index - 1) : index + 5])
    begin = ends[-1] + 1 if ends else 0
    failed = [line for line in lines[begin:] if _START_FAILED.search(line[1])]
    if failed:
        yield _sighting(CrashKind.NOT_STARTED, log, failed[:_MOST_LINES])


def _of_model(log: LogEnd) -> Iterator[Sighting]:
    lines = _lines(log)
    told = [line for line in lines if _MODEL_LINE.search(line[1])][-_MOST_LINES:]
    if not told:
        return
    kind = CrashKind.NOT_STARTED
    if any("load of migration failed" in text for _, text in told):
        kind = CrashKind.INCOMING
    elif any(_MODEL_ENDED.search(text) for _, text in told):
        kind = CrashKind.ENDED
    yield _sighting(kind, log, told)


def _of_xend(log: LogEnd, ahead_s: float) -> Iterator[Sighting]:
    """xend's times are the host's local ones (Python's logging)."""
    created = ""
    at_s: float | None = None
    for line in _lines(log):
        stamped = _XEND_LINE.match(line[1])
        said = stamped["said"] if stamped else line[1]
        if stamped:
            at_s = host_time.in_name(stamped["at"], ahead_s=ahead_s)
        if match := _XEND_CREATED.search(said):
            created = match["name"]
        elif (match := _XEND_CRASHED.search(said)) and stamped:
            evidence = _evidence(Source.XEN_LOG, log, [line])
            yield Sighting(CrashKind.PANIC, evidence, at_s, exact=at_s is not None, guest=match["name"])
        elif said.startswith("VmError: "):
            evidence = _evidence(Source.XEN_LOG, log, [line])
            yield Sighting(CrashKind.NOT_STARTED, evidence, at_s, exact=at_s is not None, guest=created)
            created = ""


def _sighting(kind: CrashKind, log: LogEnd, lines: Sequence[_Line]) -> Sighting:
    return Sighting(kind, _evidence(Source.XEN_LOG, log, lines), log.mtime_s, exact=False, guest=_name(log))


def _evidence(source: Source, log: LogEnd, lines: Sequence[_Line]) -> Evidence:
    return Evidence(
        source,
        clean(log.path, limit=1024),
        tuple(clean(text, limit=_LINE_LIMIT) for _, text in lines),
        path=log.path,
        offset=lines[0][0],
        size_bytes=log.size_bytes,
        trouble=log.trouble,
        mend=log.mend,
    )
