"""What things are: hosts, guests, moves. Frozen values and enums; no input, no output, nothing of ours imported."""
