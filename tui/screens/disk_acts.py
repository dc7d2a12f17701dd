"""`DiskPlace`: a screen with a guest at hand whose disks can grow."""

from __future__ import annotations

from backends.model.guest import Guest, GuestKey
from backends.model.storage import LayerKind
from tui.actions.reasons import Now
from tui.dialogs.grow import GrowDialog
from tui.screens.growth import GrowthScreen
from tui.screens.place import PlaceScreen
from tui.words.crash_link import crash_of


class DiskPlace(PlaceScreen):
    """Screens say by `guest_key` which guest is at hand."""

    def guest_key(self) -> GuestKey | None:
        """The guest that actions are about."""
        raise NotImplementedError

    def now(self) -> Now:
        """With the guest at hand."""
        key = self.guest_key()
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            guest=self.state.guest(key) if key else None,
            crash=crash_of(self.state, key) if key else None,
        )

    def do_grow(self) -> None:
        """Ask which disk and how large; or watch the growth that is under way."""
        guest = self.now().guest
        if guest is None:
            return
        if under_way := self.session.growths.of_guest(guest.key):
            plan = under_way[0].plan
            self.app.push_screen(GrowthScreen(guest.key, plan.target, plan.after_bytes))
        else:
            self.app.run_worker(self._grow(guest))

    async def _grow(self, guest: Guest) -> None:
        async def size_of(target: str) -> int | None:
            chain = await self.session.fleet.chain(guest.key, target)
            sizes = (link.size_bytes for link in chain.links if link.kind is LayerKind.GUEST_DISK)
            return next(sizes, None)

        wanted = await self.app.push_screen_wait(GrowDialog(guest, size_of))
        if wanted:
            self.app.push_screen(GrowthScreen(guest.key, wanted.target, wanted.size_bytes))
