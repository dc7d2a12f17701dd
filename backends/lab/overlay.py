"""A QEMU that can be trusted to migrate, laid over the hosts' /usr; the machine keeps its own.

QEMU 7.2 (Debian 12) damages an emulated guest that writes memory while a migration makes more than one
pass: the guest dies on the destination though the migration is reported as done (seen in 4 of 4 tries;
with QEMU 10 in none of 4). Debian's backports carry QEMU 10.
"""

from __future__ import annotations

import re
import shutil
from functools import cache

from backends.lab import apt
from backends.lab.layout import Layout
from backends.lab.process import run

TRUSTED_MAJOR = 10
PACKAGES = (
    "qemu-system-x86",
    "qemu-system-common",
    "qemu-system-data",
    "qemu-block-extra",
    "qemu-utils",
    "seabios",
)


@cache
def machine_qemu_major() -> int:
    """Major version of the machine's own QEMU."""
    shown = run(["qemu-system-x86_64", "--version"]).stdout
    found = re.search(r"version (\d+)\.", shown)
    return int(found[1]) if found else 0


def overlay_in_use(layout: Layout) -> bool:
    return layout.qemu.is_dir()


def overlay_wanted() -> bool:
    """Only Debian is known to offer a newer QEMU; elsewhere the machine's own must do."""
    return machine_qemu_major() < TRUSTED_MAJOR and apt.release().get("ID") == "debian"


def prepare(layout: Layout) -> None:
    """Unpack QEMU from backports, if the machine's own is too old and this was not done before."""
    if overlay_in_use(layout) or not overlay_wanted():
        return
    work = layout.prepared / "qemu.new"
    shutil.rmtree(work, ignore_errors=True)
    sources = work / "apt"
    options = apt.backports_options(sources)
    suite = f"{apt.release()['VERSION_CODENAME']}-backports"
    unpacked = work / "root"
    apt.unpack([f"{package}/{suite}" for package in PACKAGES], unpacked, options=options)
    unpacked.rename(layout.qemu)
    shutil.rmtree(work)
