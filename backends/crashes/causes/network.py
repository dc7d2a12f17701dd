"""Networks that a guest cannot be plugged into. libvirt network_driver.c, util/virnetdev*.c; QEMU net/tap-linux.c."""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HYPERVISOR, STARTS, Rule

RULES = (
    Rule(
        "network-off",
        re.compile(r"network '(?P<network>[^']{1,255})' is not active"),
        "network not active: {network}",
        "virsh net-start {network}",
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "missing-network",
        re.compile(r"Network not found: no network with matching (?:name|uuid) '?(?P<network>[^'\s]{1,255})"),
        "network not defined on this host: {network}",
        "define it on this host, or give the guest another one",
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "missing-bridge",
        re.compile(
            r"Cannot get interface MTU on '(?P<bridge>[^']{1,32})': No such device|"
            r"Unable to add bridge (?P<to>\S{1,32}) port \S{1,32}: No such device"
        ),
        "bridge missing:[ {bridge}][ {to}]",
        "create the bridge on this host, or plug the guest into another one",
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "missing-tun",
        re.compile(
            r"Unable to open (?P<path>/\S{1,64}), is tun module loaded\?|could not open /dev/net/tun: No such file"
        ),
        "no TAP devices on this host[ ({path})]",
        "modprobe tun",
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "missing-interface",
        re.compile(
            r"(?:Cannot get interface \w{1,16} (?:on|for|of)|Unable to get index for interface) "
            r"'?(?P<name>[^':\s]{1,32})'?: No such device"
        ),
        "network interface missing: {name}",
        "bring the interface up on this host, or plug the guest into another one",
        HYPERVISOR,
        STARTS,
    ),
)
