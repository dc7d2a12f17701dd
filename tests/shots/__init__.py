"""Pictures of the running program on the lab's real hosts: `python -m tests.shots`, or `./dev shots`."""
