"""The engine: pure functions decide, thin async code acts, and the truth comes from asking both hosts."""
