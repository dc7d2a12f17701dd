"""Storage as one host sees it: one command that asks for all of it, and pure parsers of the answers."""
