"""Training a run, in one process or several."""
