"""The step as the loop calls it: draws z, updates the networks, reduces metrics over processes."""

from collections.abc import Callable

import numpy as np
import torch

from neuroceleb.settings import Settings
from neuroceleb.training import cuda_graphs
from neuroceleb.training.cuda_graphs import GraphedFunction
from neuroceleb.training.distributed import SINGLE_PROCESS, DistributedContext
from neuroceleb.training.gan import GAN
from neuroceleb.training.progress import Progress
from neuroceleb.training.step import StepConfig, train_step

StepFunction = Callable[[torch.Tensor, int, Progress], torch.Tensor]


def make_step_function(
    gan: GAN,
    settings: Settings,
    config: StepConfig,
    rng: torch.Generator,
    dist: DistributedContext = SINGLE_PROCESS,
    *,
    use_cuda_graphs: bool = True,
) -> StepFunction:
    """A function of this process's shard of a batch, the size of the whole batch, and the progress.

    The shard is (N, 3, 64, 64). The function returns the METRICS of the whole batch, (5,) on the
    device, valid until the next step. On a single GPU steps are captured as CUDA graphs; it raises
    CaptureError where that is refused.
    """
    device = rng.device
    is_single = dist.world_size == 1
    # In a single process augmentations draw from `rng`. Of several processes each has its own
    # generator, seeded in every step: `rng` stays equal in all of them, and resuming is exact.
    augmentation_rng = rng if is_single else torch.Generator(device)

    def step(real: torch.Tensor, batch_size: int, with_penalty: bool) -> torch.Tensor:
        z = torch.randn(batch_size, settings.nz, 1, 1, generator=rng, device=device)
        z = z[dist.shard(batch_size)]
        weight = dist.shard_weight(batch_size)
        metrics = train_step(gan, real, z, config, augmentation_rng, with_penalty, weight)
        return dist.reduce_mean(metrics, weight)

    def distributed_step(real: torch.Tensor, batch_size: int, progress: Progress) -> torch.Tensor:
        augmentation_rng.manual_seed(seed_from(settings.seed, progress.images_seen, dist.rank))
        return step(real, batch_size, config.has_penalty(progress.step))

    if not is_single:
        return distributed_step

    can_capture = use_cuda_graphs and device.type == "cuda"
    capture = cuda_graphs.capture_with([rng]) if can_capture else None
    graphed = {
        size: GraphedFunction(lambda real, flag: step(real, len(real), flag), size, capture)
        for size in {settings.first_batch_size or settings.batch_size, settings.batch_size}
    }

    def graphed_step(real: torch.Tensor, _: int, progress: Progress) -> torch.Tensor:
        function = graphed.get(len(real), graphed[settings.batch_size])
        return function(real, config.has_penalty(progress.step))

    return graphed_step


def seed_from(*numbers: int) -> int:
    """A seed that depends on all of these numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
