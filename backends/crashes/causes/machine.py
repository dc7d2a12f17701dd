"""Machines and processors that this host cannot give. QEMU softmmu/vl.c, target/i386; libvirt cpu/, qemu_process.c."""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HYPERVISOR, STARTS, Rule

_PROCESSOR = "give the guest a processor that all its hosts have (virt-ferry compare --baseline)"

RULES = (
    Rule(
        "machine-unsupported",
        re.compile(
            r"unsupported machine type(?: '?(?P<machine>[\w.+-]{1,64}))?|"
            r"[Ee]mulator '\S{1,200}' does not support machine type '(?P<type>[^']{1,64})'"
        ),
        "machine type unknown to this host's QEMU[: {machine}][: {type}]",
        "use a host with a QEMU that knows it, or change the guest's machine type",
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "processor-unfit",
        re.compile(
            r"guest CPU doesn't match specification: (?:extra features: [^:]{0,600}, )?missing features: "
            r"(?P<features>[\w,.-]{1,1000})"
        ),
        "processor of the host lacks: {features}",
        _PROCESSOR,
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "processor-unfit",
        re.compile(r"Host CPU does not provide required features: (?P<features>[\w, .-]{1,1000})"),
        "processor of the host lacks: {features}",
        _PROCESSOR,
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "processor-unfit",
        re.compile(
            r"guest CPU doesn't match specification|the CPU is incompatible with host CPU|"
            r"Host doesn't support requested features|CPU definition not supported"
        ),
        "processor of the host does not suit the guest",
        _PROCESSOR,
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "no-kvm",
        re.compile(r"Could not access KVM kernel module: (?P<why>[^:]{1,80})"),
        "KVM not available: {why}",
        "load kvm_intel or kvm_amd; check that virtualization is on in the firmware, and who may open /dev/kvm",
        HYPERVISOR,
    ),
    Rule(
        "no-kvm",
        re.compile(
            r"[Dd]omain requires KVM|failed to initialize (?:kvm|KVM): (?P<why>[^:]{1,80})|"
            r"could not find capabilities for domaintype=kvm"
        ),
        "KVM not available[: {why}]",
        "load kvm_intel or kvm_amd; check that virtualization is on in the firmware",
        HYPERVISOR,
    ),
)
