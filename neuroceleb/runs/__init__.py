"""The run directory: status, queue, background jobs, charts. Never loads PyTorch."""
