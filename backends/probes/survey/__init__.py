"""One command that reads a host's own files, and pure readers of what it brought: processor, VT, widths, features."""
