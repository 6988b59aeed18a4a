"""How good generated faces are, measured against real ones."""
