"""The guests' kernel and initrd: a distribution kernel, busybox, and one small C program as /init."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
from importlib import resources
from pathlib import Path

from backends.lab import apt
from backends.lab.errors import LabError
from backends.lab.layout import Layout
from backends.lab.process import run

KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual")
"""Packages that depend on the newest small kernel: Debian's name, Ubuntu's name."""

MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_balloon",
    "evdev",
    "button",
    "pvpanic",
    "pvpanic-mmio",
)
"""What a guest needs; each brings what it depends on. Some kernels have some of these built in."""


def prepare(layout: Layout) -> None:
    """Make kernel and initrd if they are missing, or if the guest's program changed since.

    Raises:
        LabError: no kernel package could be fetched, or the compiler refused.
    """
    kernel = layout.prepared / "kernel"
    if not kernel.is_dir():
        _fetch_kernel(kernel)
    source = resources.files(__package__).joinpath("guest_init.c").read_text()
    built_from = layout.boot / "init.c"
    if built_from.exists() and built_from.read_text() == source:
        return
    layout.boot.mkdir(parents=True, exist_ok=True)
    _replace(layout.boot / "vmlinuz", next((kernel / "boot").glob("vmlinuz-*")).read_bytes())
    _replace(layout.boot / "initrd", _build_initrd(layout.prepared, kernel, source))
    built_from.write_text(source)


def _fetch_kernel(into: Path) -> None:
    apt.refresh_if_empty()
    packages = next(filter(None, map(_kernel_packages, KERNELS)), None)
    if packages is None:
        raise LabError(
            "apt knows no kernel package for the guests", hint=f"Looked for {' and '.join(KERNELS)}."
        )
    work = into.with_name("kernel.new")
    for leftover in (work, into.with_name("kernel.new.debs")):
        shutil.rmtree(leftover, ignore_errors=True)
    apt.unpack(packages, work)
    work.rename(into)


def _kernel_packages(metapackage: str) -> list[str]:
    """The packages behind a metapackage that hold a kernel and its modules; Ubuntu keeps the two apart."""
    images = [name for name in apt.dependencies(metapackage) if re.match(r"linux-image-\d", name)]
    return images + [
        name for image in images for name in apt.dependencies(image) if re.match(r"linux-modules-\d", name)
    ]


def _replace(path: Path, content: bytes) -> None:
    """Change a file that hosts may be reading in one step."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.rename(path)


def _build_initrd(prepared: Path, kernel: Path, source: str) -> bytes:
    root = prepared / "initrd.root"
    shutil.rmtree(root, ignore_errors=True)
    (root / "bin").mkdir(parents=True)
    (root / "m").mkdir()
    compiler = ["gcc", "-O2", "-static", "-s", "-pthread", "-x", "c", "-"]
    run([*compiler, "-o", str(root / "init")], stdin=source, timeout_s=60)
    shutil.copy(Path(shutil.which("busybox") or "/bin/busybox"), root / "bin/busybox")
    (root / "bin/sh").symlink_to("busybox")
    modules = _copy_modules(kernel, root / "m")
    (root / "modules.list").write_text("".join(f"/m/{name}.ko\n" for name in modules))
    archive = prepared / "initrd.cpio"
    files = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
    run(["sh", "-c", 'exec busybox cpio -o -H newc > "$1"', "cpio", str(archive)], stdin=files, cwd=root)
    packed = gzip.compress(archive.read_bytes(), compresslevel=1)
    archive.unlink()
    shutil.rmtree(root)
    return packed


def _copy_modules(kernel: Path, into: Path) -> list[str]:
    """Copy the modules and what they depend on; returns their names in loading order."""
    available = {
        path.name.partition(".ko")[0].replace("-", "_"): path
        for path in kernel.glob("**/lib/modules/**/*.ko*")
    }
    loaded: list[str] = []

    def load(name: str) -> None:
        key = name.replace("-", "_")
        if key in loaded or key not in available:  # not available: built into the kernel
            return
        content = _read_module(available[key])
        for dependency in _depends(content):
            load(dependency)
        (into / f"{key}.ko").write_bytes(content)
        loaded.append(key)

    for name in MODULES:
        load(name)
    return loaded


def _read_module(path: Path) -> bytes:
    match path.suffix:
        case ".ko":
            return path.read_bytes()
        case ".xz":
            return lzma.decompress(path.read_bytes())
        case ".gz":
            return gzip.decompress(path.read_bytes())
        case _:
            raise LabError(f"cannot unpack the kernel module {path.name}")


def _depends(module: bytes) -> list[str]:
    """Names in the module's own `depends=` note (what modinfo prints)."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name for name in found[1].decode().split(",") if name] if found else []
