"""Measures of generated faces against real ones."""
