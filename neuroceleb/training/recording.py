"""Writing the files of a run during training: sheets, weights, stats.jsonl and the state."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from neuroceleb import images
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import FIXED_SEEDS, z_from_seeds
from neuroceleb.metrics import collapse, quick_evaluation
from neuroceleb.metrics.quick_evaluation import QuickReference
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.losses import LOSSES
from neuroceleb.model.networks import without_spectral_norm
from neuroceleb.runs import evaluation
from neuroceleb.runs.run import Run
from neuroceleb.settings import IMAGE_SIZE, Settings
from neuroceleb.spacing import even_indices
from neuroceleb.training import state_file, tensorboard_events
from neuroceleb.training.background_writer import Writer, copy_to_host
from neuroceleb.training.gan import GAN, ema_half_life, recompute_ema_statistics
from neuroceleb.training.progress import Progress
from neuroceleb.training.step import METRICS

D_SAMPLE_SEED = 6

log = logging.getLogger(__name__)


class NotFiniteError(UserError):
    """A loss or a weight is no longer a finite number."""


def check_finite(values: torch.Tensor, progress: Progress) -> None:
    """Raise NotFiniteError where a value is not finite. Waits for the device."""
    if not torch.isfinite(values).all():
        raise NotFiniteError(
            "The loss stopped being a finite number in epoch {epoch}, step {step}: the last "
            "good state is kept; start a new run with a lower --lr, or --resume from there.",
            epoch=progress.epoch,
            step=progress.step,
        )


def check_weights(gan: GAN, progress: Progress) -> None:
    """Raise NotFiniteError where a weight of G or D is not finite. Waits for the device once."""
    weights = [weight.detach() for it in (gan.G, gan.D) for weight in it.parameters()]
    check_finite(torch.stack([weight.abs().max() for weight in weights]), progress)


class NullRecorder:
    """Writes nothing: the recorder of all ranks but rank 0."""

    def save_real_sheet(self, real: torch.Tensor) -> None:
        """See `RunRecorder`."""

    def record_epoch(
        self, progress: Progress, last: torch.Tensor, keep_weights: bool, extra: dict[str, Any]
    ) -> None:
        """See `RunRecorder`."""

    def early_stop_message(self) -> Message | None:
        """See `RunRecorder`: only rank 0 knows."""
        return None

    def save_final_weights(self, progress: Progress) -> None:
        """See `RunRecorder`."""

    def save_state(self, progress: Progress) -> None:
        """See `RunRecorder`."""


@dataclass(frozen=True)
class RunRecorder:
    """Writes a run's files with a writer that may run in the background.

    Tensors on a GPU are copied first, so that training can go on. `reference` are the real images
    for the metrics of `evaluate_every`, and `held_out` (N, 64, 64, 3) the held-out ones, if any.
    """

    run: Run
    settings: Settings
    dataset: Dataset
    gan: GAN
    rng: torch.Generator
    writer: Writer
    reference: QuickReference | None = None
    held_out: Pixels | None = None

    def save_real_sheet(self, real: torch.Tensor) -> None:
        """Write the sheet of real images: the first batch, (N, 3, 64, 64) in [-1, 1]."""
        sheet = images.grid(generator.to_pixels(real[: len(FIXED_SEEDS)]))
        path = self.run.real_sheet_file(self.settings.sheet_format)
        self.writer.submit(lambda: images.save(path, sheet))

    def record_epoch(
        self, progress: Progress, last: torch.Tensor, keep_weights: bool, extra: dict[str, Any]
    ) -> None:
        """Write an epoch's sheet, its row of stats.jsonl, and its weights if they are kept.

        With `patience`, the weights of an epoch that may become the best are kept in any case.
        `last` are the METRICS of the last step. `extra` is added to the row.
        """
        epoch, row = progress.epoch, _stats_row(progress, last)
        is_last = epoch + 1 >= self.settings.epochs
        gan = self._with_best_ema(progress.images_seen) if is_last else self.gan
        recompute_ema_statistics(gan)
        fixed_z = z_from_seeds(FIXED_SEEDS, self.settings.nz)
        fakes = generator.render(gan.sampling_generator, fixed_z)
        path = self.run.sheet_file(epoch, self.settings.sheet_format)
        self.writer.submit(lambda: images.save(path, images.grid(fakes)))
        quality = self._quality(gan, epoch)
        if keep_weights or self._may_become_best(quality, epoch):
            self._save_weights(gan, epoch, progress.images_seen)
        row |= {"quality": quality} if quality else {}
        self.writer.submit(lambda: self._append(row, extra, fakes))

    def _append(self, row: dict[str, Any], extra: dict[str, Any], fakes: Pixels) -> None:
        """Append the row, with how alike the faces are, to stats.jsonl and TensorBoard's events."""
        row = row | self._collapse_metrics(fakes, row["epoch"]) | extra
        self.run.append_stats(row)
        if self.settings.tensorboard == "yes":
            tensorboard_events.write(self.run, row, images.grid(fakes))

    def early_stop_message(self) -> Message | None:
        """Why the run ends here by `patience`, from stats.jsonl; None where it goes on."""
        patience = self.settings.patience
        figures = self._recorded_quality() if patience else {}
        best = evaluation.best(figures)
        if best is None or evaluation.count_since(figures, best) < patience:
            return None
        return Message(
            "Stopped early: no better epoch since epoch {epoch}; its weights are kept.", epoch=best
        )

    def save_final_weights(self, progress: Progress) -> None:
        """Keep the current weights, unless those of the last finished epoch are kept already.

        That happens where `--epochs` was lowered on resume to what was done before.
        """
        self.writer.wait()
        if not self.run.weights_file(progress.epoch - 1).exists():
            recompute_ema_statistics(self.gan)
            epoch = progress.epoch if progress.step else progress.epoch - 1
            self._save_weights(self.gan, epoch, progress.images_seen)

    def save_state(self, progress: Progress) -> None:
        """Write everything needed to resume exactly; see `check_weights`."""
        state = {
            **self.gan.state_dict(),
            "noise": self.rng.get_state(),
            "device": self.rng.device.type,
            "dataset": self.dataset.fingerprint,
            "batch_size": self.settings.batch_size_of(progress.epoch, len(self.dataset)),
            "position": {**vars(progress)},
        }
        state["position"]["sums"] = progress.sums.clone()
        copy, wait = copy_to_host(state)

        def write() -> None:
            wait()
            state_file.save(self.run.state_file, self.run.older_state_file, copy)

        self.writer.submit(write)

    def _save_weights(self, gan: GAN, epoch: int, images_seen: int) -> None:
        config = {
            "run": self.run.name,
            "epoch": epoch,
            "images_seen": images_seen,
            "settings": self.settings.to_json(),
        }
        dtype = self.settings.weights
        weights_d = without_spectral_norm(gan.D).state_dict()
        (g, d), wait = copy_to_host((gan.sampling_generator.state_dict(), weights_d))

        def write() -> None:
            wait()
            checkpoint.save_tensors(self.run.weights_file(epoch), g, config, dtype)
            checkpoint.save_tensors(self.run.discriminator_file, d, config, dtype)

        self.writer.submit(write)

    def _quality(self, gan: GAN, epoch: int) -> dict[str, Any]:
        """The figures under `quality` in stats.jsonl, in the epochs where they are due; else {}."""
        every = self.settings.evaluate_every
        if self.reference is None or not every or (epoch + 1) % every:
            return {}
        figures = quick_evaluation.evaluate(gan.sampling_generator, self.reference)
        return {**figures, **self._d_outputs()}

    def _d_outputs(self) -> dict[str, float]:
        """D's mean outputs for training faces and for held-out ones; {} where none are held out.

        Not for a paired loss: it leaves D's output for a single image undefined.
        """
        if self.held_out is None or LOSSES[self.settings.loss].is_paired:
            return {}
        both = {"d_train": self.dataset.pixels, "d_held_out": self.held_out}
        return {
            name: round(quick_evaluation.mean_d_output(self.gan.D, _sample(faces)), 4)
            for name, faces in both.items()
        }

    def _may_become_best(self, quality: dict[str, Any], epoch: int) -> bool:
        if not quality or not self.settings.patience:
            return False
        return evaluation.may_become_best(self._recorded_quality() | {epoch: quality}, epoch)

    def _recorded_quality(self) -> dict[int, Mapping[str, Any]]:
        """The quick figures of stats.jsonl, by epoch."""
        self.writer.wait()
        return evaluation.of_stats(self.run.stats())

    def _collapse_metrics(self, fakes: Pixels, epoch: int) -> dict[str, float]:
        """How similar the sheet's images are to each other and to those of the epoch before."""
        sheet = self.run.sheet_file(epoch - 1, self.settings.sheet_format)
        before = None
        with suppress(UserError):
            before = images.ungrid(images.load(sheet), len(fakes), IMAGE_SIZE) if epoch else None
        real = self.dataset.pixels[even_indices(len(self.dataset), len(fakes))]
        return collapse.measure(fakes, real, before)

    def _with_best_ema(self, images_seen: int) -> GAN:
        """The GAN with the EMA selected whose faces are best by `evaluation.RULE`."""
        gan = self.gan
        if len(gan.emas) < 2:
            return gan
        try:
            reference = self.reference or QuickReference(self.dataset.pixels)
        except UserError as error:
            log.warning("The averages of G are not compared: %s", error)
            return gan
        figures = {name: measure(replace(gan, selected_ema=name), reference) for name in gan.emas}
        best = evaluation.best(figures)
        assert best is not None  # each has a distance
        figure = evaluation.deciding_figure(figures[best])
        log.info(
            "Of G's averages the one with a half-life of %s images is kept: %s %s.",
            f"{ema_half_life(best, images_seen, self.settings):,.0f}",
            "SWD" if figure == "swd" else "flaw score",
            ", ".join(f"{row[figure]:.3g}" for row in figures.values()),
        )
        return replace(gan, selected_ema=best)


Recorder = RunRecorder | NullRecorder


def measure(gan: GAN, reference: QuickReference) -> dict[str, Any]:
    """The quick figures of the selected EMA's faces."""
    recompute_ema_statistics(gan)
    return quick_evaluation.evaluate(gan.sampling_generator, reference)


def _sample(faces: Pixels) -> Pixels:
    """At most FACES of the quick evaluation, always the same."""
    order = np.random.default_rng(D_SAMPLE_SEED).permutation(len(faces))
    return np.ascontiguousarray(faces[np.sort(order[: quick_evaluation.FACES])])


def _stats_row(progress: Progress, last: torch.Tensor) -> dict[str, Any]:
    """A row of stats.jsonl: means over the epoch's steps, metrics of its last step, and times."""
    means, last_values = (progress.sums / progress.step).tolist(), last.tolist()
    images_in_epoch = progress.images_seen / (progress.epoch + 1)
    seconds = max(progress.seconds, 1e-9)
    return {
        "epoch": progress.epoch,
        "images_seen": progress.images_seen,
        **dict(zip(METRICS, means, strict=True)),
        **{f"last_{name}": value for name, value in zip(METRICS, last_values, strict=True)},
        "images_per_second": round(images_in_epoch / seconds, 2),
        "seconds": round(progress.seconds, 3),
        "fetch_share": round(progress.fetch_seconds / seconds, 6),
    }
