"""/proc/cpuinfo of real processors, and a host that would have told it. Where each is from stands beside it."""

from __future__ import annotations

from collections.abc import Mapping

from backends.probes.survey.readings import Gap, Reading, Readings

XEON_E5_2670 = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 45
model name\t: Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz
stepping\t: 7
microcode\t: 0x718
cpu MHz\t\t: 2359.484
cache size\t: 20480 KB
physical id\t: 0
siblings\t: 16
core id\t\t: 0
cpu cores\t: 4
flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush dts acpi mmx fxsr sse \
sse2 ss ht tm pbe syscall nx pdpe1gb rdtscp lm constant_tsc arch_perfmon pebs bts rep_good nopl xtopology nonstop_tsc \
cpuid aperfmperf pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cx16 xtpr pdcm pcid dca sse4_1 sse4_2 \
x2apic popcnt tsc_deadline_timer aes xsave avx lahf_lm epb pti ssbd ibrs ibpb stibp tpr_shadow vnmi flexpriority ept \
vpid xsaveopt dtherm ida arat pln pts md_clear flush_l1d
vmx flags\t: vnmi preemption_timer invvpid ept_x_only ept_1gb flexpriority tsc_offset vtpr mtf vapic ept vpid
bugs\t\t: cpu_meltdown spectre_v1 spectre_v2 spec_store_bypass l1tf mds swapgs itlb_multihit
address sizes\t: 46 bits physical, 48 bits virtual
power management:
"""
"""RedHatInsights/insights-core, insights/parsers/tests/test_cpuinfo.py, CPUINFO_HETERO."""

EPYC_7502P = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 23
model\t\t: 49
model name\t: AMD EPYC 7502P 32-Core Processor
stepping\t: 0
microcode\t: 0x8301052
physical id\t: 0
siblings\t: 64
core id\t\t: 0
cpu cores\t: 32
flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht \
syscall nx mmxext fxsr_opt pdpe1gb rdtscp lm constant_tsc rep_good nopl nonstop_tsc cpuid extd_apicid aperfmperf rapl \
pni pclmulqdq monitor ssse3 fma cx16 sse4_1 sse4_2 x2apic movbe popcnt aes xsave avx f16c rdrand lahf_lm cmp_legacy \
svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs skinit wdt tce topoext npt lbrv svm_lock \
nrip_save tsc_scale vmcb_clean flushbyasid decodeassists avic v_vmsave_vmload vgif umip rdpid overflow_recov succor \
smca sme sev sev_es
TLB size\t: 3072 4K pages
address sizes\t: 43 bits physical, 48 bits virtual
power management: ts ttp tm hwpstate cpb eff_freq_ro [13] [14]
"""
"""A server of Linux 5.15, as its owner shows it with benchmarks of a key-value store (memtier_benchmark)."""

XEON_NO_VT = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 15
model\t\t: 4
model name\t:                   Intel(R) Xeon(TM) CPU 3.80GHz
stepping\t: 3
physical id\t: 0
siblings\t: 2
core id\t\t: 0
cpu cores\t: 1
flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush dts acpi mmx fxsr sse \
sse2 ss ht tm syscall lm constant_tsc pni monitor ds_cpl est tm2 cid cx16 xtpr
address sizes\t: 36 bits physical, 48 bits virtual
power management:
"""
"""util-linux, tests/ts/lscpu/dumps/x86_64-necem14/proc/cpuinfo."""

ATHLON_XP = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 6
model\t\t: 10
model name\t: AMD Athlon(TM) XP 2800+
stepping\t: 0
cpu MHz\t\t: 2071.500
cache size\t: 512 KB
fdiv_bug\t: no
cpuid level\t: 1
wp\t\t: yes
flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 mmx fxsr sse syscall mmxext \
3dnowext 3dnow
bogomips\t: 4146.41
"""
"""A report to linux-kernel of 2005: PAE, no long mode, no AMD-V."""

CORE_DUO_T2400 = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 14
model name\t: Genuine Intel(R) CPU           T2400  @ 1.83GHz
stepping\t: 8
physical id\t: 0
siblings\t: 1
core id\t\t: 0
cpu cores\t: 1
flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat clflush dts acpi mmx fxsr sse sse2 ss ht \
tm pbe nx constant_tsc up arch_perfmon bts pni monitor vmx est tm2 xtpr pdcm
bogomips\t: 3666.14
clflush size\t: 64
power management:
"""
"""A forum's post of 2009 (Linux 2.6.28): VT-x and PAE, but no long mode."""

PENTIUM_M = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 13
model name\t: Intel(R) Pentium(R) M processor 1.60GHz
stepping\t: 6
flags\t\t: fpu vme de pse tsc msr mce cx8 sep mtrr pge mca cmov pat clflush dts acpi mmx fxsr sse sse2 ss tm pbe up \
est tm2
bogomips\t: 1198.18
"""
"""A forum's post of 2008 (Linux 2.6.22): a processor that does not show its PAE."""

XEN_L5420 = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 23
model name\t: Intel(R) Xeon(R) CPU           L5420  @ 2.50GHz
stepping\t: 6
cpu MHz\t\t: 2493.776
cache size\t: 6144 KB
flags\t\t: fpu tsc msr pae mce cx8 apic mca cmov pat pse36 clflush dts acpi mmx fxsr sse sse2 ss ht tm pbe nx lm \
constant_tsc pni monitor ds_cpl vmx est tm2 cx16 xtpr lahf_lm
bogomips\t: 6236.83

processor\t: 1
vendor_id\t: GenuineIntel
flags\t\t: fpu tsc msr pae mce cx8 apic mca cmov pat pse36 clflush dts acpi mmx fxsr sse sse2 ss ht tm pbe nx lm \
constant_tsc up pni monitor ds_cpl vmx est tm2 cx16 xtpr lahf_lm
"""
"""util-linux, tests/ts/lscpu/dumps/i386-xenpara/proc/cpuinfo: 32-bit Linux under an old Xen."""

NESTED_XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 106
model name\t: Intel(R) Xeon(R) Platinum 8358 CPU @ 2.60GHz
stepping\t: 6
microcode\t: 0x1
flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht \
syscall nx pdpe1gb rdtscp lm constant_tsc arch_perfmon rep_good nopl xtopology cpuid tsc_known_freq pni pclmulqdq vmx \
ssse3 fma cx16 pcid sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave avx f16c rdrand hypervisor lahf_lm \
abm 3dnowprefetch cpuid_fault pti ssbd ibrs ibpb tpr_shadow flexpriority ept vpid ept_ad fsgsbase bmi1 avx2 smep
address sizes\t: 40 bits physical, 48 bits virtual
power management:
"""
"""A droplet of a provider's, as its user shows it: a guest that is given VT-x."""

GUEST_EPYC = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 23
model\t\t: 49
model name\t: AMD EPYC 7302P 16-Core Processor
stepping\t: 0
flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 syscall \
nx mmxext fxsr_opt pdpe1gb rdtscp lm constant_tsc rep_good nopl tsc_reliable nonstop_tsc cpuid extd_apicid pni \
pclmulqdq ssse3 fma cx16 sse4_1 sse4_2 x2apic movbe popcnt aes xsave avx f16c rdrand hypervisor lahf_lm extapic
address sizes\t: 43 bits physical, 48 bits virtual
power management:
"""
"""A guest of VMware's that is given no AMD-V, from an exercise in breaking into it."""

MOONSHOT = """\
processor\t: 0
BogoMIPS\t: 100.00
Features\t: fp asimd evtstrm cpuid
CPU implementer\t: 0x50
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0x000
CPU revision\t: 1
"""
"""libvirt, tests/virhostcpudata/linux-aarch64-rhel74-moonshot.cpuinfo."""

SNAPDRAGON = """\
processor\t: 0
BogoMIPS\t: 49.15
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd44
CPU revision\t: 0
CPU part\t: 0xd41
CPU part\t: 0xd05
"""
"""big.LITTLE, cut by the survey to what differs."""

RASPBERRY_PI = """\
Processor       : ARMv6-compatible processor rev 7 (v6l)
BogoMIPS        : 697.95
Features        : swp half thumb fastmult vfp edsp java tls
CPU implementer : 0x41
CPU architecture: 7
CPU variant     : 0x0
CPU part        : 0xb76
CPU revision    : 7

Hardware        : BCM2708
"""
"""libvirt, tests/virhostcpudata/linux-armv6l-raspberrypi.cpuinfo."""

POWER8 = """\
processor\t: 0
cpu\t\t: POWER8E (raw), altivec supported
clock\t\t: 3690.000000MHz
revision\t: 2.1 (pvr 004b 0201)

timebase\t: 512000000
platform\t: PowerNV
model\t\t: 8247-22L
machine\t\t: PowerNV 8247-22L
firmware\t: OPAL v3
"""
"""libvirt, tests/virhostcpudata/linux-ppc64-subcores2.cpuinfo."""

POWER9_GUEST = """\
processor\t: 0
cpu\t\t: POWER9 (architected), altivec supported
clock\t\t: 2200.000000MHz
revision\t: 2.2 (pvr 004e 1202)

timebase\t: 512000000
platform\t: pSeries
model\t\t: IBM pSeries (emulated by qemu)
machine\t\t: CHRP IBM pSeries (emulated by qemu)
MMU\t\t: Radix
"""
"""A guest at OSU's Open Source Lab, from an issue of OpenCV's."""

Z13 = """\
vendor_id       : IBM/S390
# processors    : 8
bogomips per cpu: 20325.00
max thread id   : 1
features\t: esan3 zarch stfle msa ldisp eimm dfp edat etf3eh highgprs te vx sie
processor 0: version = 00,  identification = 145F07,  machine = 2964
processor 1: version = 00,  identification = 145F07,  machine = 2964
"""
"""libvirt, tests/virhostcpudata/linux-s390x-with-frequency.cpuinfo."""

RISCV_QEMU = """\
processor\t: 0
hart\t\t: 0
isa\t\t: rv64imafdch_zicbom_zicboz_zihintpause_zbb_smaia_ssaia_sstc
mmu\t\t: sv57
mvendorid\t: 0x0
"""
"""A virtual board with an IOMMU, from its author's notes (riscv-virtio,qemu)."""

LOONGSON = """\
processor\t\t: 0
package\t\t\t: 0
core\t\t\t: 0
CPU Family\t\t: Loongson-64bit
Model Name\t\t: Loongson-3A5000-HV
Address Sizes\t\t: 48 bits physical, 48 bits virtual
ISA\t\t\t: loongarch32 loongarch64
Features\t\t: cpucfg lam ual fpu lsx lasx crc32 complex crypto lvz lbt_x86 lbt_arm lbt_mips
"""
"""A workstation's own text, as tools that read it keep it for their tests."""

BOOTED = "[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)"
"""The first message of a boot: with it, all later ones are there."""
KVM_READY = {"/dev/kvm": "rw", "/sys/class/misc/kvm/dev": "10:232"}


def host(
    cpuinfo: str = "", files: Mapping[str, str] | None = None, *, denied: tuple[str, ...] = ()
) -> Readings:
    """A host that tells this much."""
    told = {path: Reading(text) for path, text in (files or {}).items()}
    told |= {path: Reading(gap=Gap.DENIED) for path in denied}
    if cpuinfo:
        told["/proc/cpuinfo"] = Reading(cpuinfo)
    return Readings("operator", False, 0.0, 0.01, 0.1, told)
