"""The compute device: choice, configuration, name and memory in use."""

import resource
from typing import Any

import torch

from neuroceleb.errors import UserError


def pick(name: str) -> torch.device:
    """The device for a setting; `auto` is the GPU if there is one.

    Raises UserError for a GPU where there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch sees no GPU here; use --device cpu or auto.")
    return torch.device(name)


def configure(device: torch.device) -> None:
    """Enable TF32 and the search for the fastest convolution kernels on a GPU."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


def name_of(device: torch.device) -> str:
    """`CPU`, or the name of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def memory() -> dict[str, Any]:
    """The peak memory of this process in MB, on the host and on the GPU."""
    used = {"memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10}
    if torch.cuda.is_initialized():
        used["gpu_memory_mb"] = torch.cuda.max_memory_reserved() // 2**20
    return used
