"""Photos, faces cropped from them, datasets, and training batches."""
