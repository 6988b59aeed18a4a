"""Importing folders of the original script; one with code in a file is refused, unexecuted."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import utils as vutils

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import generator
from neuroceleb.runs import import_2017
from neuroceleb.runs.workspace import Workspace
from tests import helpers
from tests.training import reference

EPOCHS = 3
PICKLED = ("Loss_D", "Loss_G", "D(x)", "D(G(z))1", "D(G(z))2")


def original_run(folder: Path, numpy_scalars: bool = False) -> dict[str, list[float]]:
    """What the original script did with a run, transcribed plainly: its files, in `folder`.

    The networks, losses and order of updates are those of `reference`; widths are small.
    """
    folder.mkdir()
    torch.manual_seed(0)
    script = reference.Original(nz=8, ngf=4, ndf=4)
    faces = [reference.transform()(helpers.photo(index)) for index in range(16)]
    fixed_noise = torch.randn(64, 8, 1, 1)
    history: dict[str, list[float]] = {name: [] for name in PICKLED}
    for epoch in range(EPOCHS):
        for i in range(0, len(faces), 8):
            real = torch.stack(faces[i : i + 8])
            figures = script.step(real, torch.randn(8, 8, 1, 1))
            if epoch == 0 and i == 0:
                vutils.save_image(real, folder / "real_samples.png", normalize=True)
        for name, figure in zip(PICKLED, figures, strict=True):
            history[name].append(np.float64(figure) if numpy_scalars else figure)
        fake = script.netG(fixed_noise)
        name = f"fake_samples_epoch_{epoch:03d}.png"
        vutils.save_image(fake.detach(), folder / name, normalize=True)
        torch.save(script.netG.state_dict(), folder / "netG.pth")
        torch.save(script.netD.state_dict(), folder / "netD.pth")
    with (folder / "result_dict.p").open("wb") as file:
        pickle.dump(history, file)
    return history


@pytest.mark.parametrize("numpy_scalars", [False, True])
def test_a_folder_of_the_original_script_becomes_a_run(
    numpy_scalars: bool, here: helpers.Here, tmp_path: Path
) -> None:
    folder = tmp_path / "2017"
    history = original_run(folder, numpy_scalars)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    outcome = here("import", folder, "--run", "old", "--json")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert (told["sheets"], told["rows"], told["weights"]) == (EPOCHS, EPOCHS, 1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    run = Workspace(here.workspace).run("old")
    assert (run.state(), run.status()["epoch"]) == ("finished", EPOCHS)
    for epoch, path in run.sheets().items():
        assert path.read_bytes() == before[f"fake_samples_epoch_{epoch:03d}.png"]
    assert run.real_sheet_file().read_bytes() == before["real_samples.png"]
    for epoch, row in enumerate(run.stats()):
        figures = [row[key] for key in ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")]
        assert figures == [history[name][epoch] for name in PICKLED]
    wanted = reference.NetG(8, 4)
    wanted.load_state_dict(torch.load(folder / "netG.pth", weights_only=True))
    z = z_from_seeds(range(3), 8)
    with torch.no_grad():
        faces = generator.to_pixels(wanted.eval()(torch.from_numpy(z)[:, :, None, None]))
    drawn = generator.load(run.weights()).images(z)
    assert np.abs(drawn.astype(int) - faces.astype(int)).max() <= 1
    assert not list((here.workspace / "checkpoints").glob(".import-*"))
    here("import", folder, "--run", "old").assert_refused("already a run 'old'")


def test_a_folder_with_sheets_alone(here: helpers.Here, tmp_path: Path) -> None:
    sheet = images.grid(np.zeros((64, 64, 64, 3), np.uint8))
    images.save(tmp_path / "fake_samples_epoch_007.png", sheet)
    assert here("import", tmp_path, "--run", "sheets").code == 0
    run = Workspace(here.workspace).run("sheets")
    assert list(run.sheets()) == [7]
    assert run.stats() == []
    assert run.status()["epochs"] == 8


# Refused -----------------------------------------------------------------------------------


class Trap:
    """Pickled, it is a call that makes a file where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


class Print:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run!",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_with_code_is_refused_unexecuted(
    protocol: int, here: helpers.Here, tmp_path: Path
) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    sprung = tmp_path / "sprung"
    history = {"Loss_D": [0.5], "more": Trap(sprung)}
    (folder / "result_dict.p").write_bytes(pickle.dumps(history, protocol))
    here("import", folder, "--run", "evil").assert_refused("result_dict.p was refused", "asks for")
    assert not sprung.exists()
    assert not (here.workspace / "checkpoints" / "evil").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"hello", "holds no fake_samples"),
        ("fake_samples_epoch_000.png", b"hello", "cannot be shown"),
        ("netG.pth", b"hello", "netG.pth"),
        ("netG.pth", pickle.dumps(Print()), "netG.pth"),
        ("result_dict.p", b"", "result_dict.p was refused"),
        ("fake_samples_epoch_000.png", helpers.png_that_claims(60_000, 60_000), "megapixels"),
    ],
)
def test_folders_that_cannot_be_imported(
    name: str, content: bytes, words: str, here: helpers.Here, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / name).write_bytes(content)
    here("import", folder, "--run", "odd").assert_refused(words)
    assert list((here.workspace / "checkpoints").glob("*")) == []


def test_names_and_folders_that_are_none(here: helpers.Here, tmp_path: Path) -> None:
    here("import", tmp_path / "nowhere", "--run", "x").assert_refused("cannot be read")
    here("import", tmp_path, "--run", "../x").assert_refused("not a name")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    images.save(folder / "fake_samples_epoch_000.png", np.zeros((66, 66, 3), np.uint8))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left"):
        import_2017.import_folder(folder, Workspace(tmp_path), "old")
    assert list((tmp_path / "checkpoints").iterdir()) == []
