"""A dataset cropped once, and a copy of it for each test."""

import shutil
from pathlib import Path

import pytest

from neuroceleb.data.faces import identity
from neuroceleb.data.faces.crop_photos import Options, crop_photos
from neuroceleb.data.faces.manifest import FaceSet
from tests.data.faces.faces_helpers import painted_crowding, painted_embeddings, photo_folder


@pytest.fixture(scope="session")
def cropped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(photos, dataset): `photo_folder` and its faces; not to be changed."""
    photos = photo_folder(tmp_path_factory.mktemp("photos"))
    dataset = tmp_path_factory.mktemp("datasets") / "set"
    crop_photos([photos], FaceSet(dataset), Options(), workers=1)
    return photos, dataset


@pytest.fixture
def painted_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network knows painted faces (`painted_set`) instead of real ones."""
    monkeypatch.setattr(identity, "embed", painted_embeddings)
    monkeypatch.setattr(identity, "crowding_weights", painted_crowding)


@pytest.fixture
def face_set(cropped: tuple[Path, Path], tmp_path: Path) -> FaceSet:
    """A copy of the dataset, to change."""
    return FaceSet(Path(shutil.copytree(cropped[1], tmp_path / "set")))
