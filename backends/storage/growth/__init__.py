"""A disk grows, layer by layer, from the bytes up to the guest."""
