"""Counters of a training: how far it is, and how fast."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from neuroceleb.training.step import METRICS

MAX_COUNT = 2**53


@dataclass
class Progress:
    """The position in a run, and sums over the steps of the current epoch.

    Its fields are stored in state files.
    """

    epoch: int = 0  # epochs finished
    step: int = 0  # steps finished of the current epoch
    images_seen: int = 0
    seconds: float = 0.0  # of the current epoch
    fetch_seconds: float = 0.0  # of these, spent waiting for batches
    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(len(METRICS)).double())

    @classmethod
    def from_state(cls, values: Mapping[str, Any]) -> "Progress":
        """The position stored in a state file.

        Raises TypeError or ValueError where a field is unknown, or no possible value of its kind.
        """
        progress = cls(**values)
        for count in (progress.epoch, progress.step, progress.images_seen):
            if type(count) is not int or not 0 <= count <= MAX_COUNT:
                raise ValueError("a count is not a whole number in its bounds")
        for seconds in (progress.seconds, progress.fetch_seconds):
            if type(seconds) is not float or not math.isfinite(seconds):
                raise ValueError("a time is not a finite number")
        if progress.sums.shape != (len(METRICS),):
            raise ValueError("the sums are not those of METRICS")
        return progress

    def counts(self) -> dict[str, int]:
        """The fields shown in status.json."""
        return {"epoch": self.epoch, "step": self.step, "images_seen": self.images_seen}

    def add_step(self, metrics: torch.Tensor, batch_size: int) -> None:
        """Count a step."""
        self.sums += metrics
        self.step += 1
        self.images_seen += batch_size

    def add_time(self, started: float, fetched: float) -> float:
        """Add the time since `started`, where the batch was there at `fetched`; returns now."""
        now = time.perf_counter()
        self.fetch_seconds += fetched - started
        self.seconds += now - started
        return now

    def begin_next_epoch(self) -> None:
        """Advance by one epoch and reset its sums."""
        self.epoch, self.step, self.seconds, self.fetch_seconds = self.epoch + 1, 0, 0.0, 0.0
        self.sums.zero_()


@dataclass(frozen=True)
class StepReport:
    """What the `on_step` callback gets; `metrics` on the CPU only, where reading them is free."""

    epoch: int
    epochs: int
    step: int
    batch_size: int
    images_seen: int
    metrics: dict[str, float] | None


OnStep = Callable[[StepReport], None]


def step_report(
    progress: Progress, epochs: int, batch_size: int, metrics: torch.Tensor
) -> StepReport:
    """The report of the step just counted."""
    values = None
    if metrics.device.type == "cpu":
        values = dict(zip(METRICS, metrics.tolist(), strict=True))
    seen = progress.images_seen
    return StepReport(progress.epoch, epochs, progress.step, batch_size, seen, values)


class Throughput:
    """Images per second since this process started, and the time left."""

    def __init__(self, total_images: int, images_before: int) -> None:
        self._total_images = total_images
        self._is_resumed = images_before > 0
        self._started = time.perf_counter()
        self._images = 0

    def add(self, batch_size: int, images_seen: int) -> dict[str, float]:
        """Count a batch; returns images_per_second and eta_seconds of status.json."""
        self._images += batch_size
        rate = self._images / max(time.perf_counter() - self._started, 1e-9)
        left = max(0, self._total_images - images_seen)
        return {"images_per_second": round(rate, 1), "eta_seconds": round(left / rate, 1)}

    def resumed_flag(self) -> dict[str, bool]:
        """`resumed` for the first row of stats.jsonl after a run was resumed, else nothing."""
        is_resumed, self._is_resumed = self._is_resumed, False
        return {"resumed": True} if is_resumed else {}
