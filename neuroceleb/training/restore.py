"""Restoring the state of a run that is resumed."""

import logging
from typing import Any

import torch

from neuroceleb.errors import UserError
from neuroceleb.training import state_file
from neuroceleb.training.gan import GAN
from neuroceleb.training.progress import Progress
from neuroceleb.training.spec import TrainingSpec
from neuroceleb.training.step_function import seed_from

log = logging.getLogger(__name__)


def restore(spec: TrainingSpec, gan: GAN, rng: torch.Generator) -> Progress:
    """Load the newest undamaged state into `gan` and `rng`; returns its progress.

    Sheets, weights and rows written after that state are deleted: they will be written again. Rank
    0 reads the state and broadcasts it. Raises UserError where the state does not match the
    settings or the images.
    """
    dist = spec.dist
    state = dist.broadcast_object(_read_state(spec) if dist.is_rank_zero else None)
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


def _read_state(spec: TrainingSpec) -> dict[str, Any] | None:
    """The newest undamaged state; None where the run ended before its first save."""
    run = spec.run
    if not run.has_state():
        return None
    state, warnings = state_file.load(run.state_file, run.older_state_file)
    for warning in warnings:
        log.warning("%s", warning)
    _check_fingerprint(spec, state["dataset"])
    return state


def _load(state: dict[str, Any], spec: TrainingSpec, gan: GAN) -> Progress:
    try:
        gan.load_state_dict(state)
        progress = Progress(**state["position"])
        batch_size = spec.settings.batch_size_of(progress.epoch, len(spec.dataset))
        _convert_steps(progress, int(state.get("batch_size", batch_size)), batch_size)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            "{path} does not match the settings in config.json: restore the two that belong "
            "together, or start a new run.",
            path=spec.run.state_file,
        ) from error
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
