"""Fetch Debian or Ubuntu packages as files, without installing them.

Mirrors, proxies and keys are the machine's own: nothing here names a server.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from backends.lab.errors import LabError
from backends.lab.process import run

FETCH_TIMEOUT_S = 300
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def release() -> dict[str, str]:
    """The fields of /etc/os-release (os-release(5)), such as ID and VERSION_CODENAME."""
    lines = Path("/etc/os-release").read_text().splitlines()
    return {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines)}


def refresh_if_empty() -> None:
    """Fetch the package lists on a machine that has none, such as a fresh container."""
    if not run(["apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages"]).stdout.strip():
        run(["apt-get", "-qq", "update"], timeout_s=FETCH_TIMEOUT_S)


def dependencies(package: str) -> list[str]:
    """Names that `package` depends on; empty if the machine's sources do not know it."""
    shown = run(["apt-cache", "depends", package], check=False).stdout
    return re.findall(r"^\s*\|?Depends: ([^\s<>]+)$", shown, re.MULTILINE)


def unpack(packages: Sequence[str], into: Path, *, options: Sequence[str] = ()) -> None:
    """Download `packages` (each a name or name/suite) and unpack them over each other in `into`.

    Raises:
        LabError: a package could not be fetched or unpacked.
    """
    downloads = into.with_name(into.name + ".debs")
    downloads.mkdir(parents=True)
    run(["apt-get", "-qq", *options, "download", *packages], timeout_s=FETCH_TIMEOUT_S, cwd=downloads)
    for archive in sorted(downloads.glob("*.deb")):
        run(["dpkg-deb", "-x", str(archive), str(into)], timeout_s=60)
        archive.unlink()
    downloads.rmdir()


def backports_options(folder: Path) -> list[str]:
    """apt-get options that see only this release's backports, with lists kept in `folder`.

    Raises:
        LabError: the machine's sources name no mirror of Debian's main archive.
    """
    codename = release()["VERSION_CODENAME"]
    wanted = f"Debian {codename} main "
    fields = "$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)"
    sources = run(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]).stdout.splitlines()
    mirror = next((line.removeprefix(wanted) for line in sources if line.startswith(wanted)), None)
    if mirror is None:
        raise LabError(
            f"no source of Debian {codename} main is configured for apt",
            hint="Add one and run apt-get update.",
        )
    (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
    signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    (folder / "sources.list").write_text(f"deb {signed}{mirror} {codename}-backports main\n")
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/nonexistent",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    run(["apt-get", "-qq", *options, "update"], timeout_s=FETCH_TIMEOUT_S)
    return options
