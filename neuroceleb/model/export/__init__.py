"""A generator in the file formats of other programs."""
