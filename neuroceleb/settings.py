"""The settings of a training run: what each means, its bounds, and the recipes' defaults."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from neuroceleb import bounds
from neuroceleb.bounds import choice, number, text
from neuroceleb.errors import UserError

IMAGE_SIZE = 64  # pixels; five stride-2 layers of the original's networks
CHANNELS = 3

AUTO, NONE = "auto", "none"  # values of `start_from`
SWITCHES = ("tensorboard",)  # settings whose flag takes no value: it means yes

AUGMENTATIONS: dict[str, tuple[str, ...]] = {
    "none": (),
    "colour": ("colour",),
    "translation": ("translation",),
    "cutout": ("cutout",),
    "colour+translation": ("colour", "translation"),
    "all": ("colour", "translation", "cutout"),
}

# What the recipes differ in. The defaults below are those of `modern`, the first of them; all else
# is the original script's.
RECIPES: dict[str, dict[str, Any]] = {
    "modern": {
        "batch_size": 32,
        "lr": 4e-4,
        "loss": "ns",
        "augment": "all",
        "flip": "yes",
        "ema_images": 100_000,
        "precision": "auto",
        "start_from": AUTO,
    },
    "classic": {
        "batch_size": 64,
        "lr": 2e-4,
        "loss": "bce",
        "augment": "none",
        "flip": "no",
        "ema_images": 0,
        "precision": "float32",
        "start_from": NONE,
    },
}
# What settings that came later were for all runs before: a config.json that lacks one means this.
BEFORE: dict[str, Any] = {
    **{"simultaneous": "no", "d_init": "normal", "r2": 0.0, "top_k": 1.0, "lecam": 0.0},
    **{
        "lr": 2e-4,
        "start_from": NONE,
        "precision": "float32",
        "first_batch_size": 0,
        "first_images": 0,
        "lr_end": 0.0,
        "averages": "one",
        "ema_share": 0.05,
        "patience": 0,
        "freeze_d": 0,
    },
}
MAX_TEXT = 1_000  # characters
MAX_EPOCHS_BY_IMAGES = 2_000  # a sheet an epoch: of a handful of photos they would be countless


@dataclass(frozen=True)
class Settings:
    """Every setting of a run. The defaults are the recipe `modern`'s, and else the original's."""

    recipe: str = choice(
        "modern",
        "The recipe: modern is for few images; classic is the original, exactly.",
        *RECIPES,
    )
    epochs: int = number(
        200, "How often the run goes through all images; epochs are counted from 0.", 1, 100_000
    )
    images: int = number(
        0, "Images to show in all, 2,000 epochs at most; 0: as many as the epochs say.", 0, 10**12
    )
    batch_size: int = number(32, "Images that G and D learn from at once, in a step.", 1, 65_536)
    first_batch_size: int = number(
        0, "Images a step at first, fewer than later; 0: the same throughout.", 0, 65_536
    )
    first_images: int = number(
        0, "Images shown with the first batch size, up to the end of an epoch; 0: none.", 0, 10**12
    )
    lr: float = number(
        4e-4, "How far each step changes G and D: the learning rate of Adam.", 1e-8, 1.0
    )
    lr_end: float = number(
        0.0, "Learning rate at the end of the run, falling as a cosine; 0: constant.", 0.0, 1.0
    )
    lr_d: float = number(0.0, "Learning rate of D, where it is another; 0: the same.", 0.0, 1.0)
    beta1: float = number(0.5, "How long Adam keeps its direction: its first beta.", 0.0, 0.9999)
    beta2: float = number(
        0.999, "How long Adam remembers step sizes: its second beta.", 0.0, 0.999999
    )
    nz: int = number(100, "Length of z, the random numbers a face is drawn from.", 1, 4_096)
    ngf: int = number(64, "Width of the generator G; wider draws finer, but slower.", 1, 512)
    ndf: int = number(64, "Width of the discriminator D; wider sees more, but slower.", 1, 512)
    loss: str = choice(
        "ns",
        "What G and D are graded by: on logits ns (usual), rp (pairs), hinge, lsgan; or the "
        "original's bce.",
        *("ns", "rp", "hinge", "lsgan", "bce"),
    )
    simultaneous: str = choice(
        "no",
        "One pass of D over the fakes for both updates, where loss (ns, rp) and D's norm allow it.",
        *("no", "yes"),
    )
    top_k: float = number(
        1.0, "Share of the generated faces, the best by D, that G learns from.", 0.1, 1.0
    )
    lecam: float = number(
        0.0, "Strength of LeCam, a penalty that steadies D on few images; 0: none.", 0.0, 100.0
    )
    d_norm: str = choice(
        "batch",
        "How D's layers are normalised: batch as the original, spectral, or not.",
        "batch",
        "spectral",
        "none",
    )
    d_init: str = choice(
        "normal", "D's first weights: the original's, or He's for a D without norm.", "normal", "he"
    )
    r1: float = number(
        0.0, "Strength of R1, a penalty that keeps D smooth at real images; 0: none.", 0.0, 1_000.0
    )
    r2: float = number(
        0.0,
        "Strength of R2, a penalty that keeps D smooth at generated faces; 0: none.",
        0.0,
        1_000.0,
    )
    r1_every: int = number(16, "Steps from one penalty (R1, R2) to the next.", 1, 1_000)
    augment: str = choice(
        "all",
        "How images are varied before D sees them, so that it cannot learn them by heart.",
        *AUGMENTATIONS,
    )
    augment_chance: float = number(
        0.0, "Chance of each variation; 0: chosen by the number of images, 0.3 for few.", 0.0, 1.0
    )
    flip: str = choice("yes", "Mirror half of the real images.", "no", "yes")
    ema_images: int = number(
        100_000, "Images after which G's average has half forgotten; 0: no average.", 0, 10**9
    )
    ema_share: float = number(
        0.25, "Most of them, as a share of the images shown so far.", 0.001, 10.0
    )
    averages: str = choice(
        "one",
        "G's averages: one, or three (over a third of the images, over them, over three times as "
        "many), of which the one that measures best is kept at the end.",
        *("one", "three"),
    )
    evaluate_every: int = number(
        0, "Look at the quality of the faces every N epochs; 0: never.", 0, 100_000
    )
    patience: int = number(
        0,
        "End the run after so many evaluations without a better one, and keep the best one's "
        "weights; 0: never.",
        0,
        100_000,
    )
    holdout: float = number(0.0, "Share of the images kept back from training.", 0.0, 0.5)
    start_from: str = text(
        AUTO,
        "Weights to start from: auto (for few faces the shipped model that fits best), none "
        "(noise), or a run or generator file.",
        MAX_TEXT,
    )
    freeze_d: int = number(
        0,
        "First convolution layers of D that stay as in the model to start from; 0: none.",
        0,
        4,
    )
    seed: int = number(0, "Seed of weights, noise and order.", 0, 2**53 - 1)
    device: str = choice("auto", "Where to compute.", "auto", "cpu", "cuda")
    ngpu: int = number(1, "Number of GPUs, 0: the CPU; on a CPU, of processes.", 0, 1_024)
    batchnorm: str = choice(
        "device",
        "On several GPUs, BatchNorm of each one's images, as in the original, or of all.",
        *("device", "synced"),
    )
    precision: str = choice(
        "auto",
        "Of convolutions: float32 (TF32 on a GPU), bfloat16, or on a CPU the faster (auto).",
        *("auto", "float32", "bfloat16"),
    )
    keep_every: int = number(
        0,
        "Keep G's weights every N epochs, and always the last; 0: about 20 over the run.",
        0,
        100_000,
    )
    weights: str = choice("float32", "Number format of kept weights.", "float32", "float16")
    sheet_format: str = choice("png", "File format of the sample sheets.", "png", "webp")
    tensorboard: str = choice(
        "no", "Also write figures and sheets as TensorBoard event files.", "no", "yes"
    )
    save_minutes: float = number(
        5.0, "Save the state to continue from at least this often, in minutes.", 0.0, 1_440.0
    )

    @classmethod
    def checked(cls, **values: Any) -> "Settings":
        """Settings with these values, the rest as their recipe says.

        Raises UserError that names the first value out of bounds, or one that contradicts another
        or has no effect without it.
        """
        settings = cls._within_bounds(values)
        settings._check_dependencies()
        return settings

    @classmethod
    def _within_bounds(cls, values: dict[str, Any]) -> "Settings":
        for spec in dataclasses.fields(cls):
            if spec.name in values:
                bounds.check(spec, values[spec.name])
        recipe = RECIPES[values.get("recipe", cls.recipe)]
        settings = cls(**{**recipe, **values})
        if settings.ngpu == 0:  # as the original has it
            if settings.device == "cuda":
                raise UserError("--ngpu 0 is the CPU: leave it out, or --device cuda.")
            settings = dataclasses.replace(settings, device="cpu")
        return settings if settings.images else settings._keeping()

    def _check_dependencies(self) -> None:
        if self.patience and not self.evaluate_every:
            raise UserError(
                "--patience {patience} counts evaluations: set --evaluate-every as well, or "
                "leave --patience out.",
                patience=self.patience,
            )
        if self.freeze_d and self.start_from in ("", NONE):
            raise UserError(
                "--freeze-d {freeze_d} has nothing to freeze in a run that starts from noise: "
                "choose a model with --start-from, or leave --freeze-d out.",
                freeze_d=self.freeze_d,
            )
        self._check_learning()
        self._check_d()

    def _check_learning(self) -> None:
        if self.averages != "one" and not self.ema_images:
            raise UserError(
                "--averages {averages} needs an average: set --ema-images above 0, or choose "
                "--averages one.",
                averages=self.averages,
            )
        if bool(self.first_batch_size) != bool(self.first_images):
            raise UserError(
                "--first-batch-size and --first-images go together: set both, or leave both 0."
            )
        if self.first_batch_size > self.batch_size:
            raise UserError(
                "--first-batch-size {first} is more than --batch-size {batch_size}: choose fewer "
                "images, or leave it 0.",
                first=self.first_batch_size,
                batch_size=self.batch_size,
            )
        if self.lr_end > self.lr:
            raise UserError(
                "--lr-end {lr_end:g} is more than --lr {lr:g}, and the learning rate only falls: "
                "choose a smaller one, or 0.",
                lr_end=self.lr_end,
                lr=self.lr,
            )

    def _check_d(self) -> None:
        if self.augment_chance and not AUGMENTATIONS[self.augment]:
            raise UserError(
                "--augment-chance {chance:g} has nothing to augment: choose --augment all, or "
                "leave --augment-chance 0.",
                chance=self.augment_chance,
            )
        has_one_pass = self.loss in ("ns", "rp") and self.d_norm != "batch" and not self.lecam
        if self.simultaneous == "yes" and not has_one_pass:
            raise UserError(
                "--simultaneous yes needs --loss ns or rp, --d-norm spectral or none, and --lecam "
                "0: change these, or choose --simultaneous no."
            )

    def for_faces(self, count: int) -> "Settings":
        """The same with the epochs that show so many `images`, where those are set."""
        if not self.images:
            return self
        epochs = max(1, math.ceil(self.images / count))
        return dataclasses.replace(self, epochs=min(epochs, MAX_EPOCHS_BY_IMAGES))._keeping()

    def batch_size_of(self, epoch: int, count: int) -> int:
        """Images a step in an epoch (from 0) of a run on `count` images."""
        is_early = epoch * count < self.first_images
        first = self.first_batch_size if is_early else 0
        return min(first or self.batch_size, self.batch_size)

    def lr_factor(self, progress: float) -> float:
        """The learning rate at this share of the run's images over that of its beginning."""
        if not self.lr_end:
            return 1.0
        end = min(self.lr_end / self.lr, 1.0)
        return end + (1 - end) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2

    def _keeping(self) -> "Settings":
        every = self.keep_every or max(1, math.ceil(self.epochs / 20))
        return dataclasses.replace(self, keep_every=every)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Settings":
        """Settings read back from a run's config.json; unknown or bad ones raise UserError.

        Contradictions are not refused: older versions trained such runs.
        """
        known = {spec.name for spec in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise UserError(
                "The run has a setting '{name}' that this version lacks.", name=unknown[0]
            )
        return cls._within_bounds(BEFORE | values)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, as config.json holds it."""
        return dataclasses.asdict(self)
