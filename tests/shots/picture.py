"""What is on the screen, as an SVG and a PNG file."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from textual.app import App

from tests.shots.svg import svg

FOLDER = Path(__file__).parents[2] / "screenshots"
PNG_LIMIT_BYTES = 250_000
PNG_PX_A_COLUMN, PNG_PX_MOST = 9, 1500
"""How wide a PNG is; a wide screen is drawn smaller."""


class PictureError(Exception):
    """A picture cannot be made, or is not fit to be kept."""


def save(app: App[None], name: str) -> Path:
    """Write `name`.svg and `name`.png into `FOLDER`; returns the PNG. Raises PictureError."""
    FOLDER.mkdir(exist_ok=True)
    drawing, png = FOLDER / f"{name}.svg", FOLDER / f"{name}.png"
    drawing.write_text(_drawn(app))
    _to_png(drawing, png, width=min(PNG_PX_MOST, PNG_PX_A_COLUMN * app.size.width))
    return png


def _drawn(app: App[None]) -> str:
    """As App.export_screenshot does it (a dialog is drawn over the screen behind it), but for the drawing itself."""
    width, height = app.size
    console = Console(
        width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor",
        legacy_windows=False,
    )  # fmt: skip
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert update is not None  # asked for all of it
    lines = console.render_lines(update, console.options.update(width=width, height=height), pad=False)
    return svg(lines, width, _background(app))


def _background(app: App[None]) -> str:
    theme = app.current_theme
    if theme.background is None or theme.background.startswith("ansi"):
        return SVG_EXPORT_THEME.background_color.hex
    return theme.background


def _to_png(drawing: Path, png: Path, *, width: int) -> None:
    if shutil.which("rsvg-convert") is None:
        raise PictureError("rsvg-convert is not installed (package librsvg2-bin)")
    subprocess.run(
        ["rsvg-convert", f"--width={width}", "--output", str(png), str(drawing)], check=True, timeout=60
    )
    if png.stat().st_size > PNG_LIMIT_BYTES:
        raise PictureError(f"{png.name} has {png.stat().st_size:,} bytes, more than {PNG_LIMIT_BYTES:,}")
