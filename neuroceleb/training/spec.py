"""What to train: the specification that a training is started with."""

from dataclasses import dataclass
from pathlib import Path

import torch

from neuroceleb.data.dataset import Dataset
from neuroceleb.images import Pixels
from neuroceleb.runs.run import Run
from neuroceleb.settings import Settings
from neuroceleb.training.distributed import SINGLE_PROCESS, DistributedContext


@dataclass(frozen=True)
class TrainingSpec:
    """A run with its settings and dataset, new or to be resumed.

    `initial_weights` is a generator file to start from. A resumed run that has no state file starts
    from its own kept weights, those of `weights_epoch`. Quality is measured against
    `reference_faces` (N, 64, 64, 3) if given, else against the training images.
    """

    run: Run
    settings: Settings
    dataset: Dataset
    device: torch.device
    resume: bool = False
    initial_weights: Path | None = None
    weights_epoch: int | None = None
    dist: DistributedContext = SINGLE_PROCESS
    use_cuda_graphs: bool = True
    reference_faces: Pixels | None = None
