"""The model card: what a model is, what it was trained on, its terms, and what was measured.

The facts come from the run directory (config.json, stats.jsonl, evaluation.json) and from the
configuration in the weights. Datasets are named without their folders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from neuroceleb.errors import UserError
from neuroceleb.model.networks import Generator
from neuroceleb.runs import evaluation
from neuroceleb.runs.figures import finite
from neuroceleb.runs.run import Run

MAX_TEXT = 500

# Where the figures lie in an entry of evaluation.json: key, part, value, of real faces, is a share.
_FIGURES = (
    ("well_formed", "well_formed", "share", "real", True),
    ("swd", "swd", "mean", "floor", False),
    ("precision", "diversity", "precision", "precision_real", True),
    ("recall", "diversity", "recall", "recall_real", True),
    ("ms_ssim", "diversity", "ms_ssim", "ms_ssim_real", False),
    ("suspects", "copies", "suspects", "suspects_real", True),
)


@dataclass(frozen=True)
class Figure:
    """One measured figure: `key` as in evaluation.json, its 95 % interval, and that of real faces.

    `share` is whether it is a share of 0..1.
    """

    key: str
    value: float
    interval: tuple[float, float] | None
    real: float | None
    share: bool


@dataclass(frozen=True)
class Card:
    """A model card; texts are empty and numbers None where nothing is recorded.

    `data` is the dataset's name and `images` the number of its faces that were trained on, `shown`
    how many images training showed, `start` the model it started from (`none`: noise). `measured`
    holds the n and the epoch of the figures.
    """

    name: str
    epoch: int | None
    network: str
    recipe: str
    data: str
    images: int | None
    shown: int | None
    start: str
    terms: str
    measured: dict[str, int]
    figures: tuple[Figure, ...]


def card_of(weights: Path, network: Generator, config: Mapping[str, Any], run: Run | None) -> Card:
    """The card of a generator: of its file, and of the run it belongs to, if there is one."""
    epoch = config.get("epoch")
    epoch = epoch if isinstance(epoch, int) else None
    about = _config(run) or dict(config)
    settings, dataset = _part(about, "settings"), _part(about, "dataset")
    images = finite(dataset.get("trained_on", dataset.get("count")))
    entry = {} if run is None or epoch is None else evaluation.readable(run.path).get(epoch, {})
    return Card(
        name=run.name if run is not None else _text(config.get("run")) or weights.stem,
        epoch=epoch,
        network=f"DCGAN, 64x64 RGB, nz {network.nz}, ngf {network.ngf}",
        recipe=_text(settings.get("recipe")),
        data=_base_name(_text(dataset.get("path"))),
        images=None if images is None else int(images),
        shown=_images_seen(run, epoch),
        start=_start(about, settings),
        terms=terms_of(about),
        measured={"n": int(finite(entry.get("n_fake")) or 0), "epoch": epoch or 0},
        figures=tuple(_figures(entry)),
    )


def terms_of(config: Mapping[str, Any]) -> str:
    """The terms of a run's weights: its own, or those of the model it started from, or ""."""
    for part in (_part(config, "shipped"), _part(config, "start_model")):
        if terms := _text(part.get("terms")):
            return terms
    return ""


def _config(run: Run | None) -> dict[str, Any]:
    try:
        return {} if run is None else run.config()
    except UserError:
        return {}


def _start(config: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    start = _text(_part(config, "start_model").get("name")) or _text(settings.get("start_from"))
    return "" if start == "auto" else _base_name(start)


def _images_seen(run: Run | None, epoch: int | None) -> int | None:
    if run is None:
        return None
    seen = [finite(row.get("images_seen")) for row in run.stats() if row["epoch"] == epoch]
    return int(seen[-1]) if seen and seen[-1] is not None else None


def _figures(entry: Mapping[str, Any]) -> list[Figure]:
    found = []
    for key, part, value, real, share in _FIGURES:
        values = _part(entry, part)
        number = finite(values.get(value))
        if number is not None:
            interval = _interval(values.get(f"{value}_interval"))
            found.append(Figure(key, number, interval, finite(values.get(real)), share))
    return found


def _interval(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = finite(value[0]), finite(value[1])
    return None if low is None or high is None else (low, high)


def _part(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    part = value.get(key)
    return part if isinstance(part, dict) else {}


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(c for c in text[:MAX_TEXT] if c.isprintable())


def _base_name(path: str) -> str:
    """The last part of a path of any system: a folder's name can be private."""
    return PurePosixPath(PureWindowsPath(path).as_posix()).name
