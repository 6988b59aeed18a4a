"""The training loop of a DCGAN: fetch, update D, update G, and once an epoch write it all down.

It knows no user interface: it asks `should_stop` and tells `watch`.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neuroceleb.data.batches import Faces
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import quick_evaluation
from neuroceleb.metrics.quick_evaluation import QuickReference
from neuroceleb.model import checkpoint
from neuroceleb.runs.run import Run
from neuroceleb.runs.status import Heartbeat
from neuroceleb.settings import Settings
from neuroceleb.training import cuda_graphs
from neuroceleb.training.background_writer import Writer
from neuroceleb.training.cuda_graphs import Graphs
from neuroceleb.training.distributed import ALONE, Ranks
from neuroceleb.training.recording import Position, Records, check_finite, check_weights
from neuroceleb.training.step import (
    AVERAGES,
    FIGURES,
    Method,
    Players,
    join,
    load_states,
    method_of,
    new_players,
    set_rates,
    settle_average,
    train_step,
    update_average,
)

log = logging.getLogger(__name__)

ASK_EVERY = 16  # steps on several GPUs, which wait for one another to agree whether to go on

Learn = Callable[[torch.Tensor, int, Position], torch.Tensor]


@dataclass(frozen=True)
class Moment:
    """What a watcher is told after a step; `figures` only where they cost no waiting (CPU)."""

    epoch: int
    epochs: int
    step: int
    images: int
    images_seen: int
    figures: dict[str, float] | None


Watch = Callable[[Moment], None]


def pick_device(name: str) -> torch.device:
    """`auto` is the GPU where there is one. Raises UserError for a GPU that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch sees no GPU here; use --device cpu or auto.")
    return torch.device(name)


@dataclass(frozen=True)
class Job:
    """What to train: a run and its settings, on which faces and device, new or continued.

    A new one begins with the weights in `start_from`, where that is given; so does a continued one
    without a state, after the epoch `left_off` that these weights are of. `ranks` is this process
    among those that train the run together; the first one writes. Without `captures` no step is
    captured as a CUDA graph, where there is a GPU. Quality is measured against `compared_with`,
    faces (N, 64, 64, 3) kept back from training, or else against those trained on.
    """

    run: Run
    settings: Settings
    dataset: Dataset
    device: torch.device
    resume: bool = False
    start_from: Path | None = None
    left_off: int | None = None
    ranks: Ranks = ALONE
    captures: bool = True
    compared_with: Pixels | None = None


def train(job: Job, heartbeat: Heartbeat, should_stop: Callable[[], bool], watch: Watch) -> str:
    """Train until the last epoch or until told to stop; returns "finished" or "stopped".

    Everything goes into the run directory. With `job.resume` the run goes on from its newest
    whole state: on the CPU, to the bit as if it had never stopped. Raises UserError where the
    loss is no longer finite; the last good state is then kept.
    """
    set_up(job.device)
    on_gpu = job.device.type == "cuda"
    with cuda_graphs.own_stream(job.device), Writer(in_background=on_gpu) as writer:
        return _train(job, heartbeat, _Wishes(job, should_stop), watch, writer)


def _train(job: Job, heartbeat: Heartbeat, wishes: "_Wishes", watch: Watch, writer: Writer) -> str:
    settings, device, us = job.settings, job.device, job.ranks
    faces = Faces(job.dataset.pixels, device)
    players = new_players(settings, device, job.start_from)
    method = method_of(settings, len(faces))
    noise = torch.Generator(device).manual_seed(settings.seed)
    at = _continue(job, players, noise) if job.resume else Position()
    players = join(players, settings, us)
    learn = learning(players, settings, method, noise, us, captures=job.captures)
    records = Records(job.run, settings, job.dataset, players, noise, writer, _reference(job))
    images_in_all = len(faces) * settings.epochs
    pace = _Pace(images_in_all, at.images_seen)
    _tell(heartbeat, at, state="running")
    if job.left_off is not None:
        _save_state(records, us, at)  # from now on there is one
    _draw_real(records, faces, us, at)

    while at.epoch < settings.epochs:
        clock = time.perf_counter()
        size = settings.batch_size_of(at.epoch, len(faces))
        _tell(heartbeat, at, steps=faces.steps(size))
        for real in faces.batches(at.epoch, size, settings.seed, at.step, us.part):
            fetched = time.perf_counter()

            # Update D, then G, then G's average.
            count = faces.size_of(at.step, size)
            set_rates(players, settings, at.images_seen / images_in_all)
            figures = learn(real, count, at)
            update_average(players, count, at.images_seen + count, settings.ema_images)
            if device.type == "cpu":
                check_finite(figures, at)

            # Count.
            at.sums += figures
            at.step += 1
            at.images_seen += count
            clock = at.spend(clock, fetched)
            _tell(heartbeat, at, **pace.after(count, at.images_seen))
            watch(_moment(at, settings, count, figures))

            # Rarely: stop, or save the state within a long epoch.
            if at.step < faces.steps(size):
                wish = wishes.after_step(at.step)
                if wish is not Wish.GO_ON:
                    _save_state(records, us, at)
                if wish is Wish.STOP:
                    return "stopped"

        # Once an epoch: the sheet, the weights where they are kept, the figures, the state.
        check_finite(at.sums, at)
        at.spend(clock, clock)  # a GPU has only now done what it was given
        kept = _is_kept(at.epoch, settings)
        if us.is_first:
            _with_best_average(records, at).end_epoch(at, figures, kept, pace.mark())
        at.begin_next_epoch()
        _tell(heartbeat, at)
        wish = wishes.after_epoch(kept)
        if wish is not Wish.GO_ON:
            _save_state(records, us, at)
        if wish is Wish.STOP and at.epoch < settings.epochs:
            return "stopped"
    if us.is_first:
        records.keep_last(at)
    return "finished"


def _draw_real(records: Records, faces: Faces, us: Ranks, at: Position) -> None:
    """The sheet of the first batch, where the run begins."""
    if at.images_seen == 0 and us.is_first:
        size = records.settings.batch_size_of(0, len(faces))
        records.draw_real(next(faces.batches(0, size, records.settings.seed)))


def _reference(job: Job) -> QuickReference | None:
    """The real faces that the quality is measured against, where it is to be measured."""
    if not job.settings.evaluate_every or not job.ranks.is_first:
        return None
    kept_back = job.compared_with
    try:
        return QuickReference(job.dataset.pixels if kept_back is None else kept_back)
    except UserError as error:
        log.warning("The quality of the faces is not measured: %s", error)
        return None


def _with_best_average(records: Records, at: Position) -> Records:
    """The records; at the end of a run, of the average that is nearest to the real faces."""
    averages, players = records.players.averages, records.players
    if len(averages) < 2 or at.epoch + 1 < records.settings.epochs:
        return records
    try:
        reference = records.reference or QuickReference(records.dataset.pixels)
    except UserError as error:
        log.warning("The averages of G are not compared: %s", error)
        return records
    distances = {name: _distance(replace(players, chosen=name), reference) for name in averages}
    best = min(distances, key=lambda name: distances[name])
    log.info(
        "Of G's averages the one with a half-life of %s images is kept: SWD %s.",
        f"{AVERAGES[best] * records.settings.ema_images:,.0f}",
        ", ".join(f"{distance:.1f}" for distance in distances.values()),
    )
    return replace(records, players=replace(players, chosen=best))


def _distance(players: Players, reference: QuickReference) -> float:
    settle_average(players)
    return float(quick_evaluation.evaluate(players.shown, reference)["swd"])


def learning(
    players: Players,
    settings: Settings,
    method: Method,
    noise: torch.Generator,
    us: Ranks = ALONE,
    *,
    captures: bool = True,
) -> Learn:
    """How these players take a step: a function of this rank's part of a batch (N, 3, 64, 64),

    of how many images the whole batch has, and of where the run stands. It returns the figures of
    the whole batch, (5,) on the device, valid until the next step. On one GPU the step is captured
    as a CUDA graph; where that is refused, it raises NotCapturedError.
    """
    device = noise.device
    # One process draws augmentations from the noise, too. Of several, each draws its own, seeded
    # by the step: so the noise stays the same for all of them, and so does a run that is resumed.
    rng = noise if us.count == 1 else torch.Generator(device)

    def step(real: torch.Tensor, count: int, penalised: bool) -> torch.Tensor:
        z = torch.randn(count, settings.nz, 1, 1, generator=noise, device=device)[us.part(count)]
        weight = us.weight(count)
        figures = train_step(players, real, z, method, rng, penalised, weight)
        return us.mean(figures, weight)

    if us.count > 1:

        def learn_together(real: torch.Tensor, count: int, at: Position) -> torch.Tensor:
            rng.manual_seed(_seed_from(settings.seed, at.images_seen, us.rank))
            return step(real, count, method.is_penalised(at.step))

        return learn_together

    capture = cuda_graphs.capture_of([noise]) if captures and device.type == "cuda" else None
    captured = {
        size: Graphs(lambda real, penalised: step(real, len(real), penalised), size, capture)
        for size in {settings.first_batch_size or settings.batch_size, settings.batch_size}
    }

    def learn(real: torch.Tensor, _: int, at: Position) -> torch.Tensor:
        graph = captured.get(len(real), captured[settings.batch_size])
        return graph(real, method.is_penalised(at.step))

    return learn


def _seed_from(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def set_up(device: torch.device) -> None:
    """The precision of float32 on a GPU, and its choice of kernels."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32, for convolutions and products alike
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


# When to stop, when to save ------------------------------------------------------------------


class Wish(IntEnum):
    """What is to be done between two steps."""

    GO_ON = 0
    SAVE = 1
    STOP = 2  # and save


class _Wishes:
    """What the first rank wishes, for all to do alike: to stop when asked, to save when due."""

    def __init__(self, job: Job, should_stop: Callable[[], bool]) -> None:
        self._us = job.ranks
        self._should_stop = should_stop
        self._save_s = job.settings.save_minutes * 60
        self._ask_every = ASK_EVERY if job.ranks.count > 1 and job.device.type == "cuda" else 1
        self._saved_at = time.monotonic()

    def after_step(self, step: int) -> Wish:
        """The wish after so many steps of an epoch."""
        return Wish.GO_ON if step % self._ask_every else self._agreed(is_due=False)

    def after_epoch(self, is_due: bool) -> Wish:
        """The wish after an epoch; `is_due` where its weights were kept."""
        return self._agreed(is_due)

    def _agreed(self, is_due: bool) -> Wish:
        is_due = is_due or time.monotonic() - self._saved_at > self._save_s
        wish = Wish.STOP if self._should_stop() else Wish.SAVE if is_due else Wish.GO_ON
        wish = Wish(self._us.agree(wish))
        if wish is not Wish.GO_ON:
            self._saved_at = time.monotonic()
        return wish


def _is_kept(epoch: int, settings: Settings) -> bool:
    return epoch + 1 == settings.epochs or (epoch + 1) % settings.keep_every == 0


# What is told ------------------------------------------------------------------------------


class _Pace:
    """Images a second since this process began, and what that means for the time left."""

    def __init__(self, images_in_all: int, images_before: int) -> None:
        self._images_in_all = images_in_all
        self._goes_on = images_before > 0
        self._began = time.perf_counter()
        self._images = 0

    def after(self, count: int, images_seen: int) -> dict[str, float]:
        """Count a batch; the status's images_per_second and eta_seconds."""
        self._images += count
        rate = self._images / max(time.perf_counter() - self._began, 1e-9)
        left = max(0, self._images_in_all - images_seen)
        return {"images_per_second": round(rate, 1), "eta_seconds": round(left / rate, 1)}

    def mark(self) -> dict[str, bool]:
        """For a row of stats.jsonl: `resumed` in the first one since the run went on."""
        goes_on, self._goes_on = self._goes_on, False
        return {"resumed": True} if goes_on else {}


def _tell(heartbeat: Heartbeat, at: Position, **more: Any) -> None:
    heartbeat.update(epoch=at.epoch, step=at.step, images_seen=at.images_seen, **more)


def _moment(at: Position, settings: Settings, count: int, figures: torch.Tensor) -> Moment:
    values = None
    if figures.device.type == "cpu":
        values = dict(zip(FIGURES, figures.tolist(), strict=True))
    return Moment(at.epoch, settings.epochs, at.step, count, at.images_seen, values)


# Saving, and going on --------------------------------------------------------------------


def _save_state(records: Records, us: Ranks, at: Position) -> None:
    """Everything needed to go on exactly; refuses weights that are not finite (UserError)."""
    check_weights(records.players, at)  # alike on every rank
    if us.is_first:
        records.save_state(at)


def _continue(job: Job, players: Players, noise: torch.Generator) -> Position:
    """Load the newest whole state into the players, and forget what was written after it.

    Without a state the players have the weights that were kept last, if any were, and go on after
    that epoch. The first rank reads it, and tells the others.
    """
    state = job.ranks.tell(_saved_state(job) if job.ranks.is_first else None)
    if state:
        at = _position_of(state, job, players)
    else:
        at = job.ranks.tell(_after_kept_weights(job) if job.ranks.is_first else None)
    if state and state["device"] == noise.device.type:
        noise.set_state(state["noise"])
    elif at.images_seen:  # the noise that was is not to be had: go on with a stream of its own
        noise.manual_seed(_seed_from(at.images_seen))
    if job.ranks.is_first:
        job.run.rewind(at.epoch)
    at.sums = at.sums.to(noise.device)
    return at


def _saved_state(job: Job) -> dict[str, Any] | None:
    """The run's newest whole state; None where it was killed before its first save."""
    run = job.run
    if not run.has_state():
        return None
    state, complaints = checkpoint.load_state(run.state_file, run.older_state_file)
    for complaint in complaints:
        log.warning("%s", complaint)
    _check_same_images(job, state["dataset"])
    return state


def _after_kept_weights(job: Job) -> Position:
    """After the epoch whose weights the run begins with again, or the beginning of all."""
    run, epoch = job.run, job.left_off
    if epoch is None:
        return Position()
    _check_same_images(job, run.dataset_fingerprint())
    log.warning(
        "%s is not with the run '%s': it goes on from the weights of epoch %d, its optimizers "
        "begin anew.",
        *(run.state_file.name, run.name, epoch),
    )
    shown = [row["images_seen"] for row in run.stats() if row["epoch"] == epoch]
    images_seen = shown[0] if shown else (epoch + 1) * len(job.dataset)
    return Position(epoch=epoch + 1, images_seen=int(images_seen))


def _check_same_images(job: Job, fingerprint: str | None) -> None:
    """Raises UserError where the faces are others than the run was trained on, as far as known."""
    if fingerprint is not None and fingerprint != job.dataset.fingerprint:
        raise UserError(
            f"The images in {job.dataset.source} are not those the run '{job.run.name}' was "
            "trained on: put them back, or start a new run."
        )


def _position_of(state: dict[str, Any], job: Job, players: Players) -> Position:
    try:
        load_states(players, state)
        at = Position(**state["position"])
        size = job.settings.batch_size_of(at.epoch, len(job.dataset))
        _follow(at, int(state.get("batch_size", size)), size)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{job.run.state_file} does not fit the settings in config.json: put the two that "
            "belong together back, or start a new run."
        ) from error
    return at


def _follow(at: Position, saved_batch_size: int, batch_size: int) -> None:
    """Go on with the batches of now where they are no longer of the size that was saved."""
    if at.step and saved_batch_size != batch_size:
        steps = at.step * saved_batch_size // batch_size  # the same images are behind us
        at.sums *= steps / at.step
        at.step = steps
