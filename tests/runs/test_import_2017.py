"""Folders of the original script become runs; a pickle with code in it is refused, unexecuted."""

import codecs
import io
import json
import math
import pickle
import random
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
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
    "value",
    [
        OrderedDict(Loss_D=[1.0]),
        {"Loss_D": np.zeros(3)},
        {"Loss_D": [np.datetime64("2017-01-01")]},
        {"Loss_D": [np.bool_(True)]},
        {"Loss_D": [np.str_("x")]},
        {"Loss_D": (1.0,)},
        {"Loss_D": [None]},
        {"Loss_D": [1j]},
        {"Loss_D": [b"1"]},
        {"Loss_D": {1.0}},
        {"Loss_D": torch.zeros(1)},
        {"Loss_D": print},
        Print(),
        np.dtype("f8"),
        codecs.encode,
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_plain_values_are_read(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"plain|number|array"):
        import_2017.read_plain(pickle.dumps(value))
    assert capsys.readouterr().out == ""


def test_pickles_that_meddle_with_the_reader_are_refused() -> None:
    scalar = b"cnumpy.core.multiarray\nscalar\n"
    dtype = b"cnumpy\ndtype\n"
    for data in (
        b"\x80\x02" + scalar + b"}X\x01\x00\x00\x00aK\x01sb.",  # BUILD on the reader
        b"\x80\x02" + scalar + b"N}X\x08\x00\x00\x00__call__K\x01s\x86b.",
        b"\x80\x02" + scalar + b"(K\x01K\x02tR.",  # a number of nothing
        b"\x80\x02" + scalar + b"(" + dtype + b"K\x02tR.",
        b"\x80\x02" + dtype + b"(X\x01\x00\x00\x00OtR.",
        b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.",
        b"cnumpy\nload\n.",
        b"",
        b"\x80\x02",
        b"hello",
        b"\x80\x02P0\n.",
    ):
        with pytest.raises(ValueError, match=r"."):
            import_2017.read_plain(data)
    assert import_2017.read_plain(pickle.dumps(np.float64(2.5))) == 2.5


def test_a_small_pickle_cannot_become_a_huge_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_2017, "MAX_VALUES", 50_000)
    nested: list[Any] = [0.0] * 100
    for _ in range(10):
        nested = [nested] * 100
    with pytest.raises(ValueError, match="over 50,000 values"):
        import_2017.read_plain(pickle.dumps({"Loss_D": nested}))
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        import_2017.read_plain(pickle.dumps(deep))


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_a_value_or_refused(data: bytes) -> None:
    try:
        value = import_2017.read_plain(data)
    except ValueError:
        return
    assert type(value) in (dict, list, str, int, float)


numbers = st.floats() | st.integers(-(2**40), 2**40)
plain = st.recursive(
    numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(plain, st.integers(0, pickle.HIGHEST_PROTOCOL))
@settings(max_examples=80, deadline=None)
def test_plain_values_come_back_whole(value: object, protocol: int) -> None:
    assert repr(import_2017.read_plain(pickle.dumps(value, protocol))) == repr(value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f8", "i1", "i8", "u2", ">i4"])
def test_numpy_scalars_are_numbers(kind: str, protocol: int) -> None:
    scalar = np.array([-3.5 if "f" in kind else 7], kind)[0]
    assert import_2017.read_plain(pickle.dumps([scalar], protocol)) == [float(scalar)]


def test_a_pickle_of_python_2() -> None:
    data = (
        b"(dp0\nS'Loss_D'\np1\n(lp2\ncnumpy.core.multiarray\nscalar\np3\n(cnumpy\ndtype\np4\n"
        b"(S'f8'\np5\nI0\nI1\ntp6\nRp7\n(I3\nS'<'\np8\nNNNI-1\nI-1\nI0\ntp9\nb"
        b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\x04@'\np10\ntp11\nRp12\nas."
    )
    assert import_2017.read_plain(data) == {"Loss_D": [2.5]}


# The history -------------------------------------------------------------------------------


def test_histories_of_every_layout() -> None:
    wanted = [{"epoch": 0, "loss_d": 1.0, "d_x": 0.5}, {"epoch": 1, "loss_d": 2.0, "d_x": 0.25}]
    for history in (
        {"Loss_D": [1.0, 2.0], "D(x)": [0.5, 0.25], "time": "3 h"},
        {"errD": [1, 2], "D_x": [0.5, 0.25]},
        [{"Loss_D": 1.0, "D_x": 0.5}, {"Loss_D": 2.0, "D_x": 0.25}],
        {1: {"loss_d": 2.0, "d_x": 0.25}, 0: {"loss_d": 1.0, "d_x": 0.5}},
    ):
        assert import_2017.rows_of(history) == wanted


def test_steps_become_epochs() -> None:
    rows = import_2017.rows_of({"Loss_G": [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]}, epochs=3)
    assert rows == [
        {"epoch": 0, "loss_g": 2.0, "last_loss_g": 3.0},
        {"epoch": 1, "loss_g": 6.0, "last_loss_g": 7.0},
        {"epoch": 2, "loss_g": 10.0, "last_loss_g": 11.0},
    ]
    assert import_2017.rows_of({"Loss_G": [math.nan]}) == [{"epoch": 0, "loss_g": None}]


@pytest.mark.parametrize("history", [{}, [], 3.0, "x", {"speed": [1.0]}, {"Loss_D": "x"}])
def test_what_is_no_history_is_refused(history: object) -> None:
    with pytest.raises(ValueError, match="no losses"):
        import_2017.rows_of(history)


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


def test_random_damage_to_a_real_history_never_runs_anything() -> None:
    whole = pickle.dumps({"Loss_D": [np.float64(1.5)] * 4, "Loss_G": [2.0] * 4}, 2)
    rng = random.Random(1)
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        with io.BytesIO(bytes(damaged)) as file:
            try:
                import_2017.read_plain(file.getvalue())
            except ValueError:
                continue
