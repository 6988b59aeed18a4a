"""Is it any good? A generator's faces against real ones held out, in figures that say how sure.

Well-formed faces, sliced Wasserstein distance, diversity, copies; FID and KID where they can be
had. Each figure has beside it what real faces give, measured the same way, and a 95 % bootstrap
interval. What a machine cannot measure is left out with a sentence, and the rest still runs.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from neuroceleb import __version__
from neuroceleb.data import holdout
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import diversity, fid, intervals, memorization, swd
from neuroceleb.model import generator
from neuroceleb.model.networks import Generator

if TYPE_CHECKING:  # it needs OpenCV, which a machine that only trains may lack
    from neuroceleb.metrics import landmarks

LEAST = 32  # faces, real or generated: fewer tell nothing
MOST = 50_000
QUICK = 256
QUICK_NORM = 4  # times as many real faces set the norm of a quick look
DIGITS = 5

Part = dict[str, Any]
Watch = Callable[[str], None]

SEEN = "seen in training"
KEPT_BACK = "kept back from training"
OTHER_DATA = "of another dataset than the one trained on"
UNKNOWN = "unknown: the file does not say what it was trained on"


def check_number(n: int) -> None:
    """Raises UserError for a number of faces outside LEAST..MOST."""
    if not LEAST <= n <= MOST:
        raise UserError(f"--n {n} is out of bounds: use {LEAST} to {MOST:,}.")


def held_out_standing(config: dict[str, Any], fingerprint: str) -> tuple[float, str]:
    """What share of a dataset is held out to measure with, and whether the model has seen it.

    `config` is the run's config.json, {} where there is none; `fingerprint` the dataset's.
    """
    data, settings = config.get("dataset"), config.get("settings")
    if not isinstance(data, dict) or not isinstance(settings, dict):
        return holdout.SHARE, UNKNOWN
    if data.get("fingerprint") != fingerprint:
        return holdout.SHARE, OTHER_DATA
    kept_back = settings.get("holdout")
    if isinstance(kept_back, int | float) and 0 < kept_back < 1:
        return float(kept_back), KEPT_BACK
    return holdout.SHARE, SEEN


@dataclass(frozen=True)
class Choice:
    """What is measured against what: `n` generated faces, a seed for everything drawn at random,

    the share of the dataset that is held out, and whether the model has seen that share.
    """

    n: int
    seed: int
    share: float
    held_out: str


class Reference:
    """The real side of every comparison, measured once for any number of models.

    `faces` is a whole dataset, (N, 64, 64, 3) uint8. `watch` is told each part before it begins.
    Raises UserError where too few faces are held out, or left.
    """

    PARTS = 5

    def __init__(self, faces: Pixels, choice: Choice, watch: Watch = lambda _: None) -> None:
        check_number(choice.n)
        self.choice = choice
        mask = holdout.held_out(faces, choice.share)
        self._places, others = (
            _drawn(mask, choice.n, choice.seed),
            _drawn(~mask, choice.n, choice.seed),
        )
        if min(len(self._places), len(others)) < LEAST:
            raise UserError(
                f"Of {len(faces):,} faces {len(self._places):,} are held out and at least {LEAST} "
                "are needed: use a larger dataset."
            )
        self.real, self.others = faces[self._places], faces[others]
        self.count = min(len(self.real), len(self.others))  # of sets that must be of one size
        watch("sliced Wasserstein distance of real faces")
        self.patches = swd.Patches(self.real[: self.count], choice.seed)
        self.floor = swd.distance(self.patches, swd.Patches(self.others[: self.count], choice.seed))
        watch("real faces looked at")
        self.norm = _or_sentence(self._find_norm)
        watch("features of real faces")
        self.features = _or_sentence(self._find_features)
        watch("likeness of real faces")
        self.pairs = diversity.ms_ssim(*diversity.pairs(self.real, choice.seed))
        watch("nearest real faces")
        self._find_copies(faces, mask)

    def _find_norm(self) -> "Norm":
        from neuroceleb.metrics import landmarks

        held_out = landmarks.look(self.real)
        try:
            norm = landmarks.norm(held_out)
        except ValueError as error:
            raise UserError("YuNet finds no face in the held-out images.") from error
        others = norm.passes(landmarks.look(self.others))
        return Norm(norm, float(norm.passes(held_out).mean()), others)

    def _find_features(self) -> "Space":
        from neuroceleb.metrics import features

        others = features.of(self.others[: self.count])
        centre, spread = others.mean(axis=0), others.std(axis=0)
        scale = 1 / np.maximum(spread, 1e-3 * float(spread.max()) + 1e-9)
        real = (features.of(self.real[: self.count]) - centre) * scale
        others = (others - centre) * scale
        return Space(
            centre, scale, real, diversity.covered(real, others), diversity.covered(others, real)
        )

    def _find_copies(self, faces: Pixels, mask: NDArray[np.bool_]) -> None:
        kept_back = self.choice.held_out == KEPT_BACK
        self.pool = memorization.Pool(faces[~mask] if kept_back else faces)
        own = np.full(len(self.real), -1) if kept_back else self._places
        self.nearest = self.pool.nearest(self.real, own)
        self.limits = memorization.limits(self.nearest)

    @cached_property
    def fid_floor(self) -> dict[str, float]:
        """FID and KID between the real faces themselves."""
        return fid.measure(self.others[: self.count], self.real[: self.count], self.choice.seed)


@dataclass(frozen=True)
class Norm:
    """What a well-formed face is, the share of the faces behind it and which of others pass."""

    norm: "landmarks.Norm"
    held_out_share: float
    others: NDArray[np.bool_]


@dataclass(frozen=True)
class Space:
    """Where features lie of real faces, and what the real cover of one another."""

    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    real: NDArray[np.float32]
    precise: NDArray[np.bool_]
    recalled: NDArray[np.bool_]


def _drawn(mask: NDArray[np.bool_], n: int, seed: int) -> NDArray[np.int64]:
    """Up to n places where the mask is true, drawn at random."""
    places = np.flatnonzero(mask)
    return np.random.default_rng([seed, 4]).permutation(places)[:n]


def _or_sentence(measure: Callable[[], Any]) -> Any:
    """What it measures; or in a sentence what this machine lacks for it."""
    try:
        return measure()
    except ImportError as error:
        return f"Not measured: {error.name or 'a package'} is not installed."
    except UserError as error:
        return f"Not measured: {error}"


# A generator -------------------------------------------------------------------------------


PARTS = 6  # of which `evaluate` tells its watcher


def evaluate(network: Generator, reference: Reference, watch: Watch = lambda _: None) -> Part:
    """Measure the faces of seeds 0..n-1, at truncation 1 and unselected, against the reference.

    Returns one JSON object; the same network, faces, choice and machine give the same figures.
    """
    began = time.perf_counter()
    choice = reference.choice
    watch("drawing")
    fakes = generator.render(network, z_from_seeds(range(choice.n), network.nz))
    parts = {
        "well_formed": well_formed,
        "swd": distance,
        "diversity": variety,
        "copies": copied,
        "fid": inception,
    }
    figures = {}
    for name, measure in parts.items():
        watch(name.replace("_", " "))
        figures[name] = _rounded(measure(fakes, reference))
    return {
        "n_fake": len(fakes),
        "seeds": f"0-{len(fakes) - 1}",
        "truncation": 1.0,
        "n_real": len(reference.real),
        "seed": choice.seed,
        "split": {"share": choice.share, "by": holdout.NAME, "held_out": choice.held_out},
        **figures,
        "versions": _versions(),
        "evaluated": time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime()),
        "seconds": round(time.perf_counter() - began, 1),
    }


def well_formed(fakes: Pixels, reference: Reference) -> Part:
    """The share of well-formed faces, beside that of real ones."""
    norm = reference.norm
    if isinstance(norm, str):
        return {"said": norm}
    from neuroceleb.metrics import landmarks

    passing = norm.norm.passes(landmarks.look(fakes))
    seed = reference.choice.seed
    return {
        **_mean("share", passing, seed),
        **_mean("real", norm.others, seed),
        "n_real": len(norm.others),
        "held_out": norm.held_out_share,
        "n_held_out": norm.norm.count,
        "least_score": norm.norm.least_score,
        "tolerance": norm.norm.tolerance,
        "detector": landmarks.DETECTOR,
    }


def distance(fakes: Pixels, reference: Reference) -> Part:
    """The sliced Wasserstein distance by level, beside that between real faces (the floor)."""
    count = min(reference.count, len(fakes))
    mine = swd.Patches(fakes[:count], reference.choice.seed)
    found = swd.distance(mine, reference.patches)
    floor = reference.floor
    return {
        "n": count,
        "levels": {str(level): value for level, value in found.levels.items()},
        "mean": found.mean,
        "mean_interval": list(found.interval),
        "floor_levels": {str(level): value for level, value in floor.levels.items()},
        "floor": floor.mean,
        "floor_interval": list(floor.interval),
    }


def variety(fakes: Pixels, reference: Reference) -> Part:
    """MS-SSIM between pairs, and precision and recall, beside those of real faces."""
    seed = reference.choice.seed
    alike = diversity.ms_ssim(*diversity.pairs(fakes, seed))
    figures = {
        "pairs": len(alike),
        **_mean("ms_ssim", alike, seed),
        "pairs_real": len(reference.pairs),
        **_mean("ms_ssim_real", reference.pairs, seed),
    }
    space = reference.features
    if isinstance(space, str):
        return figures | {"said": space}
    from neuroceleb.metrics import features

    count = min(reference.count, len(fakes))
    ours = (features.of(fakes[:count]) - space.centre) * space.scale
    return figures | {
        "n": count,
        "k": diversity.NEIGHBOURS,
        "features": f"{features.NAME}, each standardised over real faces",
        **_mean("precision", diversity.covered(space.real, ours), seed),
        **_mean("precision_real", space.precise, seed),
        **_mean("recall", diversity.covered(ours, space.real), seed),
        **_mean("recall_real", space.recalled, seed),
    }


def copied(fakes: Pixels, reference: Reference) -> Part:
    """How far the nearest training faces are, and the share of suspects, beside real faces'."""
    seed = reference.choice.seed
    nearest = reference.pool.nearest(fakes)
    limits = reference.limits
    suspects = memorization.suspects(nearest, limits)
    return {
        "n_pool": len(reference.pool),
        "n_real": len(reference.real),
        "nearest": float(np.median(nearest[:, 0])),
        "nearest_real": float(np.median(reference.nearest[:, 0])),
        **_mean("suspects", suspects, seed),
        **_mean("suspects_real", memorization.suspects(reference.nearest, limits), seed),
        "suspect_seeds": np.flatnonzero(suspects)[:100].tolist(),
    }


def inception(fakes: Pixels, reference: Reference) -> Part:
    """FID and KID, beside those between real faces; or why not, in a sentence."""
    lacking = fid.missing()
    if lacking:
        return {"said": lacking}
    count = min(reference.count, len(fakes))
    figures = fid.measure(fakes[:count], reference.real[: reference.count], reference.choice.seed)
    floor = {f"{name}_real": value for name, value in reference.fid_floor.items()}
    return {"n": count, "n_real": reference.count, **figures, **floor}


def _mean(name: str, observed: ArrayLike, seed: int) -> Part:
    """A mean and its 95 % bootstrap interval, over the faces or pairs it is a mean of."""
    values = np.asarray(observed, np.float64)
    return {name: float(values.mean()), f"{name}_interval": list(intervals.of_mean(values, seed))}


def _rounded(value: Any) -> Any:
    """The same with numbers cut to DIGITS places: more of them say nothing."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def _versions() -> dict[str, str]:
    return {
        "neuroceleb": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        **_opencv(),
    }


def _opencv() -> dict[str, str]:
    try:
        from neuroceleb.metrics import landmarks
    except ImportError:
        return {}
    return {"opencv": landmarks.OPENCV}


# A quick look, from within a training ------------------------------------------------------


class QuickReference:
    """The real side of a quick look, made once for a training.

    `faces` (N, 64, 64, 3) uint8 are those to compare with: the held-out ones where some are kept
    back, else those trained on. `seconds` is what it took, `said` what cannot be measured here.
    Raises UserError for fewer than LEAST faces.
    """

    def __init__(self, faces: Pixels, n: int = QUICK, seed: int = 0) -> None:
        began = time.perf_counter()
        self.seed = seed
        order = np.random.default_rng([seed, 5]).permutation(len(faces))
        self.n = min(n, len(faces))
        if self.n < LEAST:
            raise UserError(f"A look at the quality needs {LEAST} real faces, not {self.n}.")
        self.patches = swd.Patches(faces[order[: self.n]], seed)
        some = faces[np.sort(order[: QUICK_NORM * self.n])]
        norm = _or_sentence(lambda: self._norm(some))
        self.said = norm if isinstance(norm, str) else ""
        self.norm: landmarks.Norm | None = None if isinstance(norm, str) else norm
        self.seconds = time.perf_counter() - began

    @staticmethod
    def _norm(faces: Pixels) -> "landmarks.Norm":
        from neuroceleb.metrics import landmarks

        try:
            return landmarks.norm(landmarks.look(faces))
        except ValueError as error:
            raise UserError("YuNet finds no face in the images.") from error


def quick(network: Generator, reference: QuickReference) -> dict[str, float | str]:
    """What a row of stats.jsonl holds under `quality`: rough, for the choice of an epoch.

    `swd` (x 1,000, mean of the levels) and, where YuNet is here, `well_formed` (a share) of the
    faces of seeds 0..n-1; else `said`, why not. Moves no figure of the network, draws on no random
    numbers of the training's, and tells what it cost in `seconds`.
    """
    began = time.perf_counter()
    fakes = generator.render(network, z_from_seeds(range(reference.n), network.nz))
    found: dict[str, float | str] = {}
    if reference.norm is None:
        found["said"] = reference.said
    else:
        from neuroceleb.metrics import landmarks

        found["well_formed"] = float(reference.norm.passes(landmarks.look(fakes)).mean())
    apart = swd.distance(swd.Patches(fakes, reference.seed), reference.patches, sure=False)
    found["swd"] = round(apart.mean, 2)
    found["n"] = reference.n
    found["seconds"] = round(time.perf_counter() - began, 2)
    return found
