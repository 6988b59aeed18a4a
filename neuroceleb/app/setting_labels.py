"""The settings of a run as the page names them, in groups, with a sentence on each group."""

import re
from typing import Any

from neuroceleb.app.catalogue import _, label, translate
from neuroceleb.errors import Message

LABELS: dict[str, Any] = {
    "recipe": label("Recipe"),
    "epochs": label("Epochs"),
    "images": label("Images to show"),
    "batch_size": label("Batch size"),
    "first_batch_size": label("Batch size at first"),
    "first_images": label("Images with the first batch size"),
    "lr": label("Learning rate"),
    "lr_end": label("Learning rate at the end"),
    "lr_d": label("Learning rate of D"),
    "beta1": label("Adam beta 1"),
    "beta2": label("Adam beta 2"),
    "nz": label("Length of z"),
    "ngf": label("Width of G (ngf)"),
    "ndf": label("Width of D (ndf)"),
    "loss": label("Loss"),
    "simultaneous": label("One pass of D for both"),
    "top_k": label("Share of faces that teach G"),
    "lecam": label("LeCam penalty"),
    "d_norm": label("Normalisation in D"),
    "d_init": label("First weights of D"),
    "r1": label("R1 penalty"),
    "r2": label("R2 penalty"),
    "r1_every": label("R1, R2 every N steps"),
    "augment": label("Variation of images (augmentation)"),
    "augment_chance": label("Chance of a variation"),
    "flip": label("Mirror"),
    "ema_images": label("Average of G (images)"),
    "ema_share": label("Average of G, at most (share)"),
    "averages": label("Averages of G"),
    "evaluate_every": label("Measure every N epochs"),
    "patience": label("Patience (evaluations)"),
    "holdout": label("Kept back for measuring"),
    "start_from": label("Start from"),
    "freeze_d": label("Frozen layers of D"),
    "seed": label("Seed"),
    "device": label("Device"),
    "ngpu": label("GPUs"),
    "batchnorm": label("BatchNorm of GPUs"),
    "precision": label("Precision"),
    "keep_every": label("Keep every N epochs"),
    "weights": label("Kept weights"),
    "sheet_format": label("Sheets"),
    "tensorboard": label("TensorBoard"),
    "save_minutes": label("Save every (minutes)"),
}
FIRST = ("recipe", "epochs", "batch_size")  # and `start_from`
# Title, sentence, settings.
GROUPS: tuple[tuple[Any, Any, tuple[str, ...]], ...] = (
    (
        label("Photos"),
        label("How the photos are varied, and how many are kept back to measure with."),
        ("augment", "augment_chance", "flip", "holdout"),
    ),
    (
        label("Pace"),
        label("How long the run goes on, and how large its steps are."),
        (
            *("images", "first_batch_size", "first_images", "lr", "lr_end", "lr_d"),
            *("beta1", "beta2", "seed"),
        ),
    ),
    (
        label("Networks"),
        label(
            "G draws faces from random numbers, D tells them from photos. A start model needs the "
            "same z and G."
        ),
        ("nz", "ngf", "ndf", "d_norm", "d_init", "freeze_d"),
    ),
    (
        label("Loss"),
        label("How D and G are graded, and penalties that keep D from being too sure."),
        ("loss", "simultaneous", "top_k", "lecam", "r1", "r2", "r1_every"),
    ),
    (
        label("Quality"),
        label("The average of G that is kept, and how often its faces are measured."),
        ("ema_images", "ema_share", "averages", "evaluate_every", "patience"),
    ),
    (
        label("Machine and files"),
        label("Where it is computed, and what is kept of it."),
        (
            *("device", "ngpu", "batchnorm", "precision"),
            *("keep_every", "weights", "sheet_format", "tensorboard", "save_minutes"),
        ),
    ),
)

_FLAG = re.compile(r"--([a-z][a-z0-9-]*)")


def in_words(message: Message | str) -> str:
    """A message in the current language, with the page's labels for the flags of settings."""
    text = translate(message) if isinstance(message, Message) else message
    return _FLAG.sub(_label_of, text)


def _label_of(flag: re.Match[str]) -> str:
    name = flag[1].replace("-", "_")
    return f"“{_(LABELS[name].key)}”" if name in LABELS else flag[0]
