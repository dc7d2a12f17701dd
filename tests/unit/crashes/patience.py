"""How long a test waits before it calls work endless."""

PATIENCE_S = 3.0
"""Of our own processor. Twenty times what it takes, and a small part of what it took before somebody looked: whether it is
fast is measured by `./dev bench crashes`, and not here."""
