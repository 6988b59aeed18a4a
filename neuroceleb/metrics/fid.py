"""FID and KID by torch-fidelity, where it and its Inception weights are installed.

Heusel et al., *GANs Trained by a Two Time-Scale Update Rule*, NeurIPS 2017; Bińkowski et al.,
*Demystifying MMD GANs*, ICLR 2018. Nothing is downloaded. Both depend on the reference set and on
the number of images: compare only figures of one number and one split.
"""

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from neuroceleb.images import Pixels

WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
SUBSET = 1_000  # of KID


def weights_file() -> Path:
    """Where torch-fidelity keeps its Inception weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS


def why_unavailable() -> str | None:
    """Why they cannot be measured, in one sentence; None where they can."""
    if importlib.util.find_spec("torch_fidelity") is None:
        return "FID and KID were not measured: they take 'pip install torch-fidelity'."
    if not weights_file().is_file():
        return f"FID and KID were not measured: {WEIGHTS} is not in torch's folder of checkpoints."
    return _why_unsafe(weights_file())


def _why_unsafe(path: Path) -> str | None:
    """torch-fidelity would run code in a weights file: a file with more than weights is refused."""
    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, ValueError, pickle.UnpicklingError):
        return f"FID and KID were not measured: {path.name} is damaged or holds more than weights."
    return None


def measure(fakes: Pixels, real: Pixels, seed: int) -> dict[str, float]:
    """`fid`, `kid` and its deviation over subsets `kid_deviation`, of two (N, 64, 64, 3) uint8."""
    import torch_fidelity

    found: dict[str, Any] = torch_fidelity.calculate_metrics(
        input1=_Images(fakes),
        input2=_Images(real),
        fid=True,
        kid=True,
        kid_subset_size=min(SUBSET, len(fakes), len(real)),
        feature_extractor_weights_path=str(weights_file()),
        rng_seed=seed,
        cuda=torch.cuda.is_available(),
        cache=False,
        save_cpu_ram=True,  # no workers: there is nothing to decode
        verbose=False,
    )
    return {
        "fid": float(found["frechet_inception_distance"]),
        "kid": float(found["kernel_inception_distance_mean"]),
        "kid_deviation": float(found["kernel_inception_distance_std"]),
    }


class _Images(Dataset[torch.Tensor]):
    """(3, 64, 64) uint8 each, as torch-fidelity expects."""

    def __init__(self, faces: Pixels) -> None:
        self._images = torch.from_numpy(faces.copy()).permute(0, 3, 1, 2).contiguous()

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self._images[index]
