"""Automatic recovery from out-of-memory errors and from a diverging loss.

Out of memory: the batch size is halved and training continues from the last saved state. A loss
that is not finite: training returns to the last saved state, whose weights are finite, with half
the learning rate; once in a run. The changed settings are stored in the status as `adjusted` and
apply when the run is resumed.
"""

import gc
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from neuroceleb.errors import Message, UserError
from neuroceleb.runs.status import Heartbeat
from neuroceleb.training import loop
from neuroceleb.training.cuda_graphs import CaptureError
from neuroceleb.training.progress import OnStep
from neuroceleb.training.recording import NotFiniteError
from neuroceleb.training.spec import TrainingSpec

log = logging.getLogger(__name__)

Adjusted = dict[str, Any]


def train(
    spec: TrainingSpec,
    adjusted: Adjusted,
    heartbeat: Heartbeat,
    should_stop: Callable[[], bool],
    on_step: OnStep,
) -> str:
    """`loop.train`, restarted with adjusted settings after an error that they can prevent.

    `adjusted` are the settings changed earlier in the run; `spec` has them already. Raises
    UserError, as `loop.train` does, where no adjustment is left.
    """
    while True:
        try:
            return loop.train(spec, heartbeat, should_stop, on_step)
        except NotFiniteError as error:
            change, message = _halve_learning_rate(spec, adjusted, error)
        except CaptureError as error:
            spec, change = replace(spec, use_cuda_graphs=False), {}
            message = Message(
                "The GPU did not let a training step be captured ({reason}): training continues "
                "from the last saved state, only more slowly.",
                reason=str(error),
            )
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if spec.dist.world_size > 1:
                raise _out_of_memory_on_rank(spec) from error
            change, message = _halve_batch_size(spec)
        release_memory()
        adjusted = {**adjusted, **change}
        spec = replace(spec, settings=replace(spec.settings, **change), resume=True)
        log.warning("%s", message)
        heartbeat.update(**message.as_fields("message"), adjusted=adjusted)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the GPU or the host ran out of memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def _halve_learning_rate(
    spec: TrainingSpec, adjusted: Adjusted, error: NotFiniteError
) -> tuple[Adjusted, Message]:
    if "lr" in adjusted:
        raise error
    lr, lr_d = spec.settings.lr / 2, spec.settings.lr_d / 2
    change = {"lr": lr} | ({"lr_d": lr_d} if lr_d else {})
    return change, Message(
        "The loss stopped being a finite number: training continues from the last saved state "
        "with half the learning rate, {lr:g}.",
        lr=lr,
    )


def _halve_batch_size(spec: TrainingSpec) -> tuple[Adjusted, Message]:
    size, settings = spec.settings.batch_size // 2, spec.settings
    if size == 0:
        raise UserError(
            "The memory is too small for this run even with one image a step: start a new one "
            "with a smaller --ngf and --ndf than {ngf} and {ndf}, or with --device cpu.",
            ngf=settings.ngf,
            ndf=settings.ndf,
        )
    return {"batch_size": size}, Message(
        "The memory was too small for {batch_size} images a step: training continues with {size}.",
        batch_size=settings.batch_size,
        size=size,
    )


def _out_of_memory_on_rank(spec: TrainingSpec) -> UserError:
    dist = spec.dist
    return UserError(
        "The memory of process {rank} of {ranks} was too small for its part of {batch_size} "
        "images a step: start a new run with a smaller --batch-size.",
        rank=dist.rank,
        ranks=dist.world_size,
        batch_size=spec.settings.batch_size,
    )


def release_memory() -> None:
    """Free the memory of a failed attempt."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
