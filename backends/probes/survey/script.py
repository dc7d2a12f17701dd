"""What a host is asked for its capabilities, in one command."""

from __future__ import annotations

from backends.probes.survey import asking
from backends.probes.survey.asking import Questions
from backends.probes.survey.readings import Readings
from backends.remote.shell import Shell

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

QUESTIONS = Questions(files=FILES, heads=HEADS, bytes_of=BYTES, names=NAMES, devices=DEVICES)


async def ask(shell: Shell) -> Readings:
    """One command. Raises FerryError: LinkError where no shell answers."""
    return await asking.ask(shell, command(), QUESTIONS)


def command() -> tuple[str, ...]:
    """The script goes as an argument: its input is the questions."""
    return asking.command(asking.script(__package__, "survey.sh"), MESSAGES)


def questions(nonce: str) -> bytes:
    """What the script reads."""
    return QUESTIONS.lines(nonce)
