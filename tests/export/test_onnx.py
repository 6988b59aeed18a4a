"""`export --format onnx`: the same faces without PyTorch, to one grey level."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from neuroceleb.export import onnx as onnx_file
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import checkpoint, generator
from tests import helpers

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "netG.safetensors"
    config = {"run": "mine", "epoch": 3, "말": "한글"}
    checkpoint.save_weights(path, helpers.random_generator(nz=100, ngf=16), config)
    return path


def test_it_renders_the_same_faces(model: Path, here: helpers.Here, tmp_path: Path) -> None:
    out = tmp_path / "made" / "netG.onnx"
    outcome = here("export", model, "--format", "onnx", "--out", out)
    assert outcome.code == 0, outcome.err
    assert "Not checked" not in outcome.err
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    expected = generator.load(model).images(z_from_seeds(range(20), 100))
    for start, stop in ((0, 1), (0, 20), (7, 12)):
        (images,) = session.run(None, {"z": z_from_seeds(range(start, stop), 100)})
        assert images.shape == (stop - start, 3, 64, 64)
        levels = np.clip(np.rint((images.transpose(0, 2, 3, 1) + 1) * 127.5), 0, 255)
        assert np.abs(levels - expected[start:stop].astype(int)).max() <= 1
    read = onnx.load(out)
    onnx.checker.check_model(read, full_check=True)
    (props,) = read.metadata_props
    assert json.loads(props.value) == {"run": "mine", "epoch": 3, "말": "한글"}


def test_a_model_with_other_output_is_not_written(
    model: Path, here: helpers.Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_model = onnx_file._run_model
    monkeypatch.setattr(onnx_file, "_run_model", lambda *given: run_model(*given) // 2)
    out = tmp_path / "netG.onnx"
    here("export", model, "--format", "onnx", "--out", out).assert_refused("grey levels off")
    assert not out.exists()


def without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where that package is not installed."""
    found = importlib.import_module

    def import_module(wanted: str, package: str | None = None) -> ModuleType:
        if wanted == name:
            raise ModuleNotFoundError(name)
        return found(wanted, package)

    monkeypatch.setattr(importlib, "import_module", import_module)


def test_without_onnx_it_says_what_to_install(
    model: Path, here: helpers.Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without("onnx", monkeypatch)
    out = tmp_path / "netG.onnx"
    here("export", model, "--format", "onnx", "--out", out).assert_refused(
        "pip install onnx onnxruntime"
    )
    assert not out.exists()


def test_without_onnxruntime_it_says_that_nothing_was_checked(
    model: Path, here: helpers.Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without("onnxruntime", monkeypatch)
    out = tmp_path / "netG.onnx"
    outcome = here("export", model, "--format", "onnx", "--out", out)
    assert outcome.code == 0
    assert "Not checked: that takes 'pip install onnxruntime'" in outcome.err
    assert out.exists()
