"""The tabs: for each its layout and its listeners."""
