"""Opening the program: settings, log, hosts, and a terminal that is left as it was found."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backends.api import Config, load_config, open_fleet
from backends.model.host import HostSpec
from tui.actions.user_keys import trouble_with_keys
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.glyphs import ASCII, UNICODE, Glyphs, glyphs_for
from tui.headless.exits import Exit, UsageError
from tui.headless.session import HostOptions, chosen_hosts
from tui.logfile import bug_words, start_log
from tui.session import Session
from tui.settings import Settings
from tui.themes import NAMES

log = logging.getLogger(__name__)

WITHOUT_SCREEN = (
    "hosts|guests|jobs|capabilities|compare|posture|storage|prove|chain|grow|iscsi"
    "|crashes|kdump|dump|crash-setting|check|migrate|attach|abort"
    "|history|audit|unfinished"
)
"""Commands that need no terminal."""

_STDOUT = 1
"""The file descriptor: Textual puts an object of its own in the place of `sys.stdout`."""

_TERMINAL_CHECK_S = 5.0
"""How long the program may outlive a terminal that went without a signal."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says about the program itself."""

    read_only: bool = False
    ascii_only: bool = False
    theme: str | None = None
    log: Path | None = None


async def launch(options: HostOptions, wishes: Wishes) -> int:
    """Run until the user leaves. Raises UsageError and ConfigError before the screen is touched."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the program needs a terminal",
            f"without one: virt-ferry {WITHOUT_SCREEN}, each with --json (virt-ferry --help lists them)",
        )
    if os.environ.get("TERM") == "dumb":
        raise UsageError(
            "this terminal cannot place text on the screen (TERM=dumb)",
            f"in one that can, or without a screen: virt-ferry {WITHOUT_SCREEN}",
        )
    config = load_config(options.config)
    settings = _settings(config, wishes)
    async with chosen_hosts(options, config) as specs:
        try:
            return await _run(specs, settings)
        except Exception:
            # The border of the program: here a bug becomes words, with the terminal already restored.
            log.critical("ended by a bug", exc_info=True)
            sys.stderr.write(f"{bug_words(settings.log_file)}\n")
            return Exit.FAILED


async def _run(specs: tuple[HostSpec, ...], settings: Settings) -> int:
    _collect_old_garbage_rarely()
    desk = QuestionDesk()
    async with open_fleet(specs, asker=desk) as fleet:
        app = FerryApp(Session(fleet, Bridge(fleet), settings), desk)
        log.info("opened with %d hosts", len(specs))
        with _ended_by_signals(app):
            watching = asyncio.create_task(_end_with_the_terminal(app))
            try:
                await app.run_async()
            finally:
                watching.cancel()
                if not os.isatty(_STDOUT):
                    _forget_terminal()
    code = app.return_code or Exit.SUCCEEDED
    if app.terminal_is_stuck:
        log.warning("the terminal does not read: ended without its good-bye")
        os._exit(code)  # Python's own end would wait for the stream that the stuck writer holds
    return code


def _collect_old_garbage_rarely() -> None:
    """The oldest generation holds the whole fleet: with 10,000 guests going through it holds a key for 0.1 s or more.

    What the samples leave is young and collected as before; cycles that grow old are rare and small.
    """
    gc.freeze()
    gc.set_threshold(700, 10, 1000)


def _settings(config: Config, wishes: Wishes) -> Settings:
    theme = wishes.theme or config.theme
    if theme not in NAMES:
        where = "" if wishes.theme else "in the configuration: "
        raise UsageError(f"{where}no theme {theme!r}", f"there are: {', '.join(NAMES)}")
    if trouble := trouble_with_keys(config.keys):
        raise UsageError(
            f"in the configuration: [keys]: {trouble}", "? in the program lists actions and keys"
        )
    try:
        log_file = start_log(wishes.log)
    except OSError as error:
        raise UsageError(f"cannot write the log: {error}") from error
    return Settings(
        theme=theme,
        glyphs=_glyphs(config, wishes),
        read_only=wishes.read_only or config.read_only,
        keys=config.keys,
        log_file=log_file,
    )


def _glyphs(config: Config, wishes: Wishes) -> Glyphs:
    if wishes.ascii_only or config.glyphs == "ascii":
        return ASCII
    return UNICODE if config.glyphs == "unicode" else glyphs_for(_environment_at_start())


def _environment_at_start() -> Mapping[str, str]:
    """As the user's shell gave it: Python itself sets LC_CTYPE to UTF-8 in a C locale (PEP 538)."""
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return os.environ
    return dict(os.fsdecode(entry).split("=", 1) for entry in entries if b"=" in entry)


async def _end_with_the_terminal(app: FerryApp) -> None:
    """A terminal can go without a signal, when it is not the controlling one: never live on without it."""
    while os.isatty(_STDOUT):  # noqa: ASYNC110  (there is no event for it)
        await asyncio.sleep(_TERMINAL_CHECK_S)
    app.call_later(app.exit, None, 128 + signal.SIGHUP)


def _forget_terminal() -> None:
    """It is gone: let the last words of the drawing end in nothing instead of in an error."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)


@contextmanager
def _ended_by_signals(app: FerryApp) -> Iterator[None]:
    """SIGTERM and a lost terminal end the program as the user would, so that the terminal is restored."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, app.call_later, app.exit, None, 128 + number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
