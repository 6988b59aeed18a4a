"""The real faces that generated ones are compared with, measured once for any number of models."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuroceleb.data import holdout
from neuroceleb.data.dataset import Dataset
from neuroceleb.data.holdout import Mask
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import fid, ms_ssim, swd
from neuroceleb.metrics.identity_evaluation import RealIdentities
from neuroceleb.metrics.memorization import CopyCheck
from neuroceleb.metrics.persons import People
from neuroceleb.metrics.precision_recall import covered

if TYPE_CHECKING:  # it needs OpenCV, which a machine that only trains may lack
    from neuroceleb.metrics import landmarks

MIN_FACES = 32  # real or generated
MAX_FACES = 50_000
MAX_SCORED = 1_000  # real or generated faces whose flaws are scored: tens of milliseconds each

T = TypeVar("T")
Progress = Callable[[str], None]

# Whether the model was trained on the held-out faces, as evaluation.json says it.
SEEN = "seen in training"
KEPT_BACK = "kept back from training"
OTHER_DATA = "of another dataset than the one trained on"
UNKNOWN = "unknown: the file does not say what it was trained on"


@dataclass(frozen=True)
class Options:
    """`n` faces to generate, the seed of every random choice, and the share that is held out.

    `held_out` says whether the model was trained on that share: SEEN, KEPT_BACK, OTHER_DATA or
    UNKNOWN; `by` how it was selected.
    """

    n: int
    seed: int
    share: float
    held_out: str
    by: str = holdout.NAME


def held_out_share(config: dict[str, Any], fingerprint: str) -> tuple[float, str]:
    """The share of a dataset to hold out, and whether the model was trained on it.

    `config` is the run's config.json, {} for none; `fingerprint` the dataset's.
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
class Split:
    """Which faces of a dataset are held out, (N,), and the name of how they were selected."""

    mask: Mask
    by: str


def split(faces: Dataset, config: dict[str, Any], share: float, held_out: str) -> Split:
    """The faces that the run itself held out, else a share: whole persons where they are known.

    `config` is the run's config.json; `share` and `held_out` are those of `held_out_share`.
    """
    if held_out == KEPT_BACK:
        recorded = config["dataset"].get("held_out")
        if isinstance(recorded, str):
            try:
                return Split(holdout.from_text(recorded, len(faces)), holdout.NAME_BY_PERSON)
            except ValueError as error:
                raise UserError(
                    "The run's config.json is damaged: what it held out cannot be read. "
                    "Give --data to compare with other faces."
                ) from error
    elif faces.people is not None:
        mask = holdout.held_out_by_person(faces.pixels, faces.people, share)
        return Split(mask, holdout.NAME_BY_PERSON)
    return Split(holdout.held_out(faces.pixels, share), holdout.NAME)


@dataclass(frozen=True)
class RealLandmarks:
    """The rule fitted to the held-out faces, their share that passes, and which others pass."""

    rule: "landmarks.Rule"
    held_out_share: float
    others: NDArray[np.bool_]


@dataclass(frozen=True)
class RealFeatures:
    """The held-out faces in YuNet's feature space, each feature standardised.

    `precise` and `recalled` are precision and recall of other real faces, per face.
    """

    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    held_out: NDArray[np.float32]
    precise: NDArray[np.bool_]
    recalled: NDArray[np.bool_]


class Reference:
    """The real side of every comparison.

    `faces` is a whole dataset, (N, 64, 64, 3) uint8. `real` are held-out faces to compare with,
    `others` real faces that are measured like generated ones, for the floor of each measure.
    `progress` is called with the name of each part before it begins. `people` (N,) number the
    persons shown, where known; they serve the identity measures. `is_held_out` (N,) marks the
    held-out faces, by default those that `holdout` selects. A part that this machine cannot
    measure is a sentence that says why. Raises UserError for too few faces.
    """

    PARTS = 7

    def __init__(
        self,
        faces: Pixels,
        options: Options,
        progress: Progress = lambda _: None,
        people: People | None = None,
        is_held_out: Mask | None = None,
    ) -> None:
        check_number(options.n)
        self.options = options
        if is_held_out is None:
            is_held_out = holdout.held_out(faces, options.share)
        self._indices, others = (
            _draw(mask, options.n, options.seed) for mask in (is_held_out, ~is_held_out)
        )
        if min(len(self._indices), len(others)) < MIN_FACES:
            raise UserError(
                "Of {count:,} faces {available:,} are held out and at least {least} are needed: "
                "use a larger dataset.",
                count=len(faces),
                available=len(self._indices),
                least=MIN_FACES,
            )
        self.real, self.others = faces[self._indices], faces[others]
        self.count = min(len(self.real), len(self.others))  # of sets that must be of one size
        progress("sliced Wasserstein distance of real faces")
        self.patches = swd.Patches(self.real[: self.count], options.seed)
        self.floor = swd.distance(
            self.patches, swd.Patches(self.others[: self.count], options.seed)
        )
        progress("landmarks of real faces")
        self.landmarks = value_or_reason(self._measure_landmarks)
        progress("flaws of real faces")
        self.flaw_scores = value_or_reason(self._score_flaws)
        progress("features of real faces")
        self.features = value_or_reason(self._measure_features)
        progress("MS-SSIM of real faces")
        self.ms_ssim = ms_ssim.ms_ssim(*ms_ssim.random_pairs(self.real, options.seed))
        progress("nearest training faces of real faces")
        self.copies = self._copy_check(faces, is_held_out)
        progress("identities of real faces")
        is_pool = ~is_held_out | (options.held_out != KEPT_BACK)
        self.identities = value_or_reason(
            lambda: RealIdentities(faces, is_held_out, is_pool, people, options.n, options.seed)
        )

    def _measure_landmarks(self) -> RealLandmarks:
        from neuroceleb.metrics import landmarks

        found = landmarks.detect(self.real)
        rule = fit_rule(found)
        others = rule.accepts(landmarks.detect(self.others))
        return RealLandmarks(rule, float(rule.accepts(found).mean()), others)

    def _score_flaws(self) -> NDArray[np.float32]:
        from neuroceleb.metrics import flaws

        return flaws.flaw_scores(self.real[:MAX_SCORED])

    def _measure_features(self) -> RealFeatures:
        from neuroceleb.metrics import features

        others = features.extract(self.others[: self.count])
        centre, spread = others.mean(axis=0), others.std(axis=0)
        scale = 1 / np.maximum(spread, 1e-3 * float(spread.max()) + 1e-9)
        held_out = (features.extract(self.real[: self.count]) - centre) * scale
        others = (others - centre) * scale
        return RealFeatures(
            centre, scale, held_out, covered(held_out, others), covered(others, held_out)
        )

    def _copy_check(self, faces: Pixels, is_held_out: NDArray[np.bool_]) -> CopyCheck:
        if self.options.held_out == KEPT_BACK:
            return CopyCheck(faces[~is_held_out], self.real)
        return CopyCheck(faces, self.real, self._indices)

    @cached_property
    def fid_floor(self) -> dict[str, float]:
        """FID and KID between the real faces themselves."""
        return fid.measure(self.others[: self.count], self.real[: self.count], self.options.seed)


def check_number(n: int) -> None:
    """Raises UserError for a number of faces outside MIN_FACES..MAX_FACES."""
    if not MIN_FACES <= n <= MAX_FACES:
        raise UserError(
            "--n {count} is out of bounds: use {least} to {most:,}.",
            count=n,
            least=MIN_FACES,
            most=MAX_FACES,
        )


def fit_rule(found: "landmarks.Detections") -> "landmarks.Rule":
    """The well-formed rule of these real faces. Raises UserError where none is found."""
    from neuroceleb.metrics import landmarks

    try:
        return landmarks.fit_rule(found)
    except ValueError as error:
        raise UserError("YuNet finds no face in the real images.") from error


def value_or_reason(measure: Callable[[], T]) -> T | str:
    """What `measure` returns, or one sentence on what this machine lacks for it."""
    try:
        return measure()
    except ImportError as error:
        return f"Not measured: {error.name or 'a package'} is not installed."
    except UserError as error:
        return f"Not measured: {error}"


def _draw(mask: NDArray[np.bool_], n: int, seed: int) -> NDArray[np.int64]:
    """Up to n indices where the mask is true, in random order."""
    return np.random.default_rng([seed, 4]).permutation(np.flatnonzero(mask))[:n]
