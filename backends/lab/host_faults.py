"""What can go wrong inside one host while its power and its cable are well.

Each fault is what an administrator would meet, made with the host's own means, and each can be taken back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.lab import keys
from backends.lab.channels import MIGRATION_PORTS
from backends.lab.errors import LabError
from backends.lab.layout import LOCAL_IMAGES_IN_HOST
from backends.lab.process import wait_until

if TYPE_CHECKING:
    from backends.lab.host import Host

QEMU_PROCESS = "^[^ ]*qemu-system-[^ ]* -name guest="
"""How the command line of a guest's process begins, for pkill(1)."""
HELD = "/run/held"
"""A daemon with a file of its name in this folder is not started again (host_init.sh)."""
MEMORY_LEFT = 512 * 1024 * 1024
"""What libvirtd, and each process that it starts, may allocate on a host that is short of memory: three times what
libvirtd has, half of what QEMU wants for a lab guest."""
_FILLER = LOCAL_IMAGES_IN_HOST / "filler"
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"


@dataclass(frozen=True, slots=True)
class HostFaults:
    """The faults of one host, which is on. Calls raise LabError when it is off."""

    host: Host

    # The daemon -------------------------------------------------------------------------------

    def kill_daemon(self, *, hold: bool = False) -> None:
        """End libvirtd as a crash would: its guests run on. It is started again at once, unless `hold`."""
        if hold:
            self.host.exec("sh", "-c", f"mkdir -p {HELD} && touch {HELD}/libvirtd")
        killed = self._daemon()
        self.host.exec("pkill", "-KILL", "-x", "libvirtd", check=False)
        wait_until(lambda: killed == "" or self._daemon() != killed, timeout_s=5, what="libvirtd to end")

    def release_daemon(self) -> None:
        """Let a held libvirtd start again, and wait until it answers."""
        self.host.exec("rm", "-f", f"{HELD}/libvirtd")
        self.host.wait_served()

    def _daemon(self) -> str:
        return self.host.exec("pidof", "libvirtd", check=False).stdout.strip()

    # Guests -----------------------------------------------------------------------------------

    def kill_guest(self, name: str) -> None:
        """End the QEMU of a guest as a crash of it would, whether the guest runs here or is coming in.

        Raises:
            LabError: there is none.
        """
        self.host.exec("pkill", "-KILL", "-f", f"{QEMU_PROCESS}{re.escape(name)},")

    def reset_transfers(self) -> None:
        """End every connection of QEMU's transfers at once, as a firewall does that forgets its connections."""
        first, last = MIGRATION_PORTS
        for side in ("sport", "dport"):
            self.host.exec(
                "ss",
                "-K",
                "-t",
                f"{side} >= :{first} and {side} <= :{last} and sport != :22 and dport != :22",
            )

    # Room -------------------------------------------------------------------------------------

    def shrink_images(self, mib: int) -> None:
        """Give the folder of local images a file system of its own, empty and of this size."""
        self.grow_images()
        options = f"mode=755,size={mib}m"
        self.host.exec("mount", "-t", "tmpfs", "-o", options, "small-images", str(LOCAL_IMAGES_IN_HOST))
        self.host.virsh("pool-refresh default")

    def fill_images(self) -> None:
        """Use up what is free in a folder of local images that was shrunk.

        Raises:
            LabError: it was not shrunk, so that the machine's own disk would be filled.
        """
        if not self.images_shrunk:
            raise LabError(f"the images of {self.host.name} are on the machine's own disk")
        self.host.exec("sh", "-c", f"cat /dev/zero >{_FILLER} 2>/dev/null || :")

    def enlarge_images(self, mib: int) -> None:
        """Give the small file system more room, with all that is in it, as an administrator would.

        Raises:
            LabError: the images have none of their own.
        """
        if not self.images_shrunk:
            raise LabError(f"the images of {self.host.name} are on the machine's own disk")
        self.host.exec("mount", "-o", f"remount,size={mib}m", str(LOCAL_IMAGES_IN_HOST))
        self.host.virsh("pool-refresh default")

    def grow_images(self) -> None:
        """Take the small file system away again, with what is in it."""
        if self.images_shrunk:
            self.host.exec("umount", "-l", str(LOCAL_IMAGES_IN_HOST))
            self.host.virsh("pool-refresh default")

    @property
    def images_shrunk(self) -> bool:
        return self.host.exec("mountpoint", "-q", str(LOCAL_IMAGES_IN_HOST), check=False).returncode == 0

    def take_memory(self) -> None:
        """Let libvirtd's processes allocate too little for a guest.

        A cgroup's limit would not do: it lets the memory be allocated, and kills who uses it.
        """
        self._limit_memory(str(MEMORY_LEFT))

    def give_memory_back(self) -> None:
        """Take the limit away."""
        self._limit_memory("unlimited")

    def _limit_memory(self, soft_limit: str) -> None:
        self.host.exec("sh", "-c", f'prlimit --pid "$(pidof libvirtd)" --data={soft_limit}:')

    # Identity ---------------------------------------------------------------------------------

    def change_host_key(self) -> None:
        """Give sshd a new host key, as a host that was installed anew has, or somebody in between."""
        self.host.exec("sh", "-c", f"rm -f {_HOST_KEY} && ssh-keygen -q -t ed25519 -N '' -f {_HOST_KEY}")
        self._restart_sshd()

    def restore_host_key(self) -> None:
        """The key that everybody knows; sshd is left alone when it has it."""
        known = keys.host_key(self.host.layout, self.host.name).read_text()
        if self.host.exec("cat", _HOST_KEY).stdout == known:
            return
        self.host.exec(
            "sh", "-c", f"umask 077 && rm -f {_HOST_KEY} {_HOST_KEY}.pub && cat >{_HOST_KEY}", stdin=known
        )
        self._restart_sshd()

    def _restart_sshd(self) -> None:
        before = self._sshd()
        self.host.exec("kill", before)
        wait_until(lambda: self._sshd() not in ("", before), timeout_s=10, what="sshd to start again")
        self.host.wait_ready()

    def _sshd(self) -> str:
        return self.host.exec("cat", "/run/sshd.pid", check=False).stdout.strip()

    def heal(self) -> None:
        """Take every fault of this host back. Dead guests stay dead."""
        self.release_daemon()
        self.host.wait_ready()
        self.give_memory_back()
        self.grow_images()
        self.restore_host_key()
