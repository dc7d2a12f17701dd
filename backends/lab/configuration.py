"""The private /etc, /root and /var of one host, as plain files on the machine.

They survive a crash and a boot of the host, and are made anew when a lab comes up from nothing.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from backends.lab import keys
from backends.lab.layout import LOCAL_IMAGES_IN_HOST, SHARED_IN_HOST, TCP_PORT, Layout

LIBVIRTD_CONF = """\
host_uuid = "00000000-0000-4000-8000-{number:012d}"
unix_sock_group = "libvirt"
unix_sock_rw_perms = "0770"
auth_unix_ro = "none"
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 1
tcp_port = "{tcp_port}"
listen_addr = "{address}"
auth_tcp = "none"
max_clients = 200
keepalive_interval = 5
keepalive_count = 3
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
"""

# No virtlogd, no AppArmor, no users of its own: what libvirtd needs of a distribution is not here. Its keepalive of
# 5 s would let a host miss the other one only after half a minute, which is long for who waits for it.
QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
stdio_handler = "file"
vnc_listen = "{address}"
migration_address = "{address}"
migration_host = "{host}"
keepalive_interval = 2
keepalive_count = 3
auto_dump_path = "/var/lib/libvirt/qemu/dump"
"""

SSHD_CONFIG = """\
ListenAddress {address}:22
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PidFile /run/sshd.pid
PrintMotd no
UseDNS no
MaxStartups 100:30:200
MaxSessions 100
AllowStreamLocalForwarding yes
Subsystem sftp /usr/lib/openssh/sftp-server
"""

POOLS = {"default": LOCAL_IMAGES_IN_HOST, "shared": SHARED_IN_HOST / "images"}
"""Every host's storage pools and the folders they are."""

POOL = """\
<pool type='dir'>
  <name>{name}</name>
  <target><path>{path}</path></target>
</pool>
"""

# libvirtd insists that the user and groups it was compiled with exist, whatever qemu.conf says.
LIBVIRT_USER = "libvirt-qemu:x:64055:64055:Libvirt Qemu:/var/lib/libvirt:/usr/sbin/nologin\n"
LIBVIRT_GROUPS = "libvirt-qemu:x:64055:\nlibvirt:x:64056:\n"

ACCOUNT = "joe"
"""A user without rights: he may log in everywhere with the client's key, and is in no group but his own."""
ACCOUNT_ID = 64060
ACCOUNT_HOME = f"/var/home/{ACCOUNT}"
ACCOUNT_USER = f"{ACCOUNT}:x:{ACCOUNT_ID}:{ACCOUNT_ID}:Joe:{ACCOUNT_HOME}:/bin/sh\n"
ACCOUNT_GROUP = f"{ACCOUNT}:x:{ACCOUNT_ID}:\n"


def write(layout: Layout, host: str) -> None:
    """Write every file of `host`; an existing host keeps what libvirt stored (its guests, its pools)."""
    root = layout.node(host)
    etc = root / "etc"
    if not etc.exists():
        # Of the machine's own configuration a host must not see its guests and its host keys.
        shutil.copytree(
            "/etc", etc, symlinks=True, ignore=shutil.ignore_patterns("libvirt", "ssh", "sudoers*")
        )
    _write_identity(layout, host, etc)
    _write_ssh(layout, host, root)
    _write_account(layout, root)
    _write_libvirt(layout, host, etc / "libvirt")
    for folder in ("lib/libvirt/images", "lib/libvirt/boot", "lib/libvirt/shared", "lib/dpkg", "lib/lvm",
                   "log/libvirt", "cache/libvirt", "crash", "tmp", "spool"):  # fmt: skip
        (root / "var" / folder).mkdir(parents=True, exist_ok=True)
    (root / "var/tmp").chmod(0o1777)
    for name, target in (("run", "/run"), ("lock", "/run/lock")):
        if not (root / "var" / name).is_symlink():
            (root / "var" / name).symlink_to(target)
    for mount_point in ("dev", "shared,gv0"):
        (root / mount_point).mkdir(exist_ok=True)


def _write_identity(layout: Layout, host: str, etc: Path) -> None:
    (etc / "hostname").write_text(f"{host}\n")
    (etc / "hosts").write_text(keys.hosts_file(layout))
    (etc / "machine-id").write_text(f"{layout.number(host):032x}\n")
    for name, added in (("passwd", LIBVIRT_USER + ACCOUNT_USER), ("group", LIBVIRT_GROUPS + ACCOUNT_GROUP)):
        own = {line.split(":")[0] for line in added.splitlines()}
        kept = [line for line in Path("/etc", name).read_text().splitlines() if line.split(":")[0] not in own]
        (etc / name).write_text("\n".join(kept) + "\n" + added)


def _write_ssh(layout: Layout, host: str, root: Path) -> None:
    sshd, user = root / "etc/ssh", root / "root/.ssh"
    for folder in (sshd, user):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    (sshd / "sshd_config").write_text(SSHD_CONFIG.format(address=layout.address(host)))
    shutil.copy(keys.host_key(layout, host), sshd / "ssh_host_ed25519_key")
    shutil.copy(keys.user_key(layout, host), user / "id_ed25519")
    (user / "authorized_keys").write_text(keys.authorized_keys(layout))
    (user / "known_hosts").write_text(keys.known_hosts(layout))
    for secret in (sshd / "ssh_host_ed25519_key", user / "id_ed25519", user / "authorized_keys"):
        secret.chmod(0o600)
    (root / "root").chmod(0o700)


def _write_account(layout: Layout, root: Path) -> None:
    """The home of the user without rights; sshd takes no keys from one that others may write to (sshd_config(5))."""
    home = root / ACCOUNT_HOME.removeprefix("/")
    (home / ".ssh").mkdir(parents=True, exist_ok=True)
    (home / ".ssh/authorized_keys").write_text(keys.authorized_keys(layout))
    for parent in home.relative_to(root).parents:
        (root / parent).chmod(0o755)
    for path, mode in ((home, 0o755), (home / ".ssh", 0o700), (home / ".ssh/authorized_keys", 0o600)):
        os.chown(path, ACCOUNT_ID, ACCOUNT_ID)
        path.chmod(mode)


def _write_libvirt(layout: Layout, host: str, folder: Path) -> None:
    values = {
        "host": host,
        "address": layout.address(host),
        "number": layout.number(host),
        "tcp_port": TCP_PORT,
    }
    storage = folder / "storage"
    first_time = not storage.exists()
    (storage / "autostart").mkdir(parents=True, exist_ok=True)
    (folder / "libvirtd.conf").write_text(LIBVIRTD_CONF.format(**values))
    (folder / "qemu.conf").write_text(QEMU_CONF.format(**values))
    (folder / "qemu.conf").chmod(0o600)  # as Debian's libvirt-daemon-system leaves it: it may hold passwords
    if first_time:
        for name, path in POOLS.items():
            (storage / f"{name}.xml").write_text(POOL.format(name=name, path=path))
            (storage / f"autostart/{name}.xml").symlink_to(f"/etc/libvirt/storage/{name}.xml")
