"""Restoring the state of a run that is resumed."""

import logging
import math
from functools import partial

import torch

from neuroceleb.errors import UserError
from neuroceleb.runs import jobs
from neuroceleb.training import state_file
from neuroceleb.training.gan import GAN
from neuroceleb.training.progress import Progress
from neuroceleb.training.spec import TrainingSpec
from neuroceleb.training.state_file import State
from neuroceleb.training.step_function import seed_from

log = logging.getLogger(__name__)


def restore(spec: TrainingSpec, gan: GAN, rng: torch.Generator) -> Progress:
    """Load the newest undamaged state into `gan` and `rng`; returns its progress.

    Sheets, weights and rows written after that state are deleted: they will be written again. Rank
    0 reads the state and broadcasts it. Raises UserError where none matches the settings and the
    images.
    """
    dist = spec.dist
    state = dist.broadcast_object(_read_state(spec, gan, rng) if dist.is_rank_zero else None)
    if state:
        progress = _load(state, spec, gan)
    else:
        initial = _progress_without_state(spec) if dist.is_rank_zero else None
        progress = dist.broadcast_object(initial)
    if state and state["device"] == rng.device.type:
        rng.set_state(state["noise"])
    elif progress.images_seen:  # the state of another kind of device cannot be used
        rng.manual_seed(seed_from(progress.images_seen))
    if dist.is_rank_zero:
        spec.run.rewind(progress.epoch)
    progress.sums = progress.sums.to(rng.device)
    return progress


def _read_state(spec: TrainingSpec, gan: GAN, rng: torch.Generator) -> State | None:
    """The newest usable state; None where the run ended before its first save."""
    run = spec.run
    if not run.has_state():
        return None
    check = partial(_check, spec=spec, gan=gan, rng=rng)
    state, warnings = state_file.load(run.state_file, run.older_state_file, check)
    for warning in warnings:
        log.warning("%s", warning)
    _check_fingerprint(spec, state["dataset"])
    jobs.check_epochs(run.name, spec.settings.epochs, state["position"])
    return state


def _check(state: State, spec: TrainingSpec, gan: GAN, rng: torch.Generator) -> None:
    """Raise one of `state_file.MALFORMED` where a state cannot be loaded."""
    gan.check_state_dict(state)
    progress = Progress.from_state(state["position"])
    if not isinstance(state["dataset"], str):
        raise TypeError("the fingerprint of the images is not text")
    steps = math.ceil(len(spec.dataset) / _saved_batch_size(state, spec))
    if progress.step > steps and state["dataset"] == spec.dataset.fingerprint:
        raise ValueError("the step is none of an epoch")
    if state["device"] == rng.device.type:
        torch.Generator(rng.device).set_state(state["noise"])


def _saved_batch_size(state: State, spec: TrainingSpec) -> int:
    """The images a step of the state; raises ValueError where that is no number of images."""
    usual = spec.settings.batch_size_of(state["position"]["epoch"], len(spec.dataset))
    batch_size = state.get("batch_size", usual)
    if type(batch_size) is not int or batch_size < 1:
        raise ValueError("the batch size is not a number of images")
    return batch_size


def _load(state: State, spec: TrainingSpec, gan: GAN) -> Progress:
    gan.load_state_dict(state)
    progress = Progress.from_state(state["position"])
    batch_size = spec.settings.batch_size_of(progress.epoch, len(spec.dataset))
    _convert_steps(progress, _saved_batch_size(state, spec), batch_size)
    return progress


def _convert_steps(progress: Progress, saved_batch_size: int, batch_size: int) -> None:
    """Convert the step and the sums to another batch size; the same images are behind."""
    if progress.step and saved_batch_size != batch_size:
        steps = progress.step * saved_batch_size // batch_size
        progress.sums *= steps / progress.step
        progress.step = steps


def _progress_without_state(spec: TrainingSpec) -> Progress:
    """The progress after the epoch whose weights the run starts from, or of a new run."""
    run, epoch = spec.run, spec.weights_epoch
    if epoch is None:
        return Progress()
    _check_fingerprint(spec, run.dataset_fingerprint())
    log.warning(
        "The run '%s' has no %s: it continues from the weights of epoch %d, with new optimizers.",
        *(run.name, run.state_file.name, epoch),
    )
    shown = [row.get("images_seen") for row in run.stats() if row["epoch"] == epoch]
    images_seen = shown[0] if shown and shown[0] else (epoch + 1) * len(spec.dataset)
    return Progress(epoch=epoch + 1, images_seen=int(images_seen))


def _check_fingerprint(spec: TrainingSpec, fingerprint: str | None) -> None:
    """Raise UserError where the images differ from those the run was trained on, if known."""
    if fingerprint is not None and fingerprint != spec.dataset.fingerprint:
        raise UserError(
            "The images in {source} are not those the run '{name}' was trained on: put them "
            "back, or start a new run.",
            source=spec.dataset.source,
            name=spec.run.name,
        )
