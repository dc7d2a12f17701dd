"""Modes and last resorts in words."""

from __future__ import annotations

from backends.model.move import LastResort, MoveMode

MODE_WORDS = {
    MoveMode.LIVE: "it runs while its memory is copied; it stops for the switch",
    MoveMode.PAUSED: "it stands still until all of its memory is there",
    MoveMode.SAVED: "it is saved to a file, carried over, and restored there",
    MoveMode.OFFLINE: "it is off: only its definition moves",
}
"""What a mode does, in one line."""

LAST_RESORT_WORDS = {
    LastResort.KEEP_TRYING: "keep trying",
    LastResort.AUTO_CONVERGE: "auto-converge",
    LastResort.POSTCOPY: "post-copy",
    LastResort.PAUSE: "pause",
    LastResort.ABORT: "abort",
}

LAST_RESORT_SENTENCES = {
    LastResort.KEEP_TRYING: "it goes on until you decide",
    LastResort.AUTO_CONVERGE: "QEMU slows the guest down until it fits",
    LastResort.POSTCOPY: "no way back once it has switched over",
    LastResort.PAUSE: "it is paused until it has arrived",
    LastResort.ABORT: "the move is stopped; the guest stays",
}
"""What happens when the guest writes too much to fit into the most downtime; at most 40 letters, for 80 columns."""
