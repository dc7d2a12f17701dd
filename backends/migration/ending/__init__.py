"""The end of a move: where the guest is, what is told, and what is taken back from the hosts."""
