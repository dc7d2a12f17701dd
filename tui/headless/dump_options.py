"""What a command line wishes of a dump, and of what happens when a guest crashes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from backends.model.crash_setting import CrashWish, OnCrash, OnEnd
from backends.model.dump import DumpFormat, DumpWish, WhileDumping
from backends.model.guest import GuestKey
from tui.headless.exits import UsageError
from tui.headless.session import Flag

FormatName = Literal["elf", "kdump-zlib", "kdump-lzo", "kdump-snappy", "win-dmp"]
CrashAction = Literal[
    "destroy", "restart", "preserve", "rename-restart", "coredump-destroy", "coredump-restart"
]
EndAction = Literal["destroy", "restart", "preserve", "rename-restart"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DumpOptions:
    """How a guest is to be dumped."""

    format: FormatName = "elf"
    """elf: for crash and gdb, as large as the memory; kdump-...: compressed, for crash; win-dmp: for WinDbg."""
    full: Flag = False
    """All of the guest's state, as a save has it, and not its memory alone."""
    live: Flag = False
    """The guest goes on meanwhile: the dump may not be consistent."""
    crash: Flag = False
    """The guest is ended as crashed, after the dump."""
    reset: Flag = False
    """The guest is reset after the dump."""
    folder: Annotated[str, Parameter(show_default=False)] = ""
    """Where on the host; in libvirt's own folder for dumps when left out."""
    bring: Path | None = None
    """A folder of this machine: the dump is fetched there, and then removed on the host."""

    def wish(self, guest: GuestKey) -> DumpWish:
        """The same in the model's terms. Raises UsageError where two options cannot be had together."""
        ways = {
            "--live": (self.live, WhileDumping.LIVE),
            "--crash": (self.crash, WhileDumping.CRASH),
            "--reset": (self.reset, WhileDumping.RESET),
        }
        named = [(option, way) for option, (is_named, way) in ways.items() if is_named]
        if len(named) > 1:
            options = " and ".join(option for option, _ in named)
            raise UsageError(
                f"{options} cannot be had together", "choose one, or none: it is paused meanwhile"
            )
        if self.full and self.format != "elf":
            raise UsageError(
                f"--full has a format of its own, not {self.format}", "leave out one of --full and --format"
            )
        return DumpWish(
            guest,
            memory_only=not self.full,
            format=DumpFormat(self.format),
            then=named[0][1] if named else WhileDumping.PAUSED,
            folder=self.folder,
            bring_to=str(self.bring.expanduser().absolute()) if self.bring is not None else "",
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SettingOptions:
    """What is to be different."""

    on_crash: CrashAction | None = None
    """When its kernel gives up (formatdomain.html, on_crash). coredump-... leaves a dump of its memory."""
    on_poweroff: EndAction | None = None
    """When it switches itself off."""
    on_reboot: EndAction | None = None
    """When it restarts itself."""
    panic_device: Literal["yes", "no"] | None = None
    """A device by which its kernel tells the host that it gives up; from its next start on."""

    @property
    def changes(self) -> bool:
        """Is anything to be different?"""
        return self.wish() != CrashWish()

    def wish(self) -> CrashWish:
        """The same in the model's terms."""
        return CrashWish(
            on_crash=OnCrash(self.on_crash) if self.on_crash else None,
            on_poweroff=OnEnd(self.on_poweroff) if self.on_poweroff else None,
            on_reboot=OnEnd(self.on_reboot) if self.on_reboot else None,
            panic_device=self.panic_device == "yes" if self.panic_device else None,
        )
