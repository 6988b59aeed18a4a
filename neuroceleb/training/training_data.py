"""The dataset of a training: loading with a progress bar, the holdout, and skipped files."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from neuroceleb.data import dataset, holdout, zip_names
from neuroceleb.data.dataset import Dataset
from neuroceleb.data.holdout import Mask
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings

MAX_SHOWN_SKIPS = 12

log = logging.getLogger(__name__)


def load(source: Path, workspace: Workspace, names_encoding: str = zip_names.AUTO) -> Dataset:
    """Decode the dataset, or load it from the cache, with a progress bar.

    `names_encoding` is that of names in a zip that are not marked as UTF-8.
    """
    with tqdm(desc="Decoding", unit=" images", disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return dataset.load(source, workspace.datasets, progress, names_encoding)


def with_holdout(data: Dataset, settings: Settings, recorded: dict[str, Any]) -> Dataset:
    """The dataset with its images marked that are kept back from training.

    `recorded` is the entry `dataset` of the run's config.json. A run that has begun keeps its
    images: those recorded, else those that the hash of each image selects. A new run keeps back
    whole persons where they are known. Raises UserError where what is recorded does not fit.
    """
    if not settings.holdout:
        return data
    if isinstance(recorded.get("held_out"), str):
        return replace(data, held_out=_recorded(data, recorded["held_out"]))
    if data.people is not None and "fingerprint" not in recorded:
        mask = holdout.held_out_by_person(data.pixels, data.people, settings.holdout)
        return replace(data, held_out=mask)
    return replace(data, held_out=holdout.held_out(data.pixels, settings.holdout))


def _recorded(data: Dataset, text: str) -> Mask:
    try:
        return holdout.from_text(text, len(data))
    except ValueError as error:
        raise UserError(
            "The images in {source} are not those that the run was trained on, or its config.json "
            "is damaged: put them back, or start a new run.",
            source=data.source,
        ) from error


def to_record(data: Dataset) -> dict[str, str]:
    """What config.json records of the images kept back: only where whole persons are."""
    if data.held_out is None or data.people is None:
        return {}
    return {"held_out_by": holdout.NAME_BY_PERSON, "held_out": holdout.to_text(data.held_out)}


def without_holdout(data: Dataset, settings: Settings) -> Dataset:
    """The images to train on; raises UserError where the holdout leaves none."""
    if data.held_out is None:
        return data
    rest = data.without(data.held_out)
    if not len(rest):
        raise UserError(
            "--holdout {holdout:g} leaves no face to train on: lower it.", holdout=settings.holdout
        )
    return rest


def reference_faces(data: Dataset, settings: Settings) -> Pixels | None:
    """The held-out images (N, 64, 64, 3) that quality is measured against; None if there are none.

    None as well where quality is not measured.
    """
    if data.held_out is None or not settings.evaluate_every:
        return None
    held_out: Pixels = data.pixels[data.held_out]
    return held_out


def log_skipped(data: Dataset) -> None:
    """Log every skipped file; only the first dozen and the number of the others at level INFO."""
    for index, skipped in enumerate(data.skipped):
        level = logging.INFO if index < MAX_SHOWN_SKIPS else logging.DEBUG
        log.log(level, "Skipped %s", _printable(str(skipped)))
    more = len(data.skipped) - MAX_SHOWN_SKIPS
    if more > 0:
        log.info("… and %s more files skipped; log.txt names them all.", f"{more:,}")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
