"""The listeners of the Interpolate tab, without a browser."""

import base64
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.api.context import Context
from neuroceleb.app.components.frame_scrubber import COLUMNS, PIECE
from neuroceleb.app.shared import Lead, read_lead
from neuroceleb.app.tabs.interpolate import films, keys
from neuroceleb.app.tabs.interpolate.path import PathInputs, draw, more_frames
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from tests.conftest import SHIPPED

MODEL = SHIPPED.name


def path(**changes: Any) -> PathInputs:
    given: dict[str, Any] = {
        "model": MODEL,
        "epoch": None,
        "keys": "3, 14",
        "vectors": "{}",
        "method": "slerp",
        "easing": "linear",
        "frames": 8,
        "loop": False,
        "fps": 30,
    }
    return PathInputs(**given | changes)


def drawn(context: Context, **changes: Any) -> Any:
    return draw(context, *path(**changes))


def frames_in(url: str, count: int) -> Pixels:
    """The frames of a sprite: (count, 64, 64, 3)."""
    sprite = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
    cells = [divmod(place, COLUMNS) for place in range(count)]
    return np.stack(
        [sprite[64 * row : 64 * row + 64, 64 * column : 64 * column + 64] for row, column in cells]
    )


def test_it_begins_and_ends_with_the_faces_of_its_seeds(context: Context) -> None:
    value = drawn(context)
    assert (value["frames"], value["keys"]) == (9, [0, 8])
    assert value["names"] == ["Start: Seed 3", "End: Seed 14"]
    shown = frames_in(value["piece"], 9)
    for place, seed in ((0, 3), (8, 14)):
        face = faces.read_face(context.workspace, {"model": MODEL, "epoch": None, "seed": seed})
        np.testing.assert_array_equal(shown[place], faces.draw_faces([face])[0])


def test_a_run_without_faces_yet_says_so(context: Context) -> None:
    young = context.workspace.checkpoints / "young"
    young.mkdir()
    (young / "config.json").write_text("{}")
    value = drawn(context, model="young")
    assert list(value) == ["note"]
    assert "'young' has no faces to show yet" in value["note"]


def test_the_pieces_together_are_the_frames_of_the_command_line(
    context: Context, tmp_path: Path
) -> None:
    from neuroceleb.cli import main

    value = drawn(context, keys="3,14,15", frames=30, loop=True, easing="smooth")
    count = value["frames"]
    assert count == 90
    more = more_frames(context, {"request": value["request"], "start": PIECE})
    pieces = [value["piece"], more]
    shown = np.concatenate([frames_in(pieces[0], PIECE), frames_in(pieces[1], count - PIECE)])
    out = tmp_path / "strip.png"
    arguments = ["--seeds", "3,14,15", "--frames", str(count), "--loop", "--easing", "smooth"]
    workspace = ["--workspace", str(context.workspace.root)]
    with pytest.raises(SystemExit):
        main.main(["interpolate", MODEL, *arguments, "--out", str(out), *workspace])
    expected = images.ungrid(images.load(out), count, 64)
    np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize(
    "asked",
    [
        *(None, [], 1, {}, {"request": {}, "start": 0}, {"request": "x", "start": "y"}),
        {"request": {"model": ".."}, "start": 0},
    ],
)
def test_whatever_is_asked_for_further_frames_is_refused(asked: Any, context: Context) -> None:
    with pytest.raises(UserError):
        more_frames(context, asked)


def test_there_are_no_frames_beyond_the_last(context: Context) -> None:
    request = drawn(context)["request"]
    for start in (-1, 9, 10**9):
        with pytest.raises(UserError, match="no such frame"):
            more_frames(context, {"request": request, "start": start})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"keys": "-1, 3"}, "'-1' is no seed"),
        ({"keys": "<b>, 3"}, "is no seed"),
        ({"keys": "3"}, "two to twelve|2 to 12|at least"),
        ({"keys": ",".join(["3"] * 13)}, "12"),
        ({"frames": 0}, "out of range"),
        ({"frames": 241}, "out of range"),
        ({"method": "spline"}, "spline"),
        ({"easing": "bouncy"}, "bouncy"),
        ({"keys": "z1, 3"}, "'z1' is no seed"),
        ({"keys": "z1, 3", "vectors": '{"z1": [1, 2]}'}, "A z of this model"),
    ],
)
def test_bad_values_are_refused_in_a_sentence(
    changes: dict[str, Any], sentence: str, context: Context
) -> None:
    with pytest.raises(UserError, match=sentence):
        drawn(context, **changes)


def test_faces_are_added_reversed_and_changed(context: Context) -> None:
    assert keys.reverse_faces(context, "3, 14, 15") == "15, 14, 3"
    assert keys.add_face(context, "3,14").startswith("3, 14, ")
    assert len(keys.new_faces(context, "3,14,15").split(",")) == 3
    with pytest.raises(UserError, match="at most 12 faces"):
        keys.add_face(context, ",".join(["3"] * 12))

    def edited(action: str, index: Any, names: str = "3,14,15") -> str:
        return keys.edit_key(context, names, SimpleNamespace(action=action, index=index))

    assert edited("left", 2) == "3, 15, 14"
    assert edited("right", 0) == "14, 3, 15"
    assert edited("remove", 1) == "3, 15"
    assert edited("remove", 0, "3,14") == "3, 14"  # two are the fewest
    assert edited("roll", 0).endswith(", 14, 15")
    for index in (3, -1, None, "x", float("inf")):
        with pytest.raises(UserError, match="no face"):
            edited("roll", index)
    assert edited([1], 0) == "3, 14, 15"  # type: ignore[arg-type]


def test_faces_of_other_tabs_become_the_start_or_the_end(context: Context) -> None:
    seed = Lead("start", {"model": MODEL, "seed": 7})
    assert keys.receive(context, seed, "3, 14", "{}") == ("7, 14", "{}")
    nz = faces.load_model(context.workspace.run(MODEL).weights()).nz
    vector = [0.5] * nz
    names, vectors = keys.receive(context, Lead("end", {"z": vector}), "3, 14", "{}")
    assert (names, json.loads(vectors)) == ("3, z1", {"z1": vector})
    assert drawn(context, keys=names, vectors=vectors)["names"][1] == "End: z"
    started, _ = keys.receive(context, seed, "", "{}")
    assert re.fullmatch(r"7, \d+", started)
    ended, _ = keys.receive(context, Lead("end", {"model": MODEL, "seed": 7}), "3", "{}")
    assert ended == "3, 7"
    scaled = Lead("end", {"model": MODEL, "seed": 7, "truncation": 0.5})
    with pytest.raises(UserError, match="reset its scale"):
        keys.receive(context, scaled, "3, 14", "{}")


def test_a_frame_is_saved_and_led_on(context: Context) -> None:
    values = path()
    between = read_lead(films.send_frame(context, SimpleNamespace(to="explore", frame=4), *values))
    assert between.to == "explore"
    assert "z" in between.face
    key = read_lead(films.send_frame(context, SimpleNamespace(to="generate", frame=8), *values))
    assert key.face["seed"] == 14
    saved = films.save_frame(context, SimpleNamespace(frame=8), *values)
    assert Path(saved).name == f"{MODEL}_seed_0014.png"
    with pytest.raises(UserError, match="out of range"):
        films.save_frame(context, SimpleNamespace(frame=9), *values)


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_a_film_is_written(suffix: str, context: Context) -> None:
    done: list[Any] = []
    film = films.save_film(context, done.append, *path(), suffix, 2)
    assert Path(film).name == f"{MODEL}_interpolation_3-14{suffix}"
    with Image.open(film) as image:
        size, frames = image.size, getattr(image, "n_frames", 1)
    assert (size, frames) == (((128, 128), 9) if suffix == ".gif" else ((9 * 66 + 2, 68), 1))
    assert done
    assert done[-1] == (9, 9)


def test_films_that_cannot_be_are_refused(context: Context) -> None:
    for changes, sentence in (
        ((".avi", 1), "Films end in"),
        ((".gif", 3), "A film is enlarged"),
    ):
        with pytest.raises(UserError, match=sentence):
            films.save_film(context, lambda _: None, *path(), *changes)


def test_a_large_gif_is_warned_of(context: Context) -> None:
    assert films.warn_of_size(context, "3,14", 63, ".gif", 1) == ""
    assert "MB" in films.warn_of_size(context, "3,14,15", 63, ".gif", 8)
    assert films.warn_of_size(context, "3,14,15", 63, ".mp4", 8) == ""
    with pytest.raises(UserError, match="between two faces is missing"):
        films.warn_of_size(context, "3,14", None, ".gif", 8)
