"""Which number format the convolutions are computed in: what `--precision auto` stands for."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from neuroceleb.errors import UserError

log = logging.getLogger(__name__)

FLOAT32, BFLOAT16 = "float32", "bfloat16"
NATIVE = ("avx512_bf16", "amx_bf16")  # capabilities of a CPU that multiplies bfloat16 itself
ROUNDS = 5
BATCH, CHANNELS, SIDE = 16, 64, 32  # of the convolution that is measured: D's second layer

Measure = Callable[[torch.dtype], float]


@dataclass(frozen=True)
class Choice:
    """The format chosen, and why, as a clause of a sentence."""

    precision: str
    reason: str


def has_native_bfloat16() -> bool:
    """Whether this machine's CPU multiplies bfloat16 itself (AVX512_BF16 or AMX)."""
    capabilities = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(name)) for name in NATIVE)


def seconds_of(dtype: torch.dtype) -> float:
    """The time of a convolution and its gradients on the CPU, in this format, the best of a few."""
    rng = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, CHANNELS, SIDE, SIDE, generator=rng)
    images = images.to(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(2 * CHANNELS, CHANNELS, 4, 4, generator=rng).requires_grad_()
    best = float("inf")
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
            made = F.conv2d(images, weight, stride=2, padding=1)
        made.sum().backward()
        best = min(best, time.perf_counter() - began)
    return best


def choose(is_native: bool, measure: Measure = seconds_of) -> Choice:
    """The faster format on a CPU that has, or has not, native bfloat16; measures only if it has."""
    if not is_native:
        return Choice(FLOAT32, "this CPU does not compute bfloat16 natively")
    whole, half = measure(torch.float32), measure(torch.bfloat16)
    found = f"a convolution takes {half * 1e3:.1f} ms in bfloat16, {whole * 1e3:.1f} ms in float32"
    return Choice(BFLOAT16 if half < whole else FLOAT32, found)


def resolve(precision: str, device: torch.device, recorded: str | None = None) -> str:
    """The format for a setting on a device: float32 or bfloat16; what `auto` chose is logged.

    On a CPU `auto` is what the run `recorded` when it began, as long as this CPU has it, so that a
    resumed run goes on exactly; on a GPU it is float32. Raises UserError for bfloat16 on a CPU
    that does not compute it natively.
    """
    if device.type != "cpu":
        return FLOAT32 if precision == "auto" else precision
    is_native = has_native_bfloat16()
    if precision == BFLOAT16 and not is_native:
        raise UserError(
            "--precision bfloat16: this CPU does not compute bfloat16 natively (AVX512_BF16 or "
            "AMX) and would be many times slower: use float32 or auto."
        )
    if precision != "auto":
        return precision
    if recorded == FLOAT32 or (recorded == BFLOAT16 and is_native):
        return recorded
    choice = choose(is_native)
    log.info("Precision %s: %s.", choice.precision, choice.reason)
    if recorded is not None:
        log.warning("The run began in %s, so it does not go on to the bit.", recorded)
    return choice.precision
