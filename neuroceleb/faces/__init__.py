"""Photos to faces, faces to aligned crops, crops to a curated dataset."""
