"""What is written of a run as it goes: sheets, weights, figures, and the state to go on from."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch

from neuroceleb import images
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import FIXED_SEEDS, z_from_seeds
from neuroceleb.metrics import collapse, quick_evaluation
from neuroceleb.metrics.quick_evaluation import QuickReference
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.networks import plain
from neuroceleb.runs.run import Run
from neuroceleb.settings import IMAGE_SIZE, Settings
from neuroceleb.spacing import even_indices
from neuroceleb.training.background_writer import Writer, copy_to_host
from neuroceleb.training.step import FIGURES, Players, settle_average

Marks = dict[str, bool]


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
class Records:
    """Writes a run's files, through a writer that may do so while the training goes on.

    What is read of the players is copied first where it lies on a GPU, so that they may change.
    """

    run: Run
    settings: Settings
    dataset: Dataset
    players: Players
    noise: torch.Generator
    writer: Writer
    reference: QuickReference | None = None

    def draw_real(self, real: torch.Tensor) -> None:
        """The sheet of the first batch: (N, 3, 64, 64) in [-1, 1]."""
        sheet = images.grid(generator.to_pixels(real[: len(FIXED_SEEDS)]))
        path = self.run.real_sheet_file(self.settings.sheet_format)
        self.writer.submit(lambda: images.save(path, sheet))

    def end_epoch(self, at: Position, last: torch.Tensor, keep: bool, marks: Marks) -> None:
        """The sheet of the fixed noise, the weights if they are to be kept, the epoch's figures.

        `marks` go into the figures' row as well.
        """
        epoch, row = at.epoch, _row(at, last)
        settle_average(self.players)
        fixed_z = z_from_seeds(FIXED_SEEDS, self.settings.nz)
        fakes = generator.render(self.players.shown, fixed_z)
        path = self.run.sheet_file(epoch, self.settings.sheet_format)
        self.writer.submit(lambda: images.save(path, images.grid(fakes)))
        if keep:
            self._keep_weights(epoch, at.images_seen)
        row |= self._quality(epoch)
        self.writer.submit(
            lambda: self.run.append_stats(row | self._likeness(fakes, epoch) | marks)
        )

    def _quality(self, epoch: int) -> dict[str, Any]:
        """The quick evaluation, in the epochs that have one."""
        every = self.settings.evaluate_every
        if self.reference is None or not every or (epoch + 1) % every:
            return {}
        return {"quality": quick_evaluation.evaluate(self.players.shown, self.reference)}

    def _likeness(self, fakes: Pixels, epoch: int) -> dict[str, float]:
        """How alike the fixed noise's faces are, and how far they moved since the epoch before."""
        sheet = self.run.sheet_file(epoch - 1, self.settings.sheet_format)
        before = None
        with suppress(UserError):
            before = images.ungrid(images.load(sheet), len(fakes), IMAGE_SIZE) if epoch else None
        some = even_indices(len(self.dataset), len(fakes))
        return collapse.measure(fakes, self.dataset.pixels[some], before)

    def keep_last(self, at: Position) -> None:
        """Keep the weights of now also where `--epochs` was lowered to what was done already.

        Named after the last whole epoch or, where some steps of the next one are done, after that.
        """
        self.writer.wait()
        if not self.run.weights_file(at.epoch - 1).exists():
            settle_average(self.players)
            self._keep_weights(at.epoch if at.step else at.epoch - 1, at.images_seen)

    def _keep_weights(self, epoch: int, images_seen: int) -> None:
        config = {
            "run": self.run.name,
            "epoch": epoch,
            "images_seen": images_seen,
            "settings": self.settings.to_json(),
        }
        dtype = self.settings.weights
        networks = (self.players.shown.state_dict(), plain(self.players.D).state_dict())
        (g, d), wait = copy_to_host(networks)

        def write() -> None:
            wait()
            checkpoint.save_tensors(self.run.weights_file(epoch), g, config, dtype)
            checkpoint.save_tensors(self.run.discriminator_file, d, config, dtype)

        self.writer.submit(write)

    def save_state(self, at: Position) -> None:
        """Everything needed to go on exactly, of weights known to be finite."""
        state = {
            **self.players.states(),
            "noise": self.noise.get_state(),
            "device": self.noise.device.type,
            "dataset": self.dataset.fingerprint,
            "batch_size": self.settings.batch_size_of(at.epoch, len(self.dataset)),
            "position": {**vars(at)},
        }
        state["position"]["sums"] = at.sums.clone()
        copy, wait = copy_to_host(state)

        def write() -> None:
            wait()
            checkpoint.save_state(self.run.state_file, self.run.older_state_file, copy)

        self.writer.submit(write)


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


def check_finite(figures: torch.Tensor, at: Position) -> None:
    """Raise NotFiniteError where a figure is not a finite number; waits for the device."""
    if not torch.isfinite(figures).all():
        raise NotFiniteError(
            f"The loss stopped being a finite number in epoch {at.epoch}, step {at.step}: the last "
            "good state is kept; start a new run with a lower --lr, or --resume from there."
        )


def check_weights(players: Players, at: Position) -> None:
    """Raise NotFiniteError where a weight is not finite; waits for the device once."""
    weights = [weight.detach() for it in (players.G, players.D) for weight in it.parameters()]
    check_finite(torch.stack([weight.abs().max() for weight in weights]), at)
