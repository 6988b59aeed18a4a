"""The dataset of a training: loading with a progress bar, the holdout, and skipped files."""

import logging
from pathlib import Path

from tqdm import tqdm

from neuroceleb.data import dataset, holdout, zip_names
from neuroceleb.data.dataset import Dataset
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


def without_holdout(data: Dataset, settings: Settings) -> Dataset:
    """The images to train on; raises UserError where the holdout leaves none."""
    if not settings.holdout:
        return data
    rest = data.without(holdout.held_out(data.pixels, settings.holdout))
    if not len(rest):
        raise UserError(
            "--holdout {holdout:g} leaves no face to train on: lower it.", holdout=settings.holdout
        )
    return rest


def reference_faces(data: Dataset, settings: Settings) -> Pixels | None:
    """The held-out images (N, 64, 64, 3) that quality is measured against; None if there are none.

    None as well where quality is not measured.
    """
    if not settings.holdout or not settings.evaluate_every:
        return None
    held_out: Pixels = data.pixels[holdout.held_out(data.pixels, settings.holdout)]
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
