"""A disk grows where its guest is: what other hosts have of the same guest, or at the same path, is looked at."""

from __future__ import annotations

from backends.model.guest import Disk, DiskKind, Guest, GuestKey, GuestState
from backends.model.host import HostName
from backends.storage.growth.looking import active_on, same_path_of
from backends.storage.growth.plan import draw
from tests.unit.storage.stacks import GIB, WEB, on_file

OFF = GuestState.OFF


def test_an_old_definition_of_a_guest_does_not_touch_the_image_that_it_runs_from_on_another_host() -> None:
    def known(host: str, state: GuestState, uuid: str = WEB.uuid) -> Guest:
        return Guest(GuestKey(HostName(host), "qemu", uuid), "web", state, "", 1, 1)

    others = [known("h2", GuestState.RUNNING), known("h3", OFF), known("h4", GuestState.RUNNING, "other")]
    assert active_on([known("h1", OFF), *others], WEB) == ("h2",)
    assert draw(on_file(state=OFF), 20 * GIB).plan.steps
    found = draw(on_file(state=OFF, active_on=("h2",)), 20 * GIB).plan
    assert found.steps == () and "active on h2" in found.refused and "there" in found.hint
    assert draw(on_file(active_on=("h2",)), 20 * GIB).plan.steps, "a host may be named twice"


def test_a_guest_that_runs_from_the_same_path_on_another_host_is_a_doubt() -> None:
    def known(host: str, uuid: str, path: str, state: GuestState = GuestState.RUNNING) -> Guest:
        disk = Disk("vda", DiskKind.FILE, path, path=path)
        return Guest(GuestKey(HostName(host), "qemu", uuid), uuid, state, "", 1, 1, disks=(disk,))

    guests = [
        known("h1", WEB.uuid, "/srv/a", OFF),
        known("h2", "web-2", "/srv/a"),
        known("h2", "off", "/srv/a", OFF),
        known("h2", "other", ""),
        known("h1", "beside", "/srv/a"),
    ]
    assert same_path_of(guests, WEB, {"/srv/a", ""}) == ("web-2 on h2",)
    doubted = draw(on_file(state=OFF, same_path_of=("web-2 on h2",)), 20 * GIB).plan
    assert doubted.steps and any("web-2 on h2" in doubt for doubt in doubted.doubts)
