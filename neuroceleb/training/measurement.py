"""How fast a training is on this device: a few real steps, and one end of an epoch."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from neuroceleb import images
from neuroceleb.data.batches import Faces
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import FIXED_SEEDS, z_from_seeds
from neuroceleb.metrics import quick_evaluation
from neuroceleb.metrics.quick_evaluation import QuickReference
from neuroceleb.metrics.reference import MIN_FACES
from neuroceleb.model import generator
from neuroceleb.settings import Settings
from neuroceleb.training import cuda_graphs
from neuroceleb.training import device as devices
from neuroceleb.training.cuda_graphs import CaptureError
from neuroceleb.training.gan import GAN, new_gan, recompute_ema_statistics
from neuroceleb.training.progress import Progress
from neuroceleb.training.step import step_config
from neuroceleb.training.step_function import make_step_function

MEASURE_S = 2.0
WARM_UP_STEPS = 1
EVALUATED_FACES = 64  # of 32 the networks' loading would be half the time


@dataclass(frozen=True)
class Measurement:
    """The result of some real steps. `batch_size` is what fits into memory.

    `epoch_end_seconds` is what an epoch takes besides its steps.
    """

    images_per_second: float
    batch_size: int
    memory_mb: int
    epoch_end_seconds: float

    def seconds(self, faces: int, epochs: int) -> float:
        """Seconds of so many epochs, each of which shows so many faces."""
        return epochs * (faces / self.images_per_second + self.epoch_end_seconds)


def measure(
    faces: Pixels, compared_with: Pixels, settings: Settings, device: torch.device
) -> Measurement:
    """Measure on (N, 64, 64, 3) uint8 `faces` to train on.

    `compared_with` (M, 64, 64, 3) are those that quick evaluations compare generated faces with.
    CUDA graphs are used as in training, or not where a capture is refused. Raises what `recovery`
    recognises as out of memory where a batch does not fit.
    """
    devices.configure(device)
    with cuda_graphs.side_stream(device):
        try:
            return _time_steps(faces, compared_with, settings, device, use_cuda_graphs=True)
        except CaptureError:
            return _time_steps(faces, compared_with, settings, device, use_cuda_graphs=False)


def _time_steps(
    pixels: Pixels,
    compared_with: Pixels,
    settings: Settings,
    device: torch.device,
    use_cuda_graphs: bool,
) -> Measurement:
    faces = Faces(pixels, device)
    gan = new_gan(settings, device)
    config = step_config(settings, len(faces))
    rng = torch.Generator(device).manual_seed(settings.seed)
    take_step = make_step_function(gan, settings, config, rng, use_cuda_graphs=use_cuda_graphs)
    warm_ups = WARM_UP_STEPS if device.type == "cpu" else 2 * cuda_graphs.WARM_UP_CALLS
    count, started = 0, time.perf_counter()
    for step, real in enumerate(_endless_batches(faces, settings)):
        take_step(real, len(real), Progress(step=step))
        if device.type == "cuda":
            torch.cuda.synchronize()
        if step < warm_ups:
            started = time.perf_counter()
            continue
        count += len(real)
        if time.perf_counter() - started > MEASURE_S:
            break
    rate = count / (time.perf_counter() - started)
    used = devices.memory()
    megabytes = used["gpu_memory_mb" if device.type == "cuda" else "memory_mb"]
    epoch_end = round(_time_epoch_end(gan, compared_with, settings), 3)
    return Measurement(round(rate, 1), settings.batch_size, megabytes, epoch_end)


def _time_epoch_end(gan: GAN, compared_with: Pixels, settings: Settings) -> float:
    """Seconds of an epoch's sheet, and of its share of a quick evaluation."""
    started = time.perf_counter()
    recompute_ema_statistics(gan)
    fakes = generator.render(gan.sampling_generator, z_from_seeds(FIXED_SEEDS, settings.nz))
    images.encode(images.grid(fakes), f".{settings.sheet_format}")
    seconds = time.perf_counter() - started
    if settings.evaluate_every and len(compared_with) >= MIN_FACES:
        seconds += _time_evaluation(gan, compared_with) / settings.evaluate_every
    return seconds


def _time_evaluation(gan: GAN, compared_with: Pixels) -> float:
    """Seconds of a quick evaluation, from one of fewer faces."""
    reference = QuickReference(compared_with, EVALUATED_FACES)
    figures = quick_evaluation.evaluate(gan.sampling_generator, reference)
    count = min(len(compared_with), quick_evaluation.FACES)
    return float(figures["seconds"]) * count / reference.n


def _endless_batches(faces: Faces, settings: Settings) -> Iterator[torch.Tensor]:
    epoch = 0
    while True:
        yield from faces.batches(epoch, settings.batch_size, settings.seed)
        epoch += 1
