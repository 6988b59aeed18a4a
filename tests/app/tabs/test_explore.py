"""The listeners of the Explore tab, without a browser."""

import base64
import io
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.shared import Lead
from neuroceleb.app.tabs.explore import current, face_listeners, tool_listeners
from neuroceleb.app.tabs.explore.face_listeners import DIRECTIONS, MAP, NEAREST, PHOTO
from neuroceleb.errors import UserError
from neuroceleb.latent import arithmetic, moved_face
from neuroceleb.latent.seeds import z_from_seed
from neuroceleb.runs import evaluation
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from tests.conftest import SHIPPED
from tests.data.faces import faces_helpers

FIRST = ("first", 3)


@pytest.fixture
def context(tmp_path: Path, finished: Run) -> Context:
    """The owner of a workspace with the finished run `first`."""
    shutil.copytree(finished.path, tmp_path / "checkpoints" / "first")
    return Context(Workspace(tmp_path), Access(is_local=True))


def visitor(context: Context) -> Context:
    return Context(context.workspace, Access(is_local=False))


def event(**data: Any) -> gr.EventData:
    return SimpleNamespace(**data)  # type: ignore[return-value]


def pixels(url: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))


def provenance(url: str) -> dict[str, Any]:
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return dict(json.loads(image.text["neuroceleb"]))  # type: ignore[attr-defined]


# The face ----------------------------------------------------------------------------------


def test_a_face_comes_with_coarse_frames_and_its_provenance(context: Context) -> None:
    face_listeners.refine(context, *FIRST, "7")  # finds the directions
    palette, text, seed, numbers, *keys = face_listeners.show(context, *FIRST, DIRECTIONS, "7")
    assert (text, seed) == ("7", 7)
    assert keys == [gr.skip()] * 6
    assert provenance(palette["png"])["seed"] == 7
    assert palette["face"] == {"model": "first", "epoch": 3, "seed": 7, "truncation": 1.0}
    assert moved_face.read_numbers(numbers) == pytest.approx(z_from_seed(7, 8), abs=1e-3)
    count = len(palette["directions"])
    assert palette["positions"] == [0.0] * count
    assert pixels(palette["frames"]["sheet"]).shape == (64 * count, 64 * 5, 3)
    finer = face_listeners.refine(context, *FIRST, "7")["frames"]
    assert (finer["key"], finer["columns"]) == (palette["key"], 25)


def test_sliders_move_the_face_along_the_directions(context: Context) -> None:
    move = event(text="7*0,2.5")
    palette, text, seed, *_ = face_listeners.move(context, *FIRST, DIRECTIONS, move)
    assert (text, seed) == ("7*0,2.5", None)
    step = current.steps_of(current.read(context, *FIRST, "7").model)[1]
    moved = np.array(palette["face"]["z"]) - z_from_seed(7, 8)
    assert moved == pytest.approx(2.5 * step, abs=1e-4)
    row = pixels(face_listeners.refine(context, *FIRST, text)["frames"]["sheet"])[64:128]
    shown = pixels(palette["png"]).astype(int)
    off = [np.abs(row[:, 64 * at : 64 * at + 64] - shown).mean() for at in range(25)]
    assert np.argmin(off) == (2.5 + 3) / 0.25  # where the slider stands is the face itself


def test_the_face_is_chosen_by_seed_by_numbers_and_at_random(context: Context) -> None:
    assert face_listeners.use_seed(context, *FIRST, PHOTO, 12)[1] == "12"
    _palette, text, field, *_ = face_listeners.type_seed(context, *FIRST, PHOTO, 12)
    assert (text, field) == ("12", gr.skip())
    for unfinished in (None, -5, 1e30):
        typed = face_listeners.type_seed(context, *FIRST, PHOTO, unfinished)
        assert typed == (gr.skip(),) * 10
    with pytest.raises(UserError):
        face_listeners.use_seed(context, *FIRST, PHOTO, -5)
    seeds = {face_listeners.new_face(context, *FIRST, PHOTO)[2] for _ in range(3)}
    assert len(seeds) == 3
    average = face_listeners.average_face(context, *FIRST, PHOTO)
    assert average[0]["title"] == "The average face, z = 0"
    numbers = [0.5, -1, 0, 0, 0, 0, 0, 2]
    used = face_listeners.use_numbers(context, *FIRST, PHOTO, json.dumps(numbers))
    assert used[0]["face"]["z"] == numbers


def test_a_run_without_faces_yet_says_so(context: Context) -> None:
    young = context.workspace.checkpoints / "young"
    young.mkdir()
    (young / "config.json").write_text("{}")
    palette, text, *rest = face_listeners.show(context, "young", None, DIRECTIONS, "7")
    assert "'young' has no faces to show yet" in palette["empty"]
    assert (text, rest) == ("7", [gr.skip()] * 8)


def test_a_face_of_another_tab_opens_the_tool_that_it_is_sent_to(context: Context) -> None:
    sent = {"model": "first", "epoch": 3, "seed": 5, "truncation": 0.5}
    lead = Lead("nearest", sent)
    tool, palette, text, *_rest, key, _, _ = face_listeners.receive(context, lead, *FIRST, MAP)
    assert (tool, text, palette["face"]) == (NEAREST, "5x0.5", sent)
    assert key == palette["key"]
    lead = Lead("explore", {"model": "first", "epoch": 3, "z": [0.25] * 8})
    tool, palette, *_ = face_listeners.receive(context, lead, *FIRST, MAP)
    assert (tool, palette["face"]["z"]) == (MAP, [0.25] * 8)


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "42x3", "42*7", "42*a", "42*1,,2", "z!", "zAAA", "9" * 17]
)
def test_texts_that_are_no_face_are_refused(context: Context, text: str) -> None:
    with pytest.raises(UserError):
        current.read(context, *FIRST, text)


def test_names_are_saved_with_the_run_and_not_by_visitors(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Info", told.append)
    name = event(index=1, name=" brighter <b> ")
    face_listeners.rename(context, *FIRST, "7", name)
    assert "netG_epoch_003.directions.json" in told[0]
    palette = face_listeners.show(context, *FIRST, DIRECTIONS, "7")[0]
    assert [one["name"] for one in palette["directions"]][:3] == ["", "brighter <b>", ""]
    assert palette["can_name"]
    assert not face_listeners.show(visitor(context), *FIRST, DIRECTIONS, "7")[0]["can_name"]
    with pytest.raises(UserError, match="does not let visitors"):
        face_listeners.rename(visitor(context), *FIRST, "7", name)
    for bad in (event(index=1, name="x" * 41), event(index=99, name="x")):
        with pytest.raises(UserError):
            face_listeners.rename(context, *FIRST, "7", bad)


def test_directions_of_other_weights_are_reported_and_not_used(context: Context) -> None:
    run = context.workspace.run("first")
    face_listeners.rename(context, *FIRST, "7", event(index=0, name="mine"))
    shutil.copy(run.weights(0), run.weights(3))
    palette = face_listeners.show(context, *FIRST, DIRECTIONS, "7")[0]
    assert "was saved for another model" in palette["remark"]
    assert {one["name"] for one in palette["directions"]} == {""}


# The tools ---------------------------------------------------------------------------------


def test_arithmetic_adds_removes_and_clears(context: Context) -> None:
    terms = ""
    for name, seed in (("base", 1), ("base", 2), ("minus", 3), ("plus", 4)):
        terms, *pickers, palette, text, _, _, _, _, _, _, _, _ = tool_listeners.add(
            context, *FIRST, terms, name, event(pick=str(seed))
        )
    assert terms == "1,2|3|4"
    base, minus, plus, total = pickers
    assert [len(one["faces"]) for one in (base, minus, plus, total)] == [2, 1, 1, 3 + 9]
    z = [z_from_seed(seed, 8) for seed in range(5)]
    wanted = (z[1] + z[2]) / 2 - z[3] + z[4]
    assert palette["face"]["z"] == pytest.approx(wanted.tolist(), abs=1e-3)
    assert text == total["faces"][3]["pick"]
    terms, *_ = tool_listeners.remove(context, *FIRST, terms, event(pick="base:0"))
    assert terms == "2|3|4"
    terms, *_ = tool_listeners.add_current(context, *FIRST, terms, "plus", "9*1")
    assert terms.startswith("2|3|4,z")
    grid, *drawn = tool_listeners.fill_arithmetic(context, *FIRST, terms, 24)
    assert grid["faces"][0]["pick"] == "24"
    assert len(drawn[2]["faces"]) == 2
    terms, *pickers = tool_listeners.clear(context, *FIRST)[:5]
    assert terms == ""
    assert not any(one["faces"] for one in pickers)
    with pytest.raises(UserError, match="at most 8"):
        tool_listeners.add(context, *FIRST, ",".join("12345678"), "base", event(pick="9"))


def test_the_example_moves_faces_along_one_direction(context: Context) -> None:
    terms, *rest = tool_listeners.show_example(context, *FIRST)
    palette = rest[-face_listeners.SHOWN]
    loaded = current.read(context, *FIRST, "1").model
    step = current.steps_of(loaded)[: arithmetic.EXAMPLE_DIRECTION + 1][-1]
    _, _, plus = arithmetic.Terms.read(terms).all
    before = np.mean([z_from_seed(int(seed), 8) for seed in plus], axis=0)
    moved = (np.array(palette["face"]["z"]) - before) @ step / np.linalg.norm(step)
    assert moved > 1


def test_the_map_has_a_point_and_a_face_for_each_seed(context: Context) -> None:
    value, facts = tool_listeners.fill_map(context, *FIRST, progress=lambda *_, **__: None)
    assert {name: len(points) for name, points in value["layouts"].items()} == {
        "tsne": 400,
        "pca": 400,
    }
    assert pixels(value["sheet"]).shape == (20 * 64, 20 * 64, 3)
    assert facts.startswith("400 faces")
    assert tool_listeners.take_of_map(context, *FIRST, MAP, event(index=17))[1] == "17"


@pytest.mark.parametrize(("text", "marked"), [("17", 17), ("17x0.5", -1), ("17*1", -1)])
def test_the_map_marks_the_face_that_is_shown(context: Context, text: str, marked: int) -> None:
    face_map = face_listeners.show(context, *FIRST, MAP, text)[4]
    assert face_map["marked"] == marked
    assert face_listeners.show(context, *FIRST, NEAREST, text)[4] == gr.skip()


def upload(context: Context, name: str, image: Image.Image) -> str:
    path = context.new_file(name)
    image.save(path)
    return str(path)


def test_a_photo_is_cut_deleted_and_searched_for(context: Context) -> None:
    own = images.encode(current.read(context, *FIRST, "3").model.images(z_from_seed(3, 8)[None])[0])
    path = context.new_file("own.png")
    path.write_bytes(own)
    _, crop, picker, _ = tool_listeners.crop(context, str(path))
    assert not path.exists()
    assert picker["faces"][0]["pick"] is None
    steps = list(tool_listeners.search(context, *FIRST, crop))
    assert 5 < len(steps) <= tool_listeners.UPDATES + 2
    assert steps[0][:2] == ("Searching …", gr.update(visible=True))
    facts, stop, way, palette, *_ = steps[-1]
    assert stop == gr.update(visible=False)
    assert len(way["faces"]) == len(steps)
    assert palette["text"] == way["faces"][-1]["pick"]
    assert re.match("A (close|loose) match|No match", facts)
    none = (gr.skip(), gr.update(visible=False), *(gr.skip(),) * 11)
    assert next(tool_listeners.search(context, *FIRST, "")) == none
    with pytest.raises(UserError, match="no face cut from a photo"):
        next(tool_listeners.search(context, *FIRST, "data:image/png;base64,AAAA"))


def test_of_several_faces_in_a_photo_one_is_chosen(context: Context) -> None:
    two = Image.new("RGB", (600, 371))
    for left in (0, 300):
        two.paste(faces_helpers.portrait(), (left, 0))
    _, crop, picker, _ = tool_listeners.crop(context, upload(context, "two.png", two))
    assert crop == ""
    assert picker["title"] == "There are 2 faces in this photo: choose one."
    assert tool_listeners.choose_crop(context, event(pick=picker["faces"][1]["pick"])).startswith(
        "data:image/png"
    )
    with pytest.raises(UserError, match="No face was found"):
        tool_listeners.crop(context, upload(context, "grey.png", Image.new("RGB", (200, 200))))


def test_nearest_photos_and_the_whole_model(context: Context) -> None:
    silent = lambda *_, **__: None  # noqa: E731
    verdict, photos, button = tool_listeners.fill_nearest(context, *FIRST, "1", progress=silent)
    assert re.match("No copy|Rather close|It may be|A copy", verdict)
    assert len(photos["faces"]) == 6
    assert button["interactive"]
    facts, closest = tool_listeners.survey(context, *FIRST, progress=silent)
    assert "of 512 faces are suspects" in facts
    assert len(closest["faces"]) == 6


def test_without_the_photos_stored_figures_are_shown(context: Context, tmp_path: Path) -> None:
    run = context.workspace.run("first")
    config = json.loads((run.path / "config.json").read_text())
    text = json.dumps(config).replace(str(run.dataset_path()), str(tmp_path / "gone"))
    (run.path / "config.json").write_text(text)
    verdict, photos, button = tool_listeners.fill_nearest(context, *FIRST, "1")
    assert "was not evaluated" in verdict
    assert "not on this machine" in verdict
    assert photos is None
    assert not button["interactive"]
    shipped = evaluation.read(SHIPPED)[29]
    evaluation.write(run.path, 3, shipped | {"epoch": 3})
    verdict = tool_listeners.fill_nearest(context, *FIRST, "1")[0]
    assert "From the evaluation of epoch 3: 0.3% of 2,048 faces were suspected copies" in verdict


def test_visitors_do_not_see_photos(context: Context) -> None:
    verdict, photos, _ = tool_listeners.fill_nearest(visitor(context), *FIRST, "1")
    assert "asks for a password" in verdict
    assert photos is None
    with pytest.raises(UserError, match="does not let visitors"):
        tool_listeners.survey(visitor(context), *FIRST)
