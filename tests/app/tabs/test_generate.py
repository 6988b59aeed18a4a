"""The listeners of the Generate tab, without a browser."""

import base64
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from neuroceleb.app import faces
from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.face_items import items_of_faces
from neuroceleb.app.shared import Chosen, Lead, read_lead
from neuroceleb.app.tabs import generate
from neuroceleb.app.tabs.generate import incoming
from neuroceleb.app.tabs.generate import seeds as steps
from neuroceleb.app.tabs.generate import sheet as sheet_module
from neuroceleb.cli import main
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace
from tests.conftest import SHIPPED

MODEL = SHIPPED.name


def inputs(**changes: Any) -> sheet_module.SheetInputs:
    given: dict[str, Any] = {
        "model": MODEL,
        "epoch": None,
        "seeds": "42",
        "how_many": 3,
        "best": False,
        "truncation": 1.0,
        "view": sheet_module.SEEDS,
        "left_out": "",
        "favourites": [],
    }
    return sheet_module.SheetInputs(**given | changes)


def shown(context: Context, **changes: Any) -> tuple[Any, ...]:
    return sheet_module.show_faces(context, *inputs(**changes))


def names_in_zip(context: Context, **changes: Any) -> list[str]:
    path = sheet_module.archive(context, *inputs(**changes))
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def png_of(item: dict[str, Any]) -> bytes:
    return base64.b64decode(item["png"].partition(",")[2])


def test_the_sheet_holds_the_files_that_sample_writes(context: Context, tmp_path: Path) -> None:
    sheet, facts, _, _ = shown(context)
    assert [item["face"]["seed"] for item in sheet["faces"]] == [42, 43, 44]
    assert facts.endswith("seeds 42–44")
    arguments = ["sample", MODEL, "--seeds", "42-44", "--out", str(tmp_path / "faces")]
    with pytest.raises(SystemExit):
        main.main([*arguments, "--workspace", str(context.workspace.root)])
    for seed, item in zip((42, 43, 44), sheet["faces"], strict=True):
        assert item["name"] == f"{MODEL}_seed_{seed:04d}.png"
        ours = Image.open(io.BytesIO(png_of(item))).tobytes()
        assert ours == Image.open(tmp_path / "faces" / f"seed_{seed:04d}.png").tobytes()


def test_a_list_of_seeds_is_shown_in_its_order(context: Context) -> None:
    sheet, facts, _, _ = shown(context, seeds="9,3,14-15")
    assert [item["face"]["seed"] for item in sheet["faces"]] == [9, 3, 14, 15]
    assert facts.endswith("4 seeds")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seeds": "-5"}, "The seed is out of range"),
        ({"seeds": "x"}, "is not a number"),
        ({"seeds": ""}, "The seed is missing"),
        ({"how_many": 0}, "The number of faces is out of range"),
        ({"how_many": 300}, "The number of faces is out of range"),
        ({"seeds": "0-999"}, "faces cannot be shown at once"),
        ({"truncation": 9}, "runcation"),
        ({"epoch": 7}, "epoch"),
        ({"model": "nobody"}, "nobody"),
        ({"best": True, "seeds": "1,2"}, "Best of begins at one seed"),
        ({"best": True, "how_many": 65}, "Best of chooses 64 faces at most"),
    ],
)
def test_bad_values_are_refused_in_a_sentence(
    changes: dict[str, Any], sentence: str, context: Context
) -> None:
    with pytest.raises(UserError, match=sentence):
        shown(context, **changes)


@pytest.mark.parametrize("seeds", ["", "x", "1,", "20-", "20-2", "0-999999", "9" * 30])
def test_half_typed_seeds_change_nothing_and_raise_nothing(context: Context, seeds: str) -> None:
    rest = (3, False, 1.0, sheet_module.SEEDS, "", [])
    skipped = sheet_module.show_typed(context, MODEL, None, seeds, *rest)
    assert skipped == [gr.skip()] * 4
    drawn = sheet_module.show_typed(context, MODEL, None, "3,20-21", *rest)
    assert [item["face"]["seed"] for item in drawn[0]["faces"]] == [3, 20, 21]


def test_without_a_model_nothing_is_drawn(context: Context) -> None:
    assert all(update["__type__"] == "update" for update in shown(context, model=None))


@pytest.mark.slow
def test_a_run_without_faces_yet_says_so_instead_of_showing_those_of_another(
    tmp_path: Path,
) -> None:
    (tmp_path / "checkpoints" / "young").mkdir(parents=True)
    (tmp_path / "checkpoints" / "young" / "config.json").write_text("{}")
    context = Context(Workspace(tmp_path), Access(is_local=True))
    sheet, facts, _, _ = shown(context, model="young")
    assert sheet["faces"] == []
    assert "'young' has no faces to show yet" in sheet["note"]
    assert sheet["of"] == ["young", None]
    assert facts == ""


def test_the_sheet_says_whose_faces_it_shows(context: Context) -> None:
    assert shown(context)[0]["of"] == [MODEL, 29]
    assert "of" not in shown(context, view=sheet_module.FAVOURITES)[0]


def test_best_of_keeps_a_quarter_and_shows_the_rest(context: Context) -> None:
    sheet, facts, views, left_out = shown(context, best=True, how_many=2)
    assert len(sheet["faces"]) == 2
    assert facts.startswith("The best 2 of 8 by flaw score")
    assert sheet_module.LEFT_OUT in [value for _, value in views["choices"]]
    asked = {"best": True, "view": sheet_module.LEFT_OUT, "left_out": left_out}
    rest, *_ = shown(context, how_many=2, **asked)
    seeds = [item["face"]["seed"] for item in [*sheet["faces"], *rest["faces"]]]
    assert sorted(seeds) == list(range(42, 50))
    # Other faces are asked for: those that are left out of them.
    rest, *_ = shown(context, how_many=1, **asked)
    best = shown(context, how_many=1, best=True)[0]["faces"]
    seeds = [item["face"]["seed"] for item in [*best, *rest["faces"]]]
    assert sorted(seeds) == list(range(42, 46))
    # Without a choice of the best nothing is left out.
    sheet, _, views, _ = shown(context, **asked | {"best": False})
    assert views["value"] == sheet_module.SEEDS
    assert [item["face"]["seed"] for item in sheet["faces"]] == [42, 43, 44]


def test_favourites_give_way_to_seeds_that_are_asked_for(context: Context) -> None:
    for view in (sheet_module.SEEDS, sheet_module.FAVOURITES):
        sheet, _, views, _ = sheet_module.show_seeds(context, *inputs(view=view))
        assert [item["face"]["seed"] for item in sheet["faces"]] == [42, 43, 44]
        assert views.get("value") == (
            sheet_module.SEEDS if view == sheet_module.FAVOURITES else None
        )


def test_favourites_are_shown(context: Context) -> None:
    sheet, *_ = shown(context)
    kept = [sheet["faces"][1]["face"]]
    gone = {"model": "gone", "epoch": 0, "seed": 1, "truncation": 1.0}
    liked, facts, *_ = shown(context, view=sheet_module.FAVOURITES, favourites=[*kept, gone])
    assert png_of(liked["faces"][0]) == png_of(sheet["faces"][1])
    assert "gone" in liked["faces"][1]["problem"]
    assert facts == "Favourites, kept in this browser only."
    for hostile in (None, "x", 7, {"a": 1}):
        nothing, *_ = shown(context, view=sheet_module.FAVOURITES, favourites=hostile)
        assert nothing["faces"] == []
    odd, *_ = shown(context, view=sheet_module.FAVOURITES, favourites=[None, "x", []])
    assert all("problem" in item for item in odd["faces"])


def test_the_newest_of_many_favourites_are_shown(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_module.faces, "MAX_COUNT", 2)
    many = [{"model": MODEL, "epoch": 0, "seed": seed} for seed in range(5)]
    sheet, facts, *_ = shown(context, view=sheet_module.FAVOURITES, favourites=many)
    assert [item["face"]["seed"] for item in sheet["faces"]] == [3, 4]
    assert facts.endswith("The newest 2 of 5 are shown.")


def test_a_step_draws_one_seed_and_refuses_a_list(context: Context) -> None:
    stepped = sheet_module.show_stepped(context, *inputs(seeds=" 42 "))
    assert stepped == shown(context, seeds="42")
    with pytest.raises(UserError, match="write one seed"):
        sheet_module.show_stepped(context, *inputs(seeds="1,2"))
    with pytest.raises(UserError, match="seed"):
        sheet_module.show_stepped(context, *inputs(seeds="9" * 5_000))


def test_favourites_give_way_to_a_new_seed(context: Context) -> None:
    seed, view = steps.new_seeds(context, sheet_module.FAVOURITES)
    assert (seed.isdecimal(), view) == (True, sheet_module.SEEDS)
    assert steps.new_seeds(context, sheet_module.LEFT_OUT)[1] == gr.skip()


def test_a_saved_png_brings_back_what_it_shows(context: Context) -> None:
    sheet, *_ = shown(context, seeds="77", how_many=1, truncation=0.5)
    png = context.new_file("face.png")
    png.write_bytes(png_of(sheet["faces"][0]))
    opened = incoming.open_uploaded(context, str(png))
    model, epoch, seeds, count, best, view, truncation, _ = opened
    assert (model, seeds, count) == (MODEL, "77", 1)
    assert (best, view) == (False, sheet_module.SEEDS)
    assert epoch["value"] == sheet["faces"][0]["face"]["epoch"]
    assert (truncation["value"], truncation["visible"]) == (0.5, True)
    png.write_bytes(b"no PNG")
    with pytest.raises(UserError, match="drop a PNG that was saved here"):
        incoming.open_uploaded(context, str(png))


def test_a_face_without_a_seed_leads_to_explore(context: Context) -> None:
    nz = faces.load_model(context.workspace.run(MODEL).weights()).nz
    face = {"model": MODEL, "epoch": 29, "z": [0.25] * nz}
    item = items_of_faces(context.workspace, [face])["faces"][0]
    png = context.new_file("face.png")
    png.write_bytes(png_of(item))
    *_, lead = incoming.open_uploaded(context, str(png))
    assert read_lead(lead) == Lead("explore", face)


def test_only_uploaded_files_are_opened_by_a_drop(context: Context) -> None:
    event = SimpleNamespace(path="/etc/hostname")
    with pytest.raises(UserError, match="upload it again"):
        incoming.open_dropped(context, event)
    with pytest.raises(UserError, match="upload it again"):
        incoming.open_uploaded(context, event.path)


def test_all_faces_are_saved_in_one_zip(context: Context) -> None:
    assert names_in_zip(context) == [f"seed_{seed:04d}.png" for seed in (42, 43, 44)]


def test_the_faces_of_every_view_are_saved(context: Context) -> None:
    *_, left_out = shown(context, best=True, how_many=2)
    asked = {"view": sheet_module.LEFT_OUT, "best": True, "how_many": 2}
    for known in (left_out, ""):
        saved = names_in_zip(context, left_out=known, **asked)
        rest = left_out.partition(" of ")[0].split(",")
        assert sorted(saved) == sorted(f"seed_{int(seed):04d}.png" for seed in rest)
    kept = [{"model": MODEL, "epoch": epoch, "seed": 7} for epoch in (29, 11)]
    view = {"view": sheet_module.FAVOURITES}
    saved = names_in_zip(context, favourites=[*kept, {"model": "gone"}], **view)
    assert saved == [
        f"000_{MODEL}_epoch_029_seed_0007.png",
        f"001_{MODEL}_epoch_011_seed_0007.png",
    ]
    with pytest.raises(UserError, match="None of these faces"):
        names_in_zip(context, favourites=[{"model": "gone"}], **view)


def test_a_lead_sets_its_seed_or_keeps_the_seeds(context: Context) -> None:
    face = {"model": MODEL, "epoch": 29, "seed": 7}
    assert incoming.receive(context, Lead("generate", face)) == (
        *("7", 1, False),
        sheet_module.SEEDS,
    )
    *unchanged, view = incoming.receive(context, Lead("generate", {"model": MODEL}))
    assert unchanged == [gr.skip()] * 3
    assert view == sheet_module.SEEDS


def test_an_address_with_a_seed_shows_as_many_faces_as_were_there(context: Context) -> None:
    names = ("seeds", "count", "best", "view", "truncation")
    ui: Any = SimpleNamespace(**{name: name for name in names})
    restored = generate.restore(context, ui, {"seed": "7"}, None)
    assert (restored["seeds"], restored["count"]) == ("7", faces.FIRST_COUNT)
    assert generate.restore(context, ui, {"seed": "7", "count": "1"}, None)["count"] == 1


def test_back_leaves_the_view_of_favourites(context: Context) -> None:
    names = ("seeds", "count", "best", "view", "truncation", "sheet", "facts", "left_out")
    ui: Any = SimpleNamespace(**{name: name for name in names})
    restored = generate.restore(context, ui, {"seed": "7", "count": "1"}, Chosen(MODEL, 29))
    assert restored["view"]["value"] == sheet_module.SEEDS
    assert [item["face"]["seed"] for item in restored["sheet"]["faces"]] == [7]


def test_a_lead_survives_its_text() -> None:
    lead = Lead("start", {"model": MODEL, "z": [0.5, -1.0]})
    assert read_lead(lead.to_text()) == lead
    assert lead.to_text() != lead.to_text()
    for text in ("", "[]", "{}", json.dumps({"to": "nowhere", "face": {}}), "[" * 100_000):
        with pytest.raises(UserError, match="pick one again"):
            read_lead(text)
