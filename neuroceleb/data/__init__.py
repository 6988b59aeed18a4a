"""Photos to faces, faces to a dataset, a dataset to shuffled batches."""
