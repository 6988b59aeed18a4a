"""FID and KID by torch-fidelity, which is faked here."""

import pickle
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch

from neuroceleb.metrics import fid
from tests.metrics.synthetic_faces import faces


def test_fid_comes_from_torch_fidelity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    requested: dict[str, Any] = {}
    real = faces(20)

    def calculate_metrics(**given: Any) -> dict[str, float]:
        requested.update(given)
        names = ("frechet_inception_distance", "kernel_inception_distance_mean")
        return dict.fromkeys((*names, "kernel_inception_distance_std"), 1.5)

    package = types.ModuleType("torch_fidelity")
    package.calculate_metrics = calculate_metrics  # type: ignore[attr-defined]
    package.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert fid.WEIGHTS in str(fid.why_unavailable())
    fid.weights_file().parent.mkdir()
    fid.weights_file().write_bytes(pickle.dumps(print))  # a file that is no mere weights
    assert "damaged or holds more" in str(fid.why_unavailable())
    torch.save({"fc.weight": torch.zeros(3)}, fid.weights_file())
    assert fid.why_unavailable() is None
    assert fid.measure(real[:9], real[9:], 7) == {"fid": 1.5, "kid": 1.5, "kid_deviation": 1.5}
    assert requested["kid_subset_size"] == 9
    assert requested["feature_extractor_weights_path"] == str(fid.weights_file())
    assert requested["rng_seed"] == 7
    first = requested["input1"][0]
    assert len(requested["input1"]) == 9
    assert first.dtype == torch.uint8
    assert (first.permute(1, 2, 0).numpy() == real[0]).all()
