"""A generator's faces measured against held-out real faces.

Well-formed and flawless faces, sliced Wasserstein distance, diversity, memorization, face identity;
FID and KID where they are installed. Beside each figure is that of real faces, measured the same
way, and a 95 % confidence interval. A part that this machine cannot measure says why under `said`,
and the rest is measured.
"""

import platform
import time

import numpy as np
import torch

from neuroceleb import __version__
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import fid, identity_evaluation, ms_ssim, precision_recall, swd
from neuroceleb.metrics.figures import Figures, mean, rounded, share
from neuroceleb.metrics.precision_recall import covered
from neuroceleb.metrics.reference import MAX_SCORED, Progress, Reference
from neuroceleb.model import generator
from neuroceleb.model.networks import Generator

PARTS = 8  # calls of `progress`
MAX_SUSPECTS = 100  # seeds listed


def evaluate(
    network: Generator, reference: Reference, progress: Progress = lambda _: None
) -> Figures:
    """Measure the faces of seeds 0..n-1, unselected and at truncation 1.

    `progress` is called with the name of each part before it begins. Returns one JSON object; the
    same network, faces, options and machine give the same figures.
    """
    started = time.perf_counter()
    options = reference.options
    progress("drawing")
    fakes = generator.render(network, z_from_seeds(range(options.n), network.nz))
    parts = {
        "well_formed": measure_landmarks,
        "flawless": measure_flaws,
        "swd": measure_swd,
        "diversity": measure_diversity,
        "copies": measure_memorization,
        "identity": measure_identity,
        "fid": measure_fid,
    }
    figures = {}
    for name, measure in parts.items():
        progress(name.replace("_", " "))
        figures[name] = rounded(measure(fakes, reference))
    return {
        "n_fake": len(fakes),
        "seeds": f"0-{len(fakes) - 1}",
        "truncation": 1.0,
        "n_real": len(reference.real),
        "seed": options.seed,
        "split": {"share": options.share, "by": options.by, "held_out": options.held_out},
        **figures,
        "versions": _versions(),
        "evaluated": time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime()),
        "seconds": round(time.perf_counter() - started, 1),
    }


def measure_landmarks(fakes: Pixels, reference: Reference) -> Figures:
    """The share of well-formed faces."""
    real = reference.landmarks
    if isinstance(real, str):
        return {"said": real}
    from neuroceleb.metrics import landmarks

    return {
        **share("share", real.rule.accepts(landmarks.detect(fakes))),
        **share("real", real.others),
        "n_real": len(real.others),
        "held_out": real.held_out_share,
        "n_held_out": real.rule.count,
        "least_score": real.rule.min_score,
        "tolerance": real.rule.tolerance,
        "centre": real.rule.centre.tolist(),
        "spread": real.rule.spread.tolist(),
        "detector": landmarks.DETECTOR,
    }


def measure_flaws(fakes: Pixels, reference: Reference) -> Figures:
    """The share of faces that do not count as flawed, and the mean flaw score."""
    real = reference.flaw_scores
    if isinstance(real, str):
        return {"said": real}
    from neuroceleb.metrics import flaws

    ours = flaws.flaw_scores(fakes[:MAX_SCORED])
    return {
        "n": len(ours),
        **share("share", ~flaws.is_flawed(ours)),
        "mean_score": float(ours.mean()),
        "n_real": len(real),
        **share("real", ~flaws.is_flawed(real)),
        "mean_score_real": float(real.mean()),
        "measure": flaws.NAME,
    }


def measure_swd(fakes: Pixels, reference: Reference) -> Figures:
    """The sliced Wasserstein distance by level, and that between real faces (the floor)."""
    count = min(reference.count, len(fakes))
    patches = swd.Patches(fakes[:count], reference.options.seed)
    found = swd.distance(patches, reference.patches)
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


def measure_diversity(fakes: Pixels, reference: Reference) -> Figures:
    """MS-SSIM between pairs, and precision and recall."""
    seed = reference.options.seed
    similarity = ms_ssim.ms_ssim(*ms_ssim.random_pairs(fakes, seed))
    figures = {
        "pairs": len(similarity),
        **mean("ms_ssim", similarity, seed),
        "pairs_real": len(reference.ms_ssim),
        **mean("ms_ssim_real", reference.ms_ssim, seed),
    }
    real = reference.features
    if isinstance(real, str):
        return figures | {"said": real}
    from neuroceleb.metrics import features

    count = min(reference.count, len(fakes))
    ours = (features.extract(fakes[:count]) - real.centre) * real.scale
    return figures | {
        "n": count,
        "k": precision_recall.NEIGHBOURS,
        "features": f"{features.NAME}, each standardised over real faces",
        **share("precision", covered(real.held_out, ours)),
        **share("precision_real", real.precise),
        **share("recall", covered(ours, real.held_out)),
        **share("recall_real", real.recalled),
    }


def measure_memorization(fakes: Pixels, reference: Reference) -> Figures:
    """The distance of the nearest training faces, and the share of suspected copies."""
    check = reference.copies
    found = check.search(fakes)
    is_suspect = check.is_suspect(found)
    return {
        "n_pool": len(check),
        "n_real": len(reference.real),
        "nearest": float(np.median(found.nearest)),
        "nearest_real": float(np.median(check.real.nearest)),
        **share("suspects", is_suspect),
        **share("suspects_real", check.is_suspect(check.real)),
        "suspect_seeds": np.flatnonzero(is_suspect)[:MAX_SUSPECTS].tolist(),
    }


def measure_identity(fakes: Pixels, reference: Reference) -> Figures:
    """Distances, precision and recall by face identity, and copies of a person."""
    real = reference.identities
    return {"said": real} if isinstance(real, str) else identity_evaluation.measure(fakes, real)


def measure_fid(fakes: Pixels, reference: Reference) -> Figures:
    """FID and KID, or why they cannot be measured."""
    reason = fid.why_unavailable()
    if reason:
        return {"said": reason}
    count = min(reference.count, len(fakes))
    figures = fid.measure(fakes[:count], reference.real[: reference.count], reference.options.seed)
    floor = {f"{name}_real": value for name, value in reference.fid_floor.items()}
    return {"n": count, "n_real": reference.count, **figures, **floor}


def _versions() -> dict[str, str]:
    return {
        "neuroceleb": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        **_opencv_version(),
    }


def _opencv_version() -> dict[str, str]:
    try:
        from neuroceleb.metrics import landmarks
    except ImportError:
        return {}
    return {"opencv": landmarks.OPENCV}
