"""The commands of `virt-ferry lab` that spoil it, and the one that mends it."""

from __future__ import annotations

from backends.lab.channels import Channel
from backends.lab.lab import Lab


def crash(node: str) -> str:
    """Cut a node's power."""
    Lab().crash(node)
    return f"{node} is off"


def boot(node: str, *, old_qemu: bool = False) -> str:
    """Switch a node on.

    Parameters
    ----------
    node
        h1, h2, h3 or st.
    old_qemu
        Give a host the machine's own QEMU, which is older than the other hosts' and lacks processor features.
    """
    Lab().boot(node, old_qemu=old_qemu)
    return f"{node} is on"


def freeze(node: str) -> str:
    """Hang a node: nothing answers, no connection is closed."""
    Lab().freeze(node)
    return f"{node} is frozen"


def thaw(node: str) -> str:
    """Let a frozen node go on."""
    Lab().thaw(node)
    return f"{node} goes on"


def cut(node: str) -> str:
    """Pull a node's network cable."""
    Lab().cut(node)
    return f"{node} is cut off"


def heal(node: str) -> str:
    """Put a node's network cable back."""
    Lab().heal(node)
    return f"{node} is connected"


def rate(node: str, rate: str) -> str:
    """Limit the traffic to a node, such as 160mbit; `off` lifts the limit.

    To slow down a move from h1 to h2, limit h2.
    """
    Lab().rate(node, rate)
    return f"no limit to {node}" if rate == "off" else f"at most {rate} to {node}"


def block(node: str, channel: Channel, *, peer: str = "") -> str:
    """Drop one kind of traffic of a node: what QEMU transfers, or what daemons and programs say.

    Parameters
    ----------
    node
        One end of the traffic.
    channel
        migration (ports 49152 to 49215) or control (ssh and libvirt).
    peer
        The other end: a node, or client, the machine itself; everybody when it is left out.
    """
    Lab().block(node, channel, peer=peer)
    return f"no {channel} traffic between {node} and {peer or 'anybody'}"


def unblock(node: str) -> str:
    """Let all traffic of a node pass again."""
    Lab().unblock(node)
    return f"all traffic of {node} passes"


def kill_daemon(host: str, *, hold: bool = False) -> str:
    """Kill a host's libvirtd; its guests run on.

    Parameters
    ----------
    host
        h1, h2 or h3.
    hold
        Keep it down until `repair`; otherwise it starts again at once.
    """
    Lab().host(host).faults.kill_daemon(hold=hold)
    return f"libvirtd of {host} was killed" + (" and stays down" if hold else "")


def kill_guest(host: str, guest: str) -> str:
    """Kill a guest's QEMU on a host, also one that is just coming in."""
    Lab().host(host).faults.kill_guest(guest)
    return f"the QEMU of {guest} on {host} was killed"


def reset_transfers(host: str) -> str:
    """End the connections of QEMU's transfers on a host at once."""
    Lab().host(host).faults.reset_transfers()
    return f"the transfers of {host} have lost their connections"


def shrink_images(host: str, mib: int) -> str:
    """Give the folder of a host's local images an empty file system of so many MiB."""
    Lab().host(host).faults.shrink_images(mib)
    return f"{host} has {mib} MiB for local images"


def enlarge_images(host: str, mib: int) -> str:
    """Give the shrunk folder of local images more room, with all that is in it."""
    Lab().host(host).faults.enlarge_images(mib)
    return f"{host} has {mib} MiB for local images now"


def fill_images(host: str) -> str:
    """Fill up the folder of local images, once it was shrunk."""
    Lab().host(host).faults.fill_images()
    return f"{host} has no room for local images"


def take_memory(host: str) -> str:
    """Let a host's libvirtd start no guest for lack of memory."""
    Lab().host(host).faults.take_memory()
    return f"{host} cannot allocate memory"


def change_host_key(host: str) -> str:
    """Give a host's sshd another host key."""
    Lab().host(host).faults.change_host_key()
    return f"{host} has a new host key"


def repair() -> str:
    """Undo every fault."""
    Lab().repair()
    return "no faults are left"


ALL = (
    crash, boot, freeze, thaw, cut, heal, rate, block, unblock, kill_daemon, kill_guest, reset_transfers,
    shrink_images, enlarge_images, fill_images, take_memory, change_host_key, repair,
)  # fmt: skip
