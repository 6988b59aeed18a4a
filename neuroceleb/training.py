"""The training loop of a DCGAN: fetch, update D, update G, and once an epoch write it all down.

It knows no user interface: it asks `should_stop` and tells `watch`.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import checkpoint, generator, images, latent, likeness
from .batches import Faces
from .dataset import Dataset
from .errors import UserError
from .heartbeat import Heartbeat
from .images import Pixels
from .networks import Generator, plain
from .runs import Run
from .settings import IMAGE_SIZE, Settings
from .step import (
    FIGURES,
    Players,
    method_of,
    new_players,
    settle_average,
    train_step,
    update_average,
)

log = logging.getLogger(__name__)


class NotFiniteError(UserError):
    """A loss or weight is no longer a finite number."""


@dataclass
class Position:
    """How far a run has come, and what has been gathered of the epoch under way."""

    epoch: int = 0  # epochs finished
    step: int = 0  # steps finished of the next one
    images_seen: int = 0
    seconds: float = 0.0  # spent on the epoch under way
    fetch_seconds: float = 0.0  # of which waiting for its batches
    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(len(FIGURES)).double())

    def spend(self, began: float, fetched: float) -> float:
        """Count the time of a step that began, and had its batch, at these; returns now."""
        now = time.perf_counter()
        self.fetch_seconds += fetched - began
        self.seconds += now - began
        return now

    def begin_next_epoch(self) -> None:
        self.epoch, self.step, self.seconds, self.fetch_seconds = self.epoch + 1, 0, 0.0, 0.0
        self.sums.zero_()


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

    A new one begins with the weights in `start_from`, where that is given.
    """

    run: Run
    settings: Settings
    dataset: Dataset
    device: torch.device
    resume: bool = False
    start_from: Path | None = None


def train(job: Job, heartbeat: Heartbeat, should_stop: Callable[[], bool], watch: Watch) -> str:
    """Train until the last epoch or until told to stop; returns "finished" or "stopped".

    Everything goes into the run directory. With `job.resume` the run goes on from its newest
    whole state: on the CPU, to the bit as if it had never stopped. Raises UserError where the
    loss is no longer finite; the last good state is then kept.
    """
    settings, device = job.settings, job.device
    _set_up(device)
    faces = Faces(job.dataset.pixels, device)
    steps = faces.steps(settings.batch_size)
    players = new_players(settings, device, job.start_from)
    method = method_of(settings, len(faces))
    noise = torch.Generator(device).manual_seed(settings.seed)
    at = _continue(job, players, noise) if job.resume else Position()
    at.sums = at.sums.to(device)
    pace = _Pace(len(faces) * settings.epochs, at.images_seen)
    saved_at = time.monotonic()
    _tell(heartbeat, at, state="running", steps=steps)

    while at.epoch < settings.epochs:
        clock = time.perf_counter()
        for real in faces.batches(at.epoch, settings.batch_size, settings.seed, at.step):
            fetched = time.perf_counter()
            if at.images_seen == 0:
                _draw_real(job, real)

            # Update D, then G, then G's average.
            z = torch.randn(len(real), settings.nz, 1, 1, generator=noise, device=device)
            figures = train_step(players, real, z, method, noise, method.is_penalised(at.step))
            update_average(players, len(real), at.images_seen + len(real), settings.ema_images)
            if device.type == "cpu":
                _check_finite(figures, at)

            # Count.
            at.sums += figures
            at.step += 1
            at.images_seen += len(real)
            clock = at.spend(clock, fetched)
            _tell(heartbeat, at, **pace.after(len(real), at.images_seen))
            watch(_moment(at, settings, len(real), figures))

            # Rarely: stop, or save the state within a long epoch.
            if at.step < steps:
                stop = should_stop()
                if stop or _is_due(saved_at, settings):
                    _save_state(job, players, noise, at)
                    saved_at = time.monotonic()
                if stop:
                    return "stopped"

        # Once an epoch: the sheet, the weights where they are kept, the figures, the state.
        _check_finite(at.sums, at)
        settle_average(players)
        fakes = _draw_fakes(job, players.shown, at.epoch)
        kept = _is_kept(at.epoch, settings)
        if kept:
            _keep_weights(job, players, at)
        job.run.append_stats(_row(at, figures) | _likeness(job, fakes, at.epoch) | pace.mark())
        at.begin_next_epoch()
        _tell(heartbeat, at)
        stop = should_stop()
        if stop or kept or _is_due(saved_at, settings):
            _save_state(job, players, noise, at)
            saved_at = time.monotonic()
        if stop and at.epoch < settings.epochs:
            return "stopped"
    _keep_last(job, players, at)
    return "finished"


def _set_up(device: torch.device) -> None:
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32, for convolutions and products alike
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


def _is_due(saved_at: float, settings: Settings) -> bool:
    return time.monotonic() - saved_at > settings.save_minutes * 60


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


def _row(at: Position, last: torch.Tensor) -> dict[str, Any]:
    """One epoch's line of stats.jsonl: means over its steps, the last step, and the time."""
    means, lasts = (at.sums / at.step).tolist(), last.tolist()
    images_in_epoch = at.images_seen / (at.epoch + 1)
    return {
        "epoch": at.epoch,
        "images_seen": at.images_seen,
        **dict(zip(FIGURES, means, strict=True)),
        **{f"last_{name}": value for name, value in zip(FIGURES, lasts, strict=True)},
        "images_per_second": round(images_in_epoch / max(at.seconds, 1e-9), 2),
        "seconds": round(at.seconds, 3),
        "fetch_share": round(at.fetch_seconds / max(at.seconds, 1e-9), 6),
    }


def _check_finite(figures: torch.Tensor, at: Position) -> None:
    if not torch.isfinite(figures).all():
        raise NotFiniteError(
            f"The loss stopped being a finite number in epoch {at.epoch}, step {at.step}: the last "
            "good state is kept; start a new run with a lower --lr, or --resume from there."
        )


# What is written ---------------------------------------------------------------------------


def _draw_real(job: Job, real: torch.Tensor) -> None:
    sheet = images.grid(generator.to_pixels(real[: len(latent.FIXED_SEEDS)]))
    images.save(job.run.real_sheet_file(job.settings.sheet_format), sheet)


def _draw_fakes(job: Job, G: Generator, epoch: int) -> Pixels:
    fixed_z = latent.z_from_seeds(latent.FIXED_SEEDS, job.settings.nz)
    fakes = generator.render(G, fixed_z)
    images.save(job.run.sheet_file(epoch, job.settings.sheet_format), images.grid(fakes))
    return fakes


def _likeness(job: Job, fakes: Pixels, epoch: int) -> dict[str, float]:
    """How alike the fixed noise's faces are, and how far they moved since the epoch before."""
    sheet = job.run.sheet_file(epoch - 1, job.settings.sheet_format)
    before = None
    with suppress(UserError):
        before = images.ungrid(images.load(sheet), len(fakes), IMAGE_SIZE) if epoch else None
    some = np.linspace(0, len(job.dataset) - 1, min(len(fakes), len(job.dataset))).astype(int)
    return likeness.measure(fakes, job.dataset.pixels[some], before)


def _keep_last(job: Job, players: Players, at: Position) -> None:
    """Keep the weights of now also where `--epochs` was lowered to what was done already.

    Named after the last whole epoch or, where some steps of the next one are done, after that.
    """
    if job.run.weights_file(at.epoch - 1).exists():
        return
    epoch = at.epoch if at.step else at.epoch - 1
    settle_average(players)
    _keep_weights(job, players, Position(epoch=epoch, images_seen=at.images_seen))


def _keep_weights(job: Job, players: Players, at: Position) -> None:
    config = {
        "run": job.run.name,
        "epoch": at.epoch,
        "images_seen": at.images_seen,
        "settings": job.settings.to_json(),
    }
    dtype = job.settings.weights
    checkpoint.save_weights(job.run.weights_file(at.epoch), players.shown, config, dtype)
    checkpoint.save_weights(job.run.discriminator_file, plain(players.D), config, dtype)


def _save_state(job: Job, players: Players, noise: torch.Generator, at: Position) -> None:
    """Everything needed to go on exactly; refuses weights that are not finite (UserError)."""
    for network in (players.G, players.D):
        for parameter in network.parameters():
            _check_finite(parameter.detach().abs().max(), at)
    state = {
        **players.states(),
        "noise": noise.get_state(),
        "device": noise.device.type,
        "dataset": job.dataset.fingerprint,
        "batch_size": job.settings.batch_size,
        "position": {**vars(at), "sums": at.sums.cpu()},
    }
    checkpoint.save_state(job.run.state_file, job.run.older_state_file, state)


def _continue(job: Job, players: Players, noise: torch.Generator) -> Position:
    """Load the newest whole state into the players, and forget what was written after it."""
    run = job.run
    if not (run.state_file.exists() or run.older_state_file.exists()):
        run.rewind(0)  # killed before its first save: from the beginning
        return Position()
    state, complaints = checkpoint.load_state(run.state_file, run.older_state_file)
    for complaint in complaints:
        log.warning("%s", complaint)
    if state["dataset"] != job.dataset.fingerprint:
        raise UserError(
            f"The images in {job.dataset.source} are not those the run '{run.name}' was trained "
            "on: put them back, or start a new run."
        )
    try:
        for name in players.states():
            getattr(players, name).load_state_dict(state[name])
        at = Position(**state["position"])
        _follow(job.settings, players, at, int(state.get("batch_size", job.settings.batch_size)))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{run.state_file} does not fit the settings in config.json: put the two that belong "
            "together back, or start a new run."
        ) from error
    if state["device"] == noise.device.type:
        noise.set_state(state["noise"])
    else:  # another device draws other noise: go on with a stream of its own
        noise.manual_seed(int(np.random.SeedSequence([at.images_seen]).generate_state(1)[0]))
    run.rewind(at.epoch)
    return at


def _follow(settings: Settings, players: Players, at: Position, saved_batch_size: int) -> None:
    """Go on with the settings of now where a mended run's batch or rate differ from the saved."""
    for adam, lr in ((players.adam_g, settings.lr), (players.adam_d, settings.lr_d or settings.lr)):
        for group in adam.param_groups:
            group["lr"] = lr
    if at.step and saved_batch_size != settings.batch_size:
        steps = at.step * saved_batch_size // settings.batch_size  # the same images are behind us
        at.sums *= steps / at.step
        at.step = steps
