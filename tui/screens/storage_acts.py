"""`StoragePlace`: a screen with a storage at hand: asking the hosts anew, and proving that they share it."""

from __future__ import annotations

from backends.model.host import HostName
from backends.model.storage import Access, Storage
from tui.actions.reasons import Now
from tui.dialogs.prove import prove_dialog
from tui.screens.place import PlaceScreen
from tui.storages import Storages
from tui.words.host import can_be_asked
from tui.words.storage import path_of
from tui.words.storage_page import Proving


class StoragePlace(PlaceScreen):
    """Screens say by `storage` which one is at hand. Questions are owned by the app: they outlive the screen."""

    storages: Storages

    def storage(self) -> Storage | None:
        """The one that actions are about."""
        raise NotImplementedError

    def chosen_host(self) -> HostName | None:
        """The host whose sight of it is looked at."""
        return None

    def show_proof(self) -> None:
        """Where the proof that has begun can be read."""

    def now(self) -> Now:
        """With the storage at hand."""
        storage, host = self.storage(), self.chosen_host()
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            host=self.state.hosts.get(host) if host else None,
            asking=self.storages.asking,
            storage=storage,
            proving=storage is not None and storage.id in self.storages.proving,
        )

    def silent(self) -> frozenset[HostName]:
        """Hosts that do not answer now: what they have told is the last that was known."""
        return frozenset(name for name, view in self.state.hosts.items() if not can_be_asked(view))

    def proving_of(self, storage: Storage) -> Proving:
        """How it stands with its proof."""
        known = self.storages
        return Proving(
            known.proofs.get(storage.id), known.unproved.get(storage.id), storage.id in known.proving
        )

    def do_ask_storage(self) -> None:
        """All hosts that answer."""
        self.storages.ask(self.app, self.state.hosts.values())

    def do_prove(self) -> None:
        """Try it, after a confirmation."""
        if storage := self.storage():
            self.app.run_worker(self._prove(storage))

    async def _prove(self, storage: Storage) -> None:
        hosts, path = self._provers(storage), ""
        if len(storage.seen_by) < 2:  # is it what others have at the same path?
            path = path_of(storage)
            hosts = (*hosts, *(host for host in self._answering() if host not in hosts))
        if await self.app.push_screen_wait(prove_dialog(storage, hosts)):
            self.storages.prove(self.app, storage.id, path or storage.id.key, hosts)
            self.show_proof()

    def _answering(self) -> list[HostName]:
        silent = self.silent()
        return [host for host in self.state.hosts if host not in silent]

    def _provers(self, storage: Storage) -> tuple[HostName, ...]:
        """Hosts that see it and answer, one that may write before the others, the chosen one before all."""
        chosen, answering = self.chosen_host(), self._answering()

        def order(host: HostName) -> tuple[bool, bool]:
            return storage.sightings[host].access is not Access.READ_WRITE, host != chosen

        return tuple(sorted((host for host in storage.seen_by if host in answering), key=order))
