"""Which model a run starts from."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.networks import Discriminator
from neuroceleb.runs import starts
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings
from neuroceleb.training import start_model
from tests import helpers

TERMS = "Research only."


@pytest.fixture(autouse=True)
def _without_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "shipped_workspace", lambda: None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with three shipped starts, two of width 4, and a run of the user's own."""
    workspace = Workspace(tmp_path)
    for name, ngf, seed, shipped in (
        ("first", 4, 1, {"start": True, "terms": TERMS}),
        ("second", 4, 2, {"start": True, "terms": TERMS}),
        ("wide", 8, 3, {"start": True, "terms": TERMS}),
        ("mine", 4, 4, None),
    ):
        run = Run(workspace.checkpoints / name)
        run.path.mkdir(parents=True)
        config = {"settings": {}} | ({"shipped": shipped} if shipped else {})
        (run.path / "config.json").write_text(json.dumps(config))
        network = helpers.random_generator(ngf=ngf, seed=seed)
        checkpoint.save_weights(run.weights_file(0), network, {})
    return workspace


def settings(start_from: str, ngf: int = 4) -> Settings:
    return Settings.checked(nz=8, ngf=ngf, ndf=4, start_from=start_from)


def faces_of(workspace: Workspace, name: str, count: int = 64) -> Pixels:
    network, _ = checkpoint.load_generator(workspace.run(name).weights())
    return generator.render(network, z_from_seeds(range(500, 500 + count), 8))


@pytest.mark.parametrize("name", ["first", "second"])
def test_auto_takes_the_shipped_model_whose_faces_are_nearest(
    workspace: Workspace, name: str
) -> None:
    start = start_model.resolve(workspace, settings("auto"), faces_of(workspace, name))
    assert start.weights == workspace.run(name).weights()
    assert start.to_json() == {"name": name, **start.reason.as_fields("reason"), "terms": TERMS}
    assert f"'{name}'" in str(start.reason)
    assert "mine" not in str(start.reason)


def test_auto_starts_from_noise_where_faces_are_many_or_no_model_fits(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = faces_of(workspace, "first")
    assert start_model.resolve(workspace, settings("auto", ngf=16), faces).weights is None
    monkeypatch.setattr(start_model, "FEW_FACES", 64)
    start = start_model.resolve(workspace, settings("auto"), faces)
    assert (start.weights, start.name) == (None, "none")
    assert "64 faces are enough" in str(start.reason)


def test_few_faces_take_the_first_that_fits(workspace: Workspace) -> None:
    start = start_model.resolve(workspace, settings("auto"), np.zeros((3, 64, 64, 3), np.uint8))
    assert start.name == "first"


@pytest.mark.parametrize("text", ["", "none"])
def test_none_is_noise(workspace: Workspace, text: str) -> None:
    start = start_model.resolve(workspace, settings(text), faces_of(workspace, "first"))
    assert start.weights is None


def test_a_named_model_is_taken_with_its_terms_or_refused(workspace: Workspace) -> None:
    faces = faces_of(workspace, "first")
    start = start_model.resolve(workspace, settings("second"), faces)
    assert (start.name, start.terms) == ("second", TERMS)
    assert start_model.resolve(workspace, settings("mine"), faces).terms == ""
    file = workspace.run("mine").weights()
    loose = file.rename(workspace.root / "netG.safetensors")
    assert start_model.resolve(workspace, settings(str(loose)), faces).name == loose.name
    with pytest.raises(UserError, match="ngf 8, not 8 and 4"):
        start_model.resolve(workspace, settings("wide"), faces)
    with pytest.raises(UserError, match="no run, run directory or file"):
        start_model.resolve(workspace, settings("nobody"), faces)


def test_terms_are_inherited(workspace: Workspace) -> None:
    mine = workspace.run("mine")
    config = {"settings": {}, "start_model": {"name": "first", "terms": TERMS}}
    (mine.path / "config.json").write_text(json.dumps(config))
    start = start_model.resolve(workspace, settings("mine"), faces_of(workspace, "first"))
    assert start.terms == TERMS


def frozen(start_from: str) -> Settings:
    return Settings.checked(nz=8, ngf=4, ndf=4, start_from=start_from, freeze_d=2)


def test_layers_of_d_are_frozen_only_where_the_model_has_a_d_of_that_shape(
    workspace: Workspace,
) -> None:
    faces = faces_of(workspace, "first")
    with pytest.raises(UserError, match=r"--freeze-d 2.* beside netG_epoch_000"):
        start_model.resolve(workspace, frozen("first"), faces)
    for ndf, fits in ((8, False), (4, True)):
        D = Discriminator(ndf)
        checkpoint.save_weights(workspace.run("first").discriminator_file, D, {})
        if fits:
            assert start_model.resolve(workspace, frozen("first"), faces).name == "first"
        else:
            with pytest.raises(UserError, match="no discriminator with ndf 4"):
                start_model.resolve(workspace, frozen("first"), faces)


def test_nothing_is_frozen_where_auto_means_noise(workspace: Workspace) -> None:
    many = np.zeros((start_model.FEW_FACES, 64, 64, 3), np.uint8)
    with pytest.raises(UserError, match="nothing to freeze: It starts from noise"):
        start_model.resolve(workspace, frozen("auto"), many)


@pytest.mark.parametrize(
    ("distances", "digits"),
    [([133.0, 150.0], 0), ([133.24, 132.96], 1), ([133.21, 140.0, 133.24], 2), ([9.0, 9.0], 3)],
)
def test_distances_are_given_as_exactly_as_the_choice_needs(
    distances: list[float], digits: int
) -> None:
    assert start_model._digits_that_differ(distances) == digits


def test_shipped_models_are_found_from_a_workspace_elsewhere(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "shipped_workspace", lambda: workspace)
    elsewhere = Workspace(tmp_path / "elsewhere")
    faces = faces_of(workspace, "second")
    assert [run.name for run in starts.candidates(elsewhere)] == ["first", "second", "wide"]
    for start_from in ("auto", "second"):
        start = start_model.resolve(elsewhere, settings(start_from), faces)
        assert (start.weights, start.terms) == (workspace.run("second").weights(), TERMS)
    with pytest.raises(UserError, match="'mine' is no run"):  # not one that ships
        start_model.resolve(elsewhere, settings("mine"), faces)


def test_a_run_of_the_workspace_comes_before_a_shipped_one_of_its_name(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Run(tmp_path / "other" / "checkpoints" / "second")
    shutil.copytree(workspace.run("second").path, other.path)
    monkeypatch.setattr(starts, "shipped_workspace", lambda: Workspace(tmp_path / "other"))
    found = {run.name: run.path for run in starts.candidates(workspace)}
    assert found["second"] == workspace.run("second").path
    assert starts.find(workspace, "second") == workspace.run("second").weights()
