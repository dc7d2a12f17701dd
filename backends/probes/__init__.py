"""Questions to a host through a Shell, and pure parsers of the answers."""
