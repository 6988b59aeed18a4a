"""Which weights a run starts from: noise, a named model, or the shipped model that fits best.

Starting from a generator of other faces instead of noise: Wang et al., *Transferring GANs:
generating images from limited data*, ECCV 2018. On a few hundred faces it is the difference between
recognisable people and blotches within minutes of two CPU cores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import swd
from neuroceleb.model import checkpoint, generator
from neuroceleb.runs.run import Run
from neuroceleb.runs.starts import FEW_FACES, candidates, find, shipped
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import AUTO, NONE, Settings
from neuroceleb.training.gan import check_initial_weights

COMPARED = 256  # faces of each model and of the dataset
FEWEST_COMPARED = 16
MAX_TERMS = 500  # characters
MAX_DIGITS = 3  # decimals of a distance


@dataclass(frozen=True)
class StartModel:
    """The model that a run starts from; `weights` is None for noise.

    `reason` is a sentence; `terms` are those of the model's training data, which hold for what is
    trained from it.
    """

    weights: Path | None
    name: str
    reason: Message
    terms: str = ""

    def to_json(self) -> dict[str, Any]:
        """As config.json records it under `start_model`."""
        return {"name": self.name, **self.reason.as_fields("reason"), "terms": self.terms}


def resolve(workspace: Workspace, settings: Settings, faces: Pixels) -> StartModel:
    """The model that `settings.start_from` means for a dataset, (N, 64, 64, 3) uint8.

    Raises UserError where a named model is missing or has another width, and where layers of D are
    to be frozen and there are none of the model's.
    """
    start = _resolve(workspace, settings, faces)
    if settings.freeze_d and start.weights is None:
        raise UserError(
            "--freeze-d {freeze_d} has nothing to freeze: {reason} Choose a model with "
            "--start-from, or leave --freeze-d out.",
            freeze_d=settings.freeze_d,
            reason=start.reason,
        )
    if start.weights is not None:
        check_initial_weights(start.weights, settings)
    return start


def _resolve(workspace: Workspace, settings: Settings, faces: Pixels) -> StartModel:
    if settings.start_from in ("", NONE):
        return StartModel(None, NONE, Message("It starts from noise, as set."))
    if settings.start_from != AUTO:
        weights = named(workspace, settings)
        run = Run(weights.parent)
        terms = _terms(run) if run.exists() else ""
        name = run.name if run.exists() else weights.name
        reason = Message("It starts from '{name}', as set.", name=name)
        return StartModel(weights, name, reason, terms)
    if len(faces) >= FEW_FACES:
        reason = Message("It starts from noise: {count:,} faces are enough.", count=len(faces))
        return StartModel(None, NONE, reason)
    fitting = [run for run in candidates(workspace) if _fits(run, settings)]
    if not fitting:
        reason = Message("It starts from noise: no shipped model has these widths.")
        return StartModel(None, NONE, reason)
    return _nearest(fitting, faces)


def named(workspace: Workspace, settings: Settings) -> Path:
    """The weights that `--start-from NAME` means.

    Raises UserError where there are none, or their network has other widths than the run's.
    """
    path = find(workspace, settings.start_from)
    check_initial_weights(path, settings)
    return path


def _terms(run: Run) -> str:
    """The terms of a run's weights: its own, or those it inherited from its start."""
    started = run.config().get("start_model")
    for described in (shipped(run), started if isinstance(started, dict) else {}):
        terms = described.get("terms")
        if isinstance(terms, str):
            return "".join(c for c in terms[:MAX_TERMS] if c.isprintable())
    return ""


def _fits(run: Run, settings: Settings) -> bool:
    try:
        network, _ = checkpoint.load_generator(run.weights())
    except UserError:
        return False
    return (network.nz, network.ngf) == (settings.nz, settings.ngf)


def _nearest(runs: list[Run], faces: Pixels) -> StartModel:
    """The run whose faces are nearest to the dataset's, by sliced Wasserstein distance."""
    count = min(COMPARED, len(faces))
    if count < FEWEST_COMPARED or len(runs) == 1:
        return _start(runs[0], Message("the shipped model that fits"))
    chosen = np.random.default_rng(0).choice(len(faces), count, replace=False)
    real = swd.Patches(np.ascontiguousarray(faces[np.sort(chosen)]), seed=0)
    distances = {run: _distance(run, real, count) for run in runs}
    nearest = min(runs, key=lambda run: distances[run])
    digits = _digits_that_differ(list(distances.values()))
    found = ", ".join(f"{run.name} {distances[run]:.{digits}f}" for run in runs)
    why = Message(
        "the shipped model whose faces are nearest (distances: {distances})", distances=found
    )
    return _start(nearest, why)


def _digits_that_differ(distances: Sequence[float]) -> int:
    """So many decimals, up to MAX_DIGITS, that the least distance differs from the next."""
    least, following = sorted(distances)[:2]
    digits = range(MAX_DIGITS)
    return next((n for n in digits if f"{least:.{n}f}" != f"{following:.{n}f}"), MAX_DIGITS)


def _distance(run: Run, real: swd.Patches, count: int) -> float:
    network, _ = checkpoint.load_generator(run.weights())
    fakes = generator.render(network, z_from_seeds(range(count), network.nz))
    return swd.distance(swd.Patches(fakes, seed=0), real, has_interval=False).mean


def _start(run: Run, why: Message) -> StartModel:
    reason = Message("It starts from '{name}', {why}.", name=run.name, why=why)
    return StartModel(run.weights(), run.name, reason, _terms(run))
