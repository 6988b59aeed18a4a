"""What a computation runs on: its name, and the memory it has taken."""

import resource
from typing import Any

import torch


def name_of(device: torch.device) -> str:
    """`CPU`, or the GPU's own name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def memory() -> dict[str, Any]:
    """The most memory this process has held so far, in MB: of the machine and of the GPU."""
    used = {"memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10}
    if torch.cuda.is_initialized():
        used["gpu_memory_mb"] = torch.cuda.max_memory_reserved() // 2**20
    return used
