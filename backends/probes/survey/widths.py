"""Which guests the processor's modes allow (32-bit, PAE, long mode), and how much memory they can address. Pure.

32-bit addresses reach 4 GiB; PAE tables hold physical addresses as wide as the processor's, 36 bits at first (Intel SDM
volume 3, 4.4); a para-virtual guest's tables are the hypervisor's own, so its PAE must be the hypervisor's (Xen since
3.0: x86_32p).
"""

from __future__ import annotations

from dataclasses import dataclass

from backends.model.capability import GuestWidth
from backends.probes.survey.cpuinfo import PATH, CpuInfo, Family, cpuinfo, family_of
from backends.probes.survey.processor import physical_bits
from backends.probes.survey.readings import Readings
from backends.probes.survey.underlay import is_xen_host

PLAIN, PAE, WIDE = "32-bit", "32-bit with PAE", "64-bit"
_PLAIN_BYTES = 1 << 32
_FIRST_PAE_BITS = 36
"""What processors with PAE can address at least, and what 32-bit Linux and Xen use at most (Kconfig: HIGHMEM64G)."""
_PAE_BYTES = 1 << _FIRST_PAE_BITS
_NARROW = ("i686", "i386", "x86_64")
"""A 32-bit system also runs in a machine of the wide architecture."""
_XEN = "/sys/hypervisor/properties/capabilities"
_FLAGS = f"{PATH}: flags"
_LIBVIRT = "libvirt capabilities: guest/arch"


@dataclass(frozen=True, slots=True)
class _Signs:
    """What is known of one host."""

    info: CpuInfo
    flags: frozenset[str]
    """The processor's, by /proc/cpuinfo and by libvirt."""
    archs: frozenset[str]
    xen: frozenset[str]
    """What Xen takes: `xen-3.0-x86_32p`, `hvm-3.0-x86_64`; empty where the host is not Xen's or it does not tell."""

    @property
    def source(self) -> str:
        if self.xen:
            return _XEN
        return _FLAGS if self.info.flags else "libvirt capabilities: host/cpu" if self.flags else _LIBVIRT


def widths(
    readings: Readings, machine: str, host_features: frozenset[str], guest_archs: frozenset[str]
) -> tuple[GuestWidth, ...]:
    """One for each width. Of architectures other than x86 only what libvirt offers is told.

    `host_features`: libvirt's names in host/cpu and guest/features (pae, nonpae, lm); `guest_archs`: those that it
    offers (i686, x86_64); each empty where it does not answer.
    """
    info = cpuinfo(readings)
    if family_of(machine) is not Family.X86:
        return _other(machine, guest_archs)
    xen = readings.text(_XEN).split() if is_xen_host(readings) else []
    flags = info.flags | (host_features & {"pae", "nonpae", "lm"})
    signs = _Signs(info, flags, guest_archs, frozenset(xen))
    if not flags and not guest_archs and not xen:
        reason = "neither the processor's flags nor libvirt tell"
        return tuple(GuestWidth(label, None, None, reason) for label in (PLAIN, PAE, WIDE))
    return _plain(signs), _pae(signs), _wide(signs)


def _plain(signs: _Signs) -> GuestWidth:
    if signs.xen and not _takes(signs, "hvm-", "x86_32"):
        if _takes(signs, "xen-", "x86_32"):
            return GuestWidth(
                PLAIN, True, _PLAIN_BYTES, "para-virtual ones: this Xen is one without PAE", _XEN
            )
        reason = "this Xen takes para-virtual guests with PAE only, and no full ones"
        return GuestWidth(PLAIN, False, None, reason, _XEN)
    if refused := _refused(signs, _NARROW):
        return GuestWidth(PLAIN, False, None, refused, _LIBVIRT)
    return GuestWidth(PLAIN, True, _PLAIN_BYTES, "32-bit addresses reach 4 GiB", signs.source)


def _pae(signs: _Signs) -> GuestWidth:
    if signs.xen:
        return _pae_on_xen(signs, _PAE_BYTES)
    if refused := _refused(signs, _NARROW):
        return GuestWidth(PAE, False, None, refused, _LIBVIRT)
    if "pae" in signs.flags or "lm" in signs.flags:
        bits = physical_bits(signs.info) or _FIRST_PAE_BITS
        reason = f"PAE; a 32-bit system uses no more, though the processor's addresses have {bits} bits"
        return GuestWidth(PAE, True, _PAE_BYTES, "PAE" if bits <= _FIRST_PAE_BITS else reason, signs.source)
    if signs.info.flags:
        return GuestWidth(PAE, False, None, "the processor has no PAE (no pae flag)", _FLAGS)
    return GuestWidth(PAE, None, None, "the processor's flags are not told", signs.source)


def _pae_on_xen(signs: _Signs, limit: int) -> GuestWidth:
    kinds = [
        words
        for words, start in (("para-virtual", "xen-"), ("full", "hvm-"))
        if _takes(signs, start, "x86_32p")
    ]
    if kinds:
        return GuestWidth(PAE, True, limit, f"{' and '.join(kinds)} ones (x86_32p)", _XEN)
    return GuestWidth(PAE, False, None, "this Xen takes no guests with PAE (no x86_32p)", _XEN)


def _wide(signs: _Signs) -> GuestWidth:
    bits = physical_bits(signs.info)
    limit = 1 << bits if bits else None
    if signs.xen:
        if _takes(signs, "xen-", "x86_64") or _takes(signs, "hvm-", "x86_64"):
            return GuestWidth(WIDE, True, limit, "this Xen is a 64-bit one", _XEN)
        long_mode = "; the processor could" if "lm" in signs.flags else ""
        return GuestWidth(WIDE, False, None, f"this Xen takes no 64-bit guests{long_mode}", _XEN)
    if "lm" in signs.flags:
        if refused := _refused(signs, ("x86_64",)):
            return GuestWidth(WIDE, False, None, refused, _LIBVIRT)
        reason = f"long mode: physical addresses of {bits} bits" if bits else "long mode (lm flag)"
        return GuestWidth(WIDE, True, limit, reason, signs.source)
    if signs.info.flags:
        emulated = "; emulated ones run, slowly" if "x86_64" in signs.archs else ""
        reason = f"not by hardware: the processor has no long mode (no lm flag){emulated}"
        return GuestWidth(WIDE, bool(emulated), None, reason, _FLAGS)
    allowed = True if "x86_64" in signs.archs else None
    reason = "libvirt offers x86_64 guests" if allowed else "the processor's flags are not told"
    return GuestWidth(WIDE, allowed, None, reason, signs.source)


def _other(machine: str, archs: frozenset[str]) -> tuple[GuestWidth, ...]:
    """Elsewhere PAE means nothing, and what a 64-bit processor does for 32-bit guests is libvirt's to know."""
    narrow = tuple(arch for arch in sorted(archs) if arch.startswith("armv") or arch in ("ppc", "riscv32"))
    host = (machine,) if not machine.startswith("arm") else ()
    wide = tuple(arch for arch in sorted(archs) if arch in host)
    found = []
    for label, offered in ((PLAIN, narrow), (WIDE, wide)):
        if offered:
            found.append(
                GuestWidth(label, True, None, f"libvirt offers {', '.join(offered)} guests", _LIBVIRT)
            )
        elif not archs:
            found.append(GuestWidth(label, None, None, "libvirt does not tell", _LIBVIRT))
        else:
            found.append(GuestWidth(label, False, None, "libvirt offers none", _LIBVIRT))
    return tuple(found)


def _takes(signs: _Signs, start: str, width: str) -> bool:
    """Xen's words are KIND-MAJOR.MINOR-WIDTH."""
    return any(word.startswith(start) and word.endswith(f"-{width}") for word in signs.xen)


def _refused(signs: _Signs, archs: tuple[str, ...]) -> str:
    """Why none of these architectures; empty where libvirt offers one of them, or does not answer."""
    if not signs.archs or signs.archs & set(archs):
        return ""
    return f"the processor could, but libvirt offers no {archs[0]} guests here"
