"""The ablation trains, stops, goes on exactly, and tells what there is in a table."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from neuroceleb.data import holdout
from neuroceleb.data.batches import Faces
from neuroceleb.settings import RECIPES
from tests import helpers

pytestmark = pytest.mark.slow

SCRIPT = helpers.ROOT / "benchmarks" / "ablation.py"
TINY = ("--images", "64", "--seeds", "0", "--points", "2", "--n", "32", "--width", "4")


@pytest.fixture(scope="module")
def ablation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("the_ablation", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["the_ablation"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def faces() -> Any:
    return np.random.default_rng(0).integers(0, 256, (380, 64, 64, 3), dtype=np.uint8)


def test_every_part_of_the_recipe_is_added_and_taken_away(ablation: ModuleType) -> None:
    plan = ablation.Plan(64, 2, 32, 4, 0, torch.device("cpu"))
    settings = {name: plan.settings(v, 3) for name, v in ablation.variants().items()}
    assert settings["classic"].recipe == "classic"
    assert all(one.seed == 3 and one.ngf == 4 for one in settings.values())
    parts = settings.keys() - ablation.EQUAL_TIME.keys() - ablation.RATES.keys()
    for names in (ablation.EQUAL_TIME, ablation.RATES, parts):
        assert len({settings[name] for name in names}) == len(names)
    for name in RECIPES["modern"]:
        one, modern = settings[f"modern - {name}"], settings["modern"]
        changed = {k for k, v in one.to_json().items() if v != modern.to_json()[k]}
        assert changed == {name}


class NoMeasure:
    """A reference that costs nothing: what is tested here is the training."""

    n = 32


def rows_of(cell: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in cell.rows()]


def test_a_cell_in_slices_is_the_cell_in_one(
    ablation: ModuleType, faces: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(network: torch.nn.Module, _: object) -> dict[str, float]:
        return {"swd": sum(float(p.detach().double().sum()) for p in network.parameters())}

    monkeypatch.setattr(ablation.quick_evaluation, "evaluate", told)
    plan = ablation.Plan(96, 3, 32, 4, 16, torch.device("cpu"))
    train_on = Faces(faces[~holdout.held_out(faces)], plan.device)
    variant = ablation.variants()["modern"]
    with helpers.one_thread():
        whole = ablation.Cell(tmp_path / "whole", "modern", 0)
        ablation.train(whole, plan, variant, train_on, math.inf, NoMeasure())
        sliced, slices = ablation.Cell(tmp_path / "sliced", "modern", 0), 0
        while not sliced.is_done(plan):
            ablation.train(sliced, plan, variant, train_on, 0.0, NoMeasure())
            slices += 1
    assert slices > 3
    assert rows_of(sliced) == rows_of(whole)
    assert [row["images"] for row in whole.rows()] == [32, 64, 96]
    assert not sliced.state_file.exists()
    sheets = sorted(path.name for path in sliced.folder.glob("*.webp"))
    assert sheets == [f"faces_{images:09d}.webp" for images in (32, 64, 96)]
    assert len(ablation._read_sheet(sliced.folder / sheets[0])) == 32


def test_one_command_packs_another_measures(faces: Any, tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "made by crop"  # of which only what is kept counts
    for kept in ("faces", "rejected"):
        (folder / kept).mkdir(parents=True)
    Image.fromarray(faces[0]).save(folder / "rejected" / "0.png")
    Image.fromarray(faces[0]).save(folder / "report.jpg")
    for index, face in enumerate(faces):
        Image.fromarray(face // 4 + 96).save(folder / "faces" / f"{index}.png")

    def command(*words: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", str(SCRIPT), *map(str, words)],
            cwd=tmp_path,
            env=helpers.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    packed, work = tmp_path / "packed.zip", tmp_path / "work"
    assert "380 faces" in command("pack", folder, packed)
    arguments = ("run", packed, "--work", work, *TINY, "--batch", "16", "--device", "cpu")
    told = command(*arguments, "--only", "+ flip")
    assert "All done." in told
    assert (work / "table.md").read_text("utf-8").strip() in told
    (line,) = [line for line in told.splitlines() if line.startswith("| + flip |")]
    assert line.split("|")[2].strip() == "1"
    assert float(line.split("|")[3]) > 0
    row = json.loads((work / "plus_flip-seed0" / "rows.jsonl").read_text().splitlines()[-1])
    assert row["images"] == 64
    assert row["n"] == 32
