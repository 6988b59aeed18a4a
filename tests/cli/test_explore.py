"""The verb explore."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuroceleb.latent import projection, projection_target, sheets
from neuroceleb.runs.run import Run
from tests import helpers
from tests.data.faces import faces_helpers


@pytest.fixture
def with_run(here: helpers.Here, finished: Run) -> helpers.Here:
    """The command line in a workspace with the finished run `first`, of 8 numbers a z."""
    shutil.copytree(finished.path, here.workspace / "checkpoints" / "first")
    return here


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_directions_are_found_named_and_saved(with_run: helpers.Here, tmp_path: Path) -> None:
    result = with_run("explore", "directions", "first", "--json", "--out", tmp_path / "strips.png")
    assert result.code == 0, result.err
    rows = json.loads(result.out)["directions"]
    assert len(rows) == 8  # as many as z has numbers
    assert sum(row["explains"] for row in rows) == pytest.approx(1, abs=0.6)
    columns = 3 * len(sheets.STRIP_OFFSETS)
    assert size_of(tmp_path / "strips.png") == (columns * 66 + 2, 8 * 66 + 2)

    named = with_run("explore", "directions", "first", "--name", "2= light ")
    assert named.code == 0, named.err
    assert named.out.splitlines()[1].endswith("light")
    run = Run(with_run.workspace / "checkpoints" / "first")
    file = json.loads(run.weights().with_suffix(".directions.json").read_text())
    assert file["directions"][1]["name"] == "light"
    assert "light" in with_run("explore", "directions", "first").out

    # Other weights under the same name: refused until the directions are computed again.
    shutil.copy(run.weights(0), run.weights())
    with_run("explore", "directions", "first").assert_refused("another model", "again")
    walk = ("explore", "walk", "first", "3", "--direction", "1", "--out", tmp_path / "x.png")
    with_run(*walk).assert_refused("another model")
    assert with_run("explore", "directions", "first", "--anew", "--save").code == 0
    assert with_run("explore", "directions", "first").code == 0


@pytest.mark.parametrize("name", ["9=x", "0=x", "x", "1", "=", f"1={'x' * 50}"])
def test_an_invalid_name_is_refused(with_run: helpers.Here, name: str) -> None:
    with_run("explore", "directions", "first", "--name", name).assert_refused()


def test_arithmetic_and_traversals_are_drawn(with_run: helpers.Here, tmp_path: Path) -> None:
    sum_of = ("--some", "1-3", "--less", "4,5", "--more", "6", "--json")
    result = with_run("explore", "arithmetic", "first", *sum_of, "--out", tmp_path / "sum.png")
    assert result.code == 0, result.err
    z = json.loads(result.out)["z"]
    assert size_of(tmp_path / "sum.png") == (12 * 66 + 2, 68)
    (tmp_path / "z.json").write_text(json.dumps({"z": z}))
    for face, along in (
        ("average", ("--dimension", "8")),
        ("42", ("--direction", "1")),
        (tmp_path / "z.json", ("--dimension", "1")),
    ):
        walk = ("explore", "walk", "first", face, *along, "--frames", "5")
        assert with_run(*walk, "--out", tmp_path / "walk.png").code == 0
        assert size_of(tmp_path / "walk.png") == (5 * 66 + 2, 68)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("walk", "first", "3"), "one direction or dimension"),
        (("walk", "first", "3", "--dimension", "9"), "There is no dimension 9"),
        (("walk", "first", "3", "--direction", "0"), "There is no direction 0"),
        (("walk", "first", "nobody", "--dimension", "1"), "is no face"),
        (("walk", "first", "BAD", "--dimension", "1"), "numbers from -10 to 10"),
        (("walk", "first", "NOT-JSON", "--dimension", "1"), "holds no z"),
        (("arithmetic", "first", "--some", "x"), "is not a seed"),
        (("arithmetic", "first", "--some", "0-20"), "1 to 8 faces"),
        (("map", "first", "--count", "3"), "--count 3"),
        (("map", "nobody"), "is no run"),
        (("project", "first", "nowhere.jpg"), "cannot be read"),
        (("layers", "first", "3", "--maps", "0"), "use 1 to 64"),
        (("layers", "first", "3", "--change", "2"), "is not LAYER:MAP"),
        (("layers", "first", "3", "--change", "2:99"), "no map 99 in layer 2"),
        (("layers", "first", "nobody"), "is no face"),
        (("heatmap", "first", "--samples", "300"), "use 0 to 256"),
        (("heatmap", "first", "--steps", "0"), "use 1 to 100"),
        (("heatmap", "first", "--seeds", "0-999"), "1,000 faces are too many"),
    ],
)
def test_bad_input_is_one_sentence(
    with_run: helpers.Here, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    files = {"BAD": tmp_path / "bad.json", "NOT-JSON": tmp_path / "not.json"}
    files["BAD"].write_text(json.dumps([11.0] * 8))
    files["NOT-JSON"].write_text("[1, 2")
    given = [str(files.get(word, word)) for word in arguments]
    with_run("explore", *given, "--out", tmp_path / "out.png").assert_refused(message)
    assert not (tmp_path / "out.png").exists()


def test_a_map_is_drawn(with_run: helpers.Here, tmp_path: Path) -> None:
    result = with_run(
        *("explore", "map", "first", "--count", "20", "--json", "--out", tmp_path / "map.png")
    )
    assert result.code == 0, result.err
    assert np.array(json.loads(result.out)["tsne"]).shape == (20, 2)
    assert size_of(tmp_path / "map.png") == (sheets.MAP_SIDE_PX, sheets.MAP_SIDE_PX)


def test_faces_are_compared_with_the_photos(with_run: helpers.Here, tmp_path: Path) -> None:
    result = with_run(
        *("explore", "nearest", "first", "--seeds", "0-2", "--survey", "--json"),
        *("--out", tmp_path / "near.png"),
    )
    assert result.code == 0, result.err
    value = json.loads(result.out)
    assert value["photos"] == helpers.PHOTOS
    assert [row["seed"] for row in value["faces"]] == [0, 1, 2]
    assert 0 <= value["suspects"] <= 1
    assert result.err.count("seed ") == 3
    assert size_of(tmp_path / "near.png") == (7 * 66 + 2, 3 * 66 + 2)

    config = with_run.workspace / "checkpoints" / "first" / "config.json"
    value = json.loads(config.read_text())
    value["dataset"]["path"] = "gone.zip"
    config.write_text(json.dumps(value))
    with_run("explore", "nearest", "first").assert_refused("gone.zip", "are gone from here")


def test_a_photo_is_projected(
    with_run: helpers.Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "STEPS", 5)
    photo = faces_helpers.save(tmp_path / "photo.jpg", faces_helpers.portrait())
    out = ("--seconds", "1", "--out", tmp_path / "found.png", "--json")
    result = with_run("explore", "project", "first", photo, *out)
    assert result.code == 0, result.err
    assert "A look-alike, not the person" in result.err
    assert len(json.loads(result.out)["z"]) == 8
    with Image.open(tmp_path / "found.png") as sheet:
        assert json.loads(sheet.text["neuroceleb"])["z"]
        first = np.asarray(sheet.convert("RGB"))[2:66, 2:66]
    assert np.array_equal(first, projection_target.crops(photo.read_bytes())[0])

    two = Image.new("RGB", (600, 371))
    for left in (0, 300):
        two.paste(faces_helpers.portrait(), (left, 0))
    both = faces_helpers.save(tmp_path / "two.png", two)
    with_run("explore", "project", "first", both, *out).assert_refused("2 faces", "--face")
    assert with_run("explore", "project", "first", both, "--face", "2", *out).code == 0
    with_run("explore", "project", "first", both, "--face", "3", *out).assert_refused("no face 3")
    blank = faces_helpers.save(tmp_path / "blank.png", Image.new("RGB", (200, 200), "grey"))
    with_run("explore", "project", "first", blank, *out).assert_refused("No face was found")


def test_the_layers_of_a_face_are_drawn(with_run: helpers.Here, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "layers.png", "--json")
    result = with_run("explore", "layers", "first", "3", "--maps", "5", *out)
    assert result.code == 0, result.err
    rows = json.loads(result.out)["layers"]
    assert [(row["layer"], row["side"], row["of"]) for row in rows] == [
        *((1, 4, 32), (2, 8, 16), (3, 16, 8), (4, 32, 4))
    ]
    assert size_of(tmp_path / "layers.png") == (6 * 66 + 2, 4 * 66 + 2)

    strongest = rows[1]["maps"][0]
    change = ("--change", f"2:{strongest['map']}")
    result = with_run("explore", "layers", "first", "3", *change, *out)
    value = json.loads(result.out)
    assert value["factors"] == [0, 0.5, 1, 2, 4]
    assert value["levels"][0] == pytest.approx(strongest["effect"], abs=0.5)
    assert value["levels"][2] == 0
    assert size_of(tmp_path / "layers.png") == (5 * 66 + 2, 68)


def test_heat_maps_are_drawn(with_run: helpers.Here, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "heat.png", "--json")
    command = ("explore", "heatmap", "first", "--seeds", "0-2", "--samples", "2", "--steps", "2")
    result = with_run(*command, *out)
    assert result.code == 0, result.err
    faces = json.loads(result.out)["faces"]
    assert [face["seed"] for face in faces] == [0, 1, 2]
    assert all(0 <= face["answer"] <= 1 and len(face["z_after"]) == 8 for face in faces)
    assert size_of(tmp_path / "heat.png") == (3 * 66 + 2, 3 * 66 + 2)
    assert result.err.count("seed ") == 3

    Run(with_run.workspace / "checkpoints" / "first").discriminator_file.unlink()
    with_run(*command, *out).assert_refused("no netD.safetensors beside")
