"""The face recognition network in NumPy: its files, and what it computes."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from neuroceleb.data.faces import align, identity
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from tests.data.faces.faces_helpers import ASTRONAUT_LANDMARKS, astronaut


def aligned(size: int) -> Pixels:
    """The known face, as `crop` crops it."""
    return align.crop(astronaut(), align.landmark_transform(ASTRONAUT_LANDMARKS), size)


@pytest.fixture
def weights_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(identity.FOLDER, tmp_path / "weights"))


def test_every_tensor_of_the_file_is_read() -> None:
    weights = identity.read_weights()
    assert len(weights) == 1 + 2 * (1 + 2 * len(identity.BLOCKS))
    assert all(np.isfinite(values).all() for values in weights.values())
    entries = json.loads((identity.FOLDER / identity.MANIFEST_FILE).read_bytes())[0]["weights"]
    stored = sum(
        int(np.prod(entry["shape"])) * (1 if "quantization" in entry else 4) for entry in entries
    )
    assert stored == (identity.FOLDER / identity.WEIGHTS_FILE).stat().st_size


def read_all(folder: Path) -> None:
    identity.read_weights(folder)
    identity.crowding_weights(folder)


@pytest.mark.parametrize("name", list(identity.SHA256))
def test_a_damaged_file_is_refused(weights_copy: Path, name: str) -> None:
    data = bytearray((weights_copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (weights_copy / name).write_bytes(data)
    with pytest.raises(UserError, match=f"{name} is damaged"):
        read_all(weights_copy)


@pytest.mark.parametrize("name", list(identity.SHA256))
def test_a_missing_file_is_named(weights_copy: Path, name: str) -> None:
    (weights_copy / name).unlink()
    with pytest.raises(UserError, match=f"{name} cannot be read"):
        read_all(weights_copy)


def test_the_licences_ship_with_the_weights() -> None:
    assert "MIT License" in (identity.FOLDER / "LICENSE").read_text("utf-8")
    notice = (identity.FOLDER / "NOTICE").read_text("utf-8")
    assert "CC0" in notice and all(sha256 in notice for sha256 in identity.SHA256.values())


def test_it_computes_what_face_api_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The expected numbers are those of face-api 1.7.15 (TensorFlow.js, CPU) for this input."""
    monkeypatch.setattr(identity, "INPUT_SCALE", 255.0)  # its only difference from dlib
    row, column, channel = np.ogrid[:150, :150, :3]
    wave = 127.5 + 60 * np.sin(row / 9 + channel) + 60 * np.cos(column / 13 - channel)
    found = identity.forward(identity.read_weights(), wave.astype(np.float32)[None])[0, ::16]
    expected = [-0.1295748, -0.1692004, -0.1725992, 0.0037459]
    expected += [0.1801530, -0.1376810, -0.0829180, 0.1946680]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_crops_of_every_size_give_nearly_the_same() -> None:
    embeddings = np.concatenate([identity.embed(aligned(size)[None]) for size in align.SIZES])
    assert np.linalg.norm(embeddings - embeddings[0], axis=1).max() < 0.3
    mirrored = identity.embed(np.ascontiguousarray(aligned(64)[:, ::-1])[None])
    assert np.linalg.norm(mirrored - embeddings[0]) < 0.4


def test_an_embedding_does_not_depend_on_its_batch() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    faces = np.stack([cv2.resize(one, (64, 64), interpolation=cv2.INTER_CUBIC) for one in noise])
    done: list[tuple[int, int]] = []
    together = identity.embed(faces, lambda *figures: done.append(figures))
    assert done == [(4, 6), (6, 6)]
    assert together.shape == (6, 128) and together.dtype == np.float32
    np.testing.assert_allclose(identity.embed(faces[3:]), together[3:], atol=1e-5)
    assert identity.embed(faces[:0]).shape == (0, 128)


def test_other_shapes_are_refused() -> None:
    for wrong in (np.zeros((2, 96, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)):
        with pytest.raises(ValueError, match="S, S, 3"):
            identity.embed(wrong)
    with pytest.raises(ValueError, match="float32"):
        identity.embed(np.zeros((1, 64, 64, 3), np.float32))  # type: ignore[arg-type]
