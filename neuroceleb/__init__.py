"""Neuro-celeb: photos to faces, faces to a GAN, and a walk through what it learned."""

__version__ = "0.2.0"
