"""The training loop of a DCGAN.

It has no user interface: it polls `should_stop`, calls `on_step`, and updates a heartbeat.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from neuroceleb.data.batches import Faces
from neuroceleb.errors import Message, UserError
from neuroceleb.metrics.quick_evaluation import QuickReference
from neuroceleb.runs.reserve import DISK_FULL
from neuroceleb.runs.status import Heartbeat
from neuroceleb.settings import Settings
from neuroceleb.training import cuda_graphs
from neuroceleb.training import device as devices
from neuroceleb.training.actions import Action, ActionPolicy
from neuroceleb.training.background_writer import Writer
from neuroceleb.training.distributed import DistributedContext
from neuroceleb.training.gan import GAN, new_gan, set_learning_rates, update_emas, wrap_for_ddp
from neuroceleb.training.progress import OnStep, Progress, Throughput, step_report
from neuroceleb.training.recording import (
    NullRecorder,
    Recorder,
    RunRecorder,
    check_finite,
    check_weights,
)
from neuroceleb.training.restore import restore
from neuroceleb.training.spec import TrainingSpec
from neuroceleb.training.step import step_config
from neuroceleb.training.step_function import StepFunction, make_step_function

log = logging.getLogger(__name__)


def train(
    spec: TrainingSpec, heartbeat: Heartbeat, should_stop: Callable[[], bool], on_step: OnStep
) -> str:
    """Train until the last epoch or until `should_stop()`; returns "finished" or "stopped".

    Everything is written to the run directory. With `spec.resume` the run continues from its newest
    undamaged state; on the CPU the result is bit-exact. Raises UserError where the loss is no
    longer finite; the last good state is kept. A full disk is a request to stop.
    """
    devices.configure(spec.device)
    in_background = spec.device.type == "cuda"
    reserve = heartbeat.reserve
    with (
        cuda_graphs.side_stream(spec.device),
        Writer(in_background, reserve.writing) as writer,
    ):
        parts = _set_up(spec, writer)
        must_stop = lambda: should_stop() or reserve.is_given_up  # noqa: E731
        policy = ActionPolicy(spec.settings, spec.device, spec.dist, must_stop)
        state = _train(spec, parts, policy, heartbeat, on_step)
    if reserve.is_given_up and state == "stopped":
        heartbeat.update(**DISK_FULL.as_fields("message"))
        log.warning("%s", DISK_FULL)
    return state


@dataclass(frozen=True)
class _Parts:
    faces: Faces
    gan: GAN
    take_step: StepFunction
    recorder: Recorder
    progress: Progress


def _train(
    spec: TrainingSpec,
    parts: _Parts,
    policy: ActionPolicy,
    heartbeat: Heartbeat,
    on_step: OnStep,
) -> str:
    settings, dist, recorder = spec.settings, spec.dist, parts.recorder
    faces, gan, progress = parts.faces, parts.gan, parts.progress
    total_images = len(faces) * settings.epochs
    throughput = Throughput(total_images, progress.images_seen)
    heartbeat.update(state="running", **progress.counts())

    early_stop = _early_stop(parts, settings, dist)
    while progress.epoch < settings.epochs and not early_stop:
        batch_size = settings.batch_size_of(progress.epoch, len(faces))
        steps = faces.steps(batch_size)
        heartbeat.update(steps=steps)
        clock = time.perf_counter()

        # Fetch.
        epoch, first_step = progress.epoch, progress.step
        for real in faces.batches(epoch, batch_size, settings.seed, first_step, dist.shard):
            fetched = time.perf_counter()
            count = faces.size_of(progress.step, batch_size)

            # Update D. Update G. Update the average.
            set_learning_rates(gan, settings, progress.images_seen / total_images)
            metrics = parts.take_step(real, count, progress)
            update_emas(gan, count, progress.images_seen + count, settings)

            # Report.
            _check_on_cpu(metrics, progress)
            progress.add_step(metrics, count)
            clock = progress.add_time(clock, fetched)
            rates = throughput.add(count, progress.images_seen)
            heartbeat.update(**progress.counts(), **rates)
            on_step(step_report(progress, settings.epochs, count, metrics))

            # Save or stop within an epoch.
            if progress.step < steps and _save(policy.after_step(progress.step), parts):
                return "stopped"

        # Once an epoch.
        check_finite(progress.sums, progress)
        progress.add_time(clock, clock)  # a GPU has finished its work only now
        is_kept = _keeps_weights(progress.epoch, settings)
        recorder.record_epoch(progress, metrics, is_kept, throughput.resumed_flag())
        progress.begin_next_epoch()
        heartbeat.update(**progress.counts())
        early_stop = _early_stop(parts, settings, dist)
        is_last = progress.epoch >= settings.epochs or early_stop is not None
        if _save(policy.after_epoch(is_kept or is_last), parts) and not is_last:
            return "stopped"

    if early_stop:
        log.info("%s", early_stop)
        heartbeat.update(**early_stop.as_fields("message"))
    else:
        recorder.save_final_weights(progress)
    return "finished"


def _early_stop(parts: _Parts, settings: Settings, dist: DistributedContext) -> Message | None:
    """Why the run ends before its last epoch, by `patience`; None where it does not."""
    if not settings.patience or parts.progress.epoch >= settings.epochs:
        return None
    message: Message | None = dist.broadcast_object(parts.recorder.early_stop_message())
    return message


def _check_on_cpu(metrics: torch.Tensor, progress: Progress) -> None:
    """Check every step where it is free; on a GPU, once an epoch."""
    if metrics.device.type == "cpu":
        check_finite(metrics, progress)


def _save(action: Action, parts: _Parts) -> bool:
    """Save the state unless the action is to continue; returns whether it is to stop."""
    if action is not Action.CONTINUE:
        check_weights(parts.gan, parts.progress)  # raises on all ranks alike
        parts.recorder.save_state(parts.progress)
    return action is Action.STOP


def _keeps_weights(epoch: int, settings: Settings) -> bool:
    return epoch + 1 == settings.epochs or (epoch + 1) % settings.keep_every == 0


# Set-up ------------------------------------------------------------------------------------


def _set_up(spec: TrainingSpec, writer: Writer) -> _Parts:
    """Networks, data, recorder and step function, and the progress restored from a state."""
    settings, device, dist = spec.settings, spec.device, spec.dist
    faces = Faces(spec.dataset.pixels, device)
    gan = new_gan(settings, device, spec.initial_weights)
    rng = torch.Generator(device).manual_seed(settings.seed)
    progress = restore(spec, gan, rng) if spec.resume else _new_progress(device)
    gan = wrap_for_ddp(gan, settings, dist)
    config = step_config(settings, len(faces))
    take_step = make_step_function(
        gan, settings, config, rng, dist, use_cuda_graphs=spec.use_cuda_graphs
    )
    recorder = _new_recorder(spec, gan, rng, writer)
    parts = _Parts(faces, gan, take_step, recorder, progress)
    if spec.weights_epoch is not None:  # the run has no state yet
        _save(Action.SAVE, parts)
    if progress.images_seen == 0:
        batch_size = settings.batch_size_of(0, len(faces))
        recorder.save_real_sheet(next(faces.batches(0, batch_size, settings.seed)))
    return parts


def _new_progress(device: torch.device) -> Progress:
    progress = Progress()
    progress.sums = progress.sums.to(device)
    return progress


def _new_recorder(spec: TrainingSpec, gan: GAN, rng: torch.Generator, writer: Writer) -> Recorder:
    if not spec.dist.is_rank_zero:
        return NullRecorder()
    reference, held_out = _quick_reference(spec), spec.reference_faces
    return RunRecorder(spec.run, spec.settings, spec.dataset, gan, rng, writer, reference, held_out)


def _quick_reference(spec: TrainingSpec) -> QuickReference | None:
    """The real faces that quality is measured against, where it is measured."""
    if not spec.settings.evaluate_every:
        return None
    faces = spec.reference_faces
    try:
        return QuickReference(spec.dataset.pixels if faces is None else faces)
    except UserError as error:
        log.warning("The quality of the faces is not measured: %s", error)
        return None
