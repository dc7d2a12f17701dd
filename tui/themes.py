"""The program's own sets of colours: one accent for what moves, amber for doubt, red for what needs a person.

The tones of lines and tables are `$foreground`, `$text-success` (calm), `$text-accent` (moving),
`$text-warning` (doubt) and `$text-error` (alarm).
"""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="ferry-dark",
    primary="#3d6fa5",
    secondary="#5f8fc0",
    accent="#4fc3e8",
    foreground="#c9d1d9",
    background="#0f1419",
    surface="#141b22",
    panel="#1a232c",
    success="#7fae8b",
    warning="#e0a83c",
    error="#f0625d",
    dark=True,
    variables={
        "text-success": "#8fbf9b",
        "text-accent": "#4fc3e8",
        "text-warning": "#e8b04a",
        "text-error": "#ff6b66",
        "border-blurred": "#2a3540",
        "border": "#3d6fa5",
    },
)

LIGHT = Theme(
    name="ferry-light",
    primary="#2f6fb0",
    secondary="#4a86c0",
    accent="#0077a8",
    foreground="#24292f",
    background="#fbfbf9",
    surface="#f3f4f2",
    panel="#e8ebe8",
    success="#2f7a48",
    warning="#9a6200",
    error="#c22f2a",
    dark=False,
    variables={
        "text-success": "#2f7a48",
        "text-accent": "#00688f",
        "text-warning": "#8a5700",
        "text-error": "#b8211d",
        "border-blurred": "#cfd4d0",
        "border": "#2f6fb0",
    },
)

HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#0060ff",
    secondary="#00a0ff",
    accent="#00ffff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#101010",
    success="#00ff66",
    warning="#ffd000",
    error="#ff4040",
    dark=True,
    text_alpha=1.0,
    variables={
        "text-success": "#00ff66",
        "text-accent": "#00ffff",
        "text-warning": "#ffd000",
        "text-error": "#ff5050",
        "border-blurred": "#a0a0a0",
        "border": "#ffffff",
    },
)

ANSI = Theme(
    name="ansi",
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_cyan",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    dark=True,
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "text-success": "ansi_green",
        "text-accent": "ansi_cyan",
        "text-warning": "ansi_yellow",
        "text-error": "ansi_red",
        "border": "ansi_blue",
        "border-blurred": "ansi_bright_black",
    },
)

THEMES = (DARK, LIGHT, HIGH_CONTRAST, ANSI)
NAMES = tuple(theme.name for theme in THEMES)
