"""`CrashPlace`: a screen about crashes: who is asked for them, and bringing files of hosts here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from backends.model.crash import Evidence
from backends.model.host import HostName
from backends.model.log import Saving
from tui.bridge import Update
from tui.dialogs.save import SaveDialog
from tui.screens.place import PlaceScreen
from tui.words.crash_page import harmless
from tui.words.host import can_be_asked


class CrashPlace(PlaceScreen):
    """Hears of questions and answers. Screens say by `draw_all` what is drawn anew then."""

    _unlisten: Callable[[], None] | None = None

    def on_mount(self) -> None:
        """Listen from now on."""
        self._unlisten = self.session.crashes.listen(self._heard)

    def on_unmount(self) -> None:
        """Listen no longer."""
        if self._unlisten:
            self._unlisten()

    def draw_all(self) -> None:
        """All panes."""
        raise NotImplementedError

    def hosts(self) -> Sequence[HostName]:
        """Those that this screen is about."""
        return list(self.state.hosts)

    def resync(self) -> None:
        """Everything anew."""
        self.draw_all()
        super().resync()

    def follow(self, update: Update) -> None:
        """What is known of these hosts, or whether they answer."""
        mine = set(self.hosts())
        if any(subject in mine for _, subject in update.dirty):
            self.draw_all()
        super().follow(update)

    def _heard(self) -> None:
        if not self.is_attached or not self.app.is_running:
            return
        if self.is_current:
            self.draw_all()
            self.redraw_keys()
        else:
            self._behind = True

    @property
    def asking(self) -> list[HostName]:
        """Those of them that are being asked."""
        return [host for host in self.hosts() if host in self.session.crashes.asking]

    def ask_where_due(self) -> None:
        """Of which nothing is known yet."""
        views = [self.state.hosts[host] for host in self.hosts()]
        self.session.crashes.ask_where_due(self.app, self.session.fleet, views)

    def do_look_for_crashes(self) -> None:
        """All of these that answer."""
        able = [host for host in self.hosts() if can_be_asked(self.state.hosts[host])]
        self.session.crashes.ask(self.app, self.session.fleet, able)

    def do_back(self) -> None:
        """To where the user came from."""
        self.app.pop_screen()

    # -- files --------------------------------------------------------------------------------------

    def save(self, host: HostName, evidence: Evidence) -> None:
        """Ask where to, and bring it."""
        fleet = self.session.fleet

        async def log(path: Path, overwrite: bool) -> AsyncGenerator[Saving, None]:
            async with (
                fleet.open_log(host, evidence.path) as opened,
                aclosing(opened.save(path, overwrite=overwrite)) as steps,
            ):
                async for saving in steps:
                    yield saving

        async def dump(path: Path, _: bool) -> AsyncGenerator[Saving, None]:
            async with aclosing(fleet.fetch(host, evidence, path)) as steps:
                async for saving in steps:
                    yield saving

        name = harmless(f"{host}-{evidence.path.rpartition('/')[2]}")
        self.app.push_screen(
            SaveDialog(
                f"{host}: {evidence.place}",
                name,
                log if evidence.is_text else dump,
                total_bytes=evidence.size_bytes,
                may_overwrite=evidence.is_text,
            )
        )
