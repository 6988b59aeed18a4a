"""Training that mends what it can: too little memory, and a loss that ran away.

Too little memory halves the batch and goes on from the last saved state. A loss that is no longer
a finite number goes back to the last saved state, whose weights are finite, with half the learning
rate: once in a run. What was changed stands in the status as `adjusted`, and holds when the run is
resumed.
"""

import gc
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from neuroceleb.errors import UserError
from neuroceleb.runs.status import Heartbeat
from neuroceleb.training import loop
from neuroceleb.training.cuda_graphs import NotCapturedError
from neuroceleb.training.loop import Job, Watch
from neuroceleb.training.recording import NotFiniteError

log = logging.getLogger(__name__)

Adjusted = dict[str, Any]


def train(
    job: Job,
    adjusted: Adjusted,
    heartbeat: Heartbeat,
    should_stop: Callable[[], bool],
    watch: Watch,
) -> str:
    """`training.train`, again and with gentler settings where that mends it.

    `adjusted` are the settings that were changed earlier in the run; `job` has them already.
    Raises UserError, as `training.train` does, where nothing is left to mend.
    """
    while True:
        try:
            return loop.train(job, heartbeat, should_stop, watch)
        except NotFiniteError as error:
            change, sentence = _gentler(job, adjusted, error)
        except NotCapturedError as error:
            job, change = replace(job, captures=False), {}
            sentence = (
                f"The GPU did not let a training step be captured ({error}): it goes on from the "
                "last saved state all the same, only more slowly."
            )
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if job.ranks.count > 1:
                raise _too_small(job) from error
            change, sentence = _smaller(job)
        let_go_of_memory()
        adjusted = {**adjusted, **change}
        job = replace(job, settings=replace(job.settings, **change), resume=True)
        log.warning("%s", sentence)
        heartbeat.update(message=sentence, adjusted=adjusted)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the GPU's or the machine's memory was too small."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def _gentler(job: Job, adjusted: Adjusted, error: NotFiniteError) -> tuple[Adjusted, str]:
    if "lr" in adjusted:
        raise error
    lr = job.settings.lr / 2
    change = {"lr": lr} | ({"lr_d": job.settings.lr_d / 2} if job.settings.lr_d else {})
    return change, (
        f"The loss stopped being a finite number: back to the last saved state, and on from there "
        f"with half the learning rate, {lr:g}."
    )


def _too_small(job: Job) -> UserError:
    return UserError(
        f"The memory of process {job.ranks.rank} of {job.ranks.count} was too small for its part "
        f"of {job.settings.batch_size} images a step: start a new run with a smaller --batch-size."
    )


def _smaller(job: Job) -> tuple[Adjusted, str]:
    size, settings = job.settings.batch_size // 2, job.settings
    if size == 0:
        raise UserError(
            f"The memory is too small for this run even with one image a step: start a new one "
            f"with a smaller --ngf and --ndf than {settings.ngf} and {settings.ndf}, "
            "or with --device cpu."
        )
    return {"batch_size": size}, (
        f"The memory was too small for {settings.batch_size} images a step: going on with {size}."
    )


def let_go_of_memory() -> None:
    """Give back what was allocated for what did not fit."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
