"""Latent vectors: seeds, interpolation, directions, arithmetic, projection, maps."""
