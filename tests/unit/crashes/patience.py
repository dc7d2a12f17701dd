"""How long a test waits before it calls work endless."""

PATIENCE_S = 3.0
"""Of our own processor: twenty times what it takes, and a small part of what endless work took before it was mended.
Whether it is fast is measured by `./dev bench crashes`, and not here."""
