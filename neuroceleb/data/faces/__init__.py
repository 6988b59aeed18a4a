"""Find, align, crop and review the faces in photos. Never loads PyTorch."""
