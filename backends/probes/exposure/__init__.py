"""One command that tells what a host lets in and how its guests' processes are kept, and pure readers of its answer."""
