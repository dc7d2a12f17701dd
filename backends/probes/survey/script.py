"""One round of questions to a host: one command that reads many files, and its answer taken apart."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from importlib import resources

from backends.errors import LinkError
from backends.probes import clock
from backends.probes.survey.readings import Gap, Reading, Readings
from backends.remote.shell import Answer, Shell
from backends.untrusted import clean

_CPU = "/sys/devices/system/cpu"
_NODE = "/sys/devices/system/node"

FILES = (
    *(f"/sys/class/dmi/id/{name}" for name in ("sys_vendor", "product_name", "product_version")),
    *(f"/sys/class/dmi/id/{name}" for name in ("bios_vendor", "bios_version", "bios_date")),
    *(f"/sys/class/dmi/id/{name}" for name in ("board_vendor", "board_name")),
    *(f"{_CPU}/{name}" for name in ("online", "possible", "present", "smt/*", "vulnerabilities/*")),
    f"{_NODE}/online",
    f"{_NODE}/node[0-9]*/cpulist",
    *(f"/proc/{name}" for name in ("cmdline", "version", "uptime", "meminfo", "modules", "sysinfo")),
    *(f"/proc/sys/kernel/{name}" for name in ("hostname", "osrelease", "tainted", "randomize_va_space")),
    *(
        f"/proc/sys/kernel/{name}"
        for name in ("dmesg_restrict", "kptr_restrict", "unprivileged_bpf_disabled")
    ),
    *(f"/sys/kernel/security/{name}" for name in ("lockdown", "lsm")),
    "/sys/fs/selinux/enforce",
    "/sys/module/kvm*/parameters/*",
    "/sys/class/misc/kvm/dev",
    *(f"/sys/kernel/mm/ksm/{name}" for name in ("run", "pages_shared", "pages_sharing", "pages_to_scan")),
    "/sys/kernel/mm/hugepages/*/nr_hugepages",
    "/sys/kernel/mm/hugepages/*/free_hugepages",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    *(f"/sys/class/{kind}/*/device/sriov_totalvfs" for kind in ("net", "drm", "nvme")),
    *(f"/sys/class/{kind}/*/device/sriov_numvfs" for kind in ("net", "drm", "nvme")),
    *(f"/sys/class/tpm/*/{name}" for name in ("tpm_version_major", "device/caps", "device/description")),
    "/sys/firmware/uv/prot_virt_host",
    "/sys/hypervisor/type",
    "/sys/hypervisor/version/*",
    *(f"/sys/hypervisor/properties/{name}" for name in ("capabilities", "features")),
    "/proc/xen/capabilities",
)
"""Small files of the kernel's: at most 400 lines of each. The patterns are the shell's."""
_TREE = "/sys/firmware/devicetree/base"
HEADS = (
    "/etc/os-release",
    "/usr/lib/os-release",
    *(f"{_TREE}/{name}" for name in ("model", "compatible", "hypervisor/compatible")),
)
"""Files that others than the kernel write, or that hold zero bytes: at most 16 KiB of each."""
BYTES = ("/sys/firmware/efi/efivars/SecureBoot-*",)
"""Told as decimal numbers, one for each of the first 64 bytes."""
NAMES = (
    "/sys/kernel/iommu_groups",
    "/sys/class/iommu",
    "/sys/class/tpm",
    "/sys/firmware/efi",
    "/sys/firmware/acpi/tables",
    "/sys/bus/pci/drivers/vfio-pci",
    "/sys/module",
    "/dev/vfio",
)
"""Folders of which the names matter."""
DEVICES = ("/dev/kvm", "/dev/sev", "/dev/vfio/vfio", "/dev/tdx_guest", "/dev/sev-guest", "/dev/tpmrm0")
MESSAGES = (
    "Linux version|kvm|vmx|svm|hypervisor|dmar|iommu|amd-vi|microcode|disabled by bios|hyp mode|"
    "sev|tdx|vbox|vmmon|lockdown|secure ?boot|xen"
)
"""Kernel messages that are asked for (grep -E, without case). `Linux version` is the first of a boot: where it is
not among them, the oldest ones are lost."""

_ERROR = re.compile(r"^\S*?(grep|dmesg|head|od|awk|date|id): (?:(?P<path>/[^:]*): )?(?P<said>.*)$")
_DENIED = ("denied", "not permitted")


async def ask(shell: Shell) -> Readings:
    """One command. Raises FerryError: LinkError where no shell answers."""
    nonce = secrets.token_hex(16)
    asked_at, started = time.time(), time.monotonic()
    answer = await shell.run(command(), stdin=questions(nonce))
    return parse(answer, nonce, asked_at=asked_at, took_s=time.monotonic() - started)


def command() -> tuple[str, ...]:
    """The script goes as an argument: its input is the questions."""
    script = resources.files(__package__).joinpath("survey.sh").read_text()
    return ("env", "LC_ALL=C", "sh", "-c", script, "sh", MESSAGES)


def questions(nonce: str, files: tuple[str, ...] = FILES, heads: tuple[str, ...] = HEADS) -> bytes:
    """What the script reads: the nonce, then a line for each question."""
    kinds = {"file": files, "head": heads, "bytes": BYTES, "names": NAMES, "device": DEVICES}
    lines = (f"{kind} {pattern}" for kind, patterns in kinds.items() for pattern in patterns)
    return "\n".join([nonce, *lines, ""]).encode()


def parse(answer: Answer, nonce: str, *, asked_at: float, took_s: float) -> Readings:
    """Pure. Raises LinkError where the script has not run."""
    sections = answer.out.split(f"\n{nonce} ")[1:]
    if not sections:
        said = clean(" ".join((answer.err or answer.out).split()), limit=300)
        raise LinkError(
            said or f"sh ended with status {answer.status}",
            operation="ask what the host can do",
            hint="this account cannot run commands there: log in as another one",
        )
    files: dict[str, Reading] = {}
    for section in sections:
        head, _, body = section.partition("\n")
        kind, _, name = head.partition(" ")
        if kind == "there":
            files |= dict.fromkeys(body.split(), Reading())
        elif kind == "files":
            _add_lines(files, body)
        else:
            files[name] = Reading(body.rstrip("\n\0"), Gap.DENIED if kind == "denied" else None)
    _note_errors(files, answer.err)
    reading = clock.against(_text(files, "began"), _text(files, "ended"), asked_at=asked_at, took_s=took_s)
    return Readings(
        account=_text(files, "id -un"),
        is_root=_text(files, "id -u") == "0",
        clock_ahead_s=reading.ahead_s if reading else None,
        clock_exact_to_s=reading.exact_to_s if reading else took_s / 2,
        took_s=took_s,
        files=files,
    )


def _add_lines(files: dict[str, Reading], body: str) -> None:
    """`PATH:LINE` lines, as grep -H tells them, of paths that are there. No such path has a colon in it."""
    lines: dict[str, list[str]] = {}
    for line in body.split("\n"):
        path, colon, text = line.partition(":")
        if colon and path in files:
            lines.setdefault(path, []).append(text)
    files |= {path: Reading("\n".join(texts)) for path, texts in lines.items()}


def _note_errors(files: dict[str, Reading], complaints: str) -> None:
    """What could not be read although it is there: `grep: PATH: Input/output error`, `dmesg: ... not permitted`."""
    for line in complaints.splitlines():
        if match := _ERROR.match(line):
            name = match["path"] or match[1]
            if name.startswith("/") or name == "dmesg":
                denied = any(word in match["said"] for word in _DENIED)
                files[name] = Reading(gap=Gap.DENIED if denied else Gap.BROKEN)


def _text(files: Mapping[str, Reading], name: str) -> str:
    return files[name].text.strip() if name in files else ""
