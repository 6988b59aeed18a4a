"""The networks of a DCGAN, their losses, and weights in files."""
