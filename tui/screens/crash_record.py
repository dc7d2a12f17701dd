"""Opens the crash record at hand."""

from __future__ import annotations

from tui.screens.place import PlaceScreen


def open_record(screen: PlaceScreen) -> None:
    """On a page of its own; what is at hand comes from the screen's `now`."""
    from tui.screens.crash_page import CrashPageScreen  # it opens guests and moves in its turn

    if crash := screen.now().crash:
        screen.app.push_screen(CrashPageScreen(crash))
